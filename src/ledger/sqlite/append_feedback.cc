#include <string>
#include <string_view>
#include <utility>

#include "ledger/sqlite/appender.h"
#include "ledger/sqlite/binder.h"

namespace triage::ledger {
namespace {

constexpr std::string_view kInsert =
    "INSERT INTO feedback (exchange_id, source, key, time_us, kind, value, reason, good, weight, "
    "from_exchange) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (exchange_id, source, key) DO NOTHING";

}  // namespace

// Rare beside exchanges: its statements are prepared when they are needed.
Result<Recorded> Appender::WriteFeedback(const Feedback& feedback, std::int64_t& learning_bytes) {
  const std::string id = feedback.exchange.Text();
  Result<Statement> owner = connection_.Prepare("SELECT client FROM exchange WHERE id = ?");
  if (!owner) return std::move(owner).error();
  Binder(*owner).Text(id);
  const Result<bool> known = owner->Step();
  if (!known) return known.error();
  if (!*known) return Recorded::kUnknownExchange;
  const auto client = static_cast<std::uint64_t>(owner->Integer(0));
  owner->Reset();
  if (client != feedback.client) return Recorded::kNotTheirs;

  const std::string from = feedback.from ? feedback.from->Text() : std::string();
  Result<Statement> insert = connection_.Prepare(kInsert);
  if (!insert) return std::move(insert).error();
  Binder bind(*insert);
  bind.Text(id).Text(Name(feedback.source)).Text(feedback.key);
  bind.Integer(feedback.time.time_since_epoch().count()).Text(feedback.kind).Text(feedback.value);
  bind.Text(feedback.reason).Number(feedback.good).Number(feedback.weight).Text(from);
  Result<void> done = insert->Run();
  if (!done) return std::move(done).error();
  if (connection_.changes() == 0) return Recorded::kRepeated;
  if (!feedback.good) return Recorded::kNew;

  if (!feedback.features.empty()) {
    done = WriteLearning({.exchange = feedback.exchange,
                          .features = feedback.features,
                          .schema = feedback.feature_schema,
                          .propensity = feedback.propensity},
                         learning_bytes);
    if (!done) return std::move(done).error();
  }
  Result<Statement> mark =
      connection_.Prepare("UPDATE learning SET labelled = 1 WHERE exchange_id = ?");
  if (!mark) return std::move(mark).error();
  Binder(*mark).Text(id);
  done = mark->Run();
  if (!done) return std::move(done).error();
  return Recorded::kNew;
}

}  // namespace triage::ledger
