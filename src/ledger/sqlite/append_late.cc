#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "ledger/rollup.h"
#include "ledger/sqlite/appender.h"
#include "ledger/sqlite/binder.h"

namespace triage::ledger {
namespace {

/// What a late attempt has to know of its exchange.
struct Known {
  RollupKey key;  ///< of whoever gave the final answer
  bool compared = false;
  std::int64_t attempts = 0;
  std::int64_t verdicts = 0;
};

constexpr std::string_view kSelect =
    "SELECT time_us, user_name, team, feature, query_type, tier, provider, model, "
    "baseline_nusd IS NOT NULL AND unknown_costs = 0, "
    "(SELECT count(*) FROM attempt WHERE exchange_id = id), "
    "(SELECT count(*) FROM verdict WHERE exchange_id = id) FROM exchange WHERE id = ?";

constexpr std::string_view kUpdate =
    "UPDATE exchange SET cost_nusd = cost_nusd + ?, cost_complete = min(cost_complete, ?), "
    "unknown_costs = unknown_costs + ? WHERE id = ?";

Result<std::optional<Known>> Find(Connection& connection, std::string_view id) {
  Result<Statement> select = connection.Prepare(kSelect);
  if (!select) return std::move(select).error();
  Binder(*select).Text(id);
  const Result<bool> row = select->Step();
  if (!row) return row.error();
  if (!*row) return std::optional<Known>();
  Known known;
  known.key = {.hour = HourOf(WallTime(std::chrono::microseconds(select->Integer(0)))),
               .user = select->Text(1),
               .team = select->Text(2),
               .feature = select->Text(3),
               .query_type = select->Text(4),
               .tier = select->Text(5),
               .provider = select->Text(6),
               .model = select->Text(7)};
  known.compared = select->Integer(8) != 0;
  known.attempts = select->Integer(9);
  known.verdicts = select->Integer(10);
  return std::optional(std::move(known));
}

}  // namespace

Result<Recorded> Appender::WriteLate(const LateAttempt& late) {
  const std::string id = late.exchange.Text();
  const Result<std::optional<Known>> found = Find(connection_, id);
  if (!found) return found.error();
  if (!*found) return Recorded::kUnknownExchange;
  const Known& known = **found;
  Result<void> done = WriteAttempts(late.exchange, std::span(&late.attempt, 1), known.attempts + 1);
  if (done) done = WriteVerdicts(late.exchange, late.verdicts, known.verdicts + 1);
  if (!done) return std::move(done).error();

  const NanoDollars cost = late.attempt.cost.value_or(NanoDollars());
  Result<Statement> update = connection_.Prepare(kUpdate);
  if (!update) return std::move(update).error();
  const bool complete = late.attempt.cost && !late.attempt.cost_estimated;
  Binder(*update).Money(cost).Integer(complete ? 1 : 0).Integer(late.attempt.cost ? 0 : 1).Text(id);
  done = update->Run();
  if (!done) return std::move(done).error();

  // As AddRollups would have had it, but that an exchange which was compared stays so: what a
  // sample costs is known but for failures, which cost next to nothing.
  std::map<RollupKey, Sums> sums;
  Sums& final = sums[known.key];
  (known.compared ? final.compared_cost : final.other_cost) += cost;
  RollupKey key = known.key;
  key.tier = late.attempt.tier;
  key.provider = late.attempt.provider;
  key.model = late.attempt.model;
  Sums added;
  added.attempts = 1;
  if (late.attempt.usage) added.tokens = *late.attempt.usage;
  added.cost = cost;
  added.unknown_cost = late.attempt.cost ? 0 : 1;
  added.estimated_cost = late.attempt.cost && late.attempt.cost_estimated ? 1 : 0;
  sums[key] += added;
  done = WriteRollups(sums);
  if (!done) return std::move(done).error();
  return Recorded::kNew;
}

}  // namespace triage::ledger
