#include "ledger/sqlite/queries.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/decision_json.h"
#include "ledger/rollup.h"
#include "ledger/time_text.h"

namespace triage::ledger {
namespace {

constexpr std::string_view kSelectExchange =
    "SELECT time_us, dialect, requested_model, stream, user_name, team, feature, session, impact, "
    "error_tolerance, "
    "sensitivity, min_tier, max_tier, verify, latency_ms, tier, provider, model, status, error, "
    "client_gone, "
    "escalations, promoted_from, cost_nusd, cost_complete, baseline_nusd, first_byte_us, total_us, "
    "decision, client "
    "FROM exchange WHERE id = ?";

constexpr std::string_view kSelectAttempts =
    "SELECT kind, tier, provider, model, status, error, fresh_input, cache_read, cache_write_5m, "
    "cache_write_1h, "
    "output, reasoning, usage_estimated, cost_nusd, cost_estimated, started_us, connect_us, "
    "first_byte_us, total_us "
    "FROM attempt WHERE exchange_id = ? ORDER BY number";

constexpr std::string_view kSelectVerdicts =
    "SELECT attempt, check_name, outcome, reason, p_bad, propensity, took_us FROM verdict "
    "WHERE exchange_id = ? ORDER BY number";

constexpr std::string_view kSelectFeedback =
    "SELECT source, key, time_us, kind, value, reason, good, weight, from_exchange FROM feedback "
    "WHERE exchange_id = ? ORDER BY time_us, source, key";

constexpr std::string_view kSelectRecent =
    "SELECT id, time_us, user_name, team, feature, query_type, requested_model, tier, model, "
    "status, error, "
    "escalations, cost_nusd, cost_complete, baseline_nusd, total_us FROM exchange WHERE id < ? "
    "ORDER BY id DESC LIMIT ?";

// In the order of the members of Sums, which ReadSums relies on.
constexpr std::string_view kSums =
    "sum(exchanges), sum(failed), sum(escalated), sum(attempts), sum(fresh_input), "
    "sum(cache_read), "
    "sum(cache_write_5m), sum(cache_write_1h), sum(output), sum(reasoning), sum(cost_nusd), "
    "sum(unknown_cost), "
    "sum(estimated_cost), sum(baseline_nusd), sum(compared), sum(compared_cost_nusd), "
    "sum(compared_baseline_nusd), "
    "sum(without_cost), sum(without_baseline), sum(other_cost_nusd)";

/// Reads columns from left to right.
class Row {
 public:
  explicit Row(const Statement& statement) : statement_(statement) {}

  std::string Text() { return statement_.Text(column_++); }

  std::int64_t Integer() { return statement_.Integer(column_++); }

  int Small() { return static_cast<int>(Integer()); }

  bool Flag() { return Integer() != 0; }

  double Number() { return statement_.Number(column_++); }

  std::optional<double> PerhapsNumber() {
    if (!statement_.IsNull(column_)) return Number();
    ++column_;
    return std::nullopt;
  }

  NanoDollars Money() { return NanoDollars(Integer()); }

  std::chrono::microseconds Micros() { return std::chrono::microseconds(Integer()); }

  std::optional<std::int64_t> Perhaps() {
    if (!statement_.IsNull(column_)) return Integer();
    ++column_;
    return std::nullopt;
  }

  std::optional<NanoDollars> PerhapsMoney() {
    const std::optional<std::int64_t> value = Perhaps();
    return value ? std::optional(NanoDollars(*value)) : std::nullopt;
  }

 private:
  const Statement& statement_;
  int column_ = 0;
};

AttemptKind ParseKind(std::string_view text) {
  for (const AttemptKind kind :
       {AttemptKind::kAnswer, AttemptKind::kRetry, AttemptKind::kFallback, AttemptKind::kJudge,
        AttemptKind::kCheck, AttemptKind::kHedge, AttemptKind::kShadow, AttemptKind::kEmbedding,
        AttemptKind::kReask, AttemptKind::kEscalation}) {
    if (Name(kind) == text) return kind;
  }
  return AttemptKind::kAnswer;
}

Attempt ReadAttempt(const Statement& statement) {
  Row row(statement);
  Attempt attempt;
  attempt.kind = ParseKind(row.Text());
  attempt.tier = row.Text();
  attempt.provider = row.Text();
  attempt.model = row.Text();
  attempt.status = row.Small();
  attempt.error = row.Text();
  std::array<std::optional<std::int64_t>, 7> counts;
  std::ranges::generate(counts, [&row] { return row.Perhaps(); });
  if (counts[0]) {
    attempt.usage = llm::Usage{.fresh_input = *counts[0],
                               .cache_read = counts[1].value_or(0),
                               .cache_write_5m = counts[2].value_or(0),
                               .cache_write_1h = counts[3].value_or(0),
                               .output = counts[4].value_or(0),
                               .reasoning = counts[5].value_or(0),
                               .estimated = counts[6].value_or(0) != 0};
  }
  attempt.cost = row.PerhapsMoney();
  attempt.cost_estimated = row.Flag();
  attempt.started = row.Micros();
  attempt.connect = row.Micros();
  attempt.first_byte = row.Micros();
  attempt.total = row.Micros();
  return attempt;
}

StoredExchange ReadExchange(const ExchangeId& id, const Statement& statement) {
  Row row(statement);
  StoredExchange stored;
  Exchange& exchange = stored.exchange;
  llm::Context& context = exchange.context;
  exchange.id = id;
  exchange.time = WallTime(row.Micros());
  exchange.dialect = llm::ParseDialect(row.Text()).value_or(llm::Dialect::kOpenAiChat);
  exchange.requested_model = row.Text();
  exchange.stream = row.Flag();
  context.user = row.Text();
  context.team = row.Text();
  context.feature = row.Text();
  context.session = row.Text();
  context.impact = llm::ParseImpact(row.Text()).value_or(llm::Impact::kNormal);
  context.error_tolerance = llm::ParseTolerance(row.Text()).value_or(llm::Tolerance::kNormal);
  context.sensitivity = row.Text();
  context.min_tier = row.Text();
  context.max_tier = row.Text();
  context.verify = row.Text();
  if (const std::optional<std::int64_t> latency = row.Perhaps())
    context.latency = std::chrono::milliseconds(*latency);
  exchange.tier = row.Text();
  exchange.provider = row.Text();
  exchange.model = row.Text();
  exchange.status = row.Small();
  exchange.error = row.Text();
  exchange.client_gone = row.Flag();
  exchange.escalations = row.Small();
  exchange.promoted_from = row.Text();
  exchange.cost = row.Money();
  exchange.cost_complete = row.Flag();
  exchange.baseline_cost = row.PerhapsMoney();
  exchange.first_byte = row.Micros();
  exchange.total = row.Micros();
  stored.decision_json = row.Text();
  context.client = static_cast<std::uint64_t>(row.Integer());
  return stored;
}

Verdict ReadVerdict(const Statement& statement) {
  Row row(statement);
  Verdict verdict;
  verdict.attempt = row.Small() - 1;
  verdict.check = row.Text();
  verdict.outcome = row.Text();
  verdict.reason = row.Text();
  verdict.p_bad = row.Number();
  verdict.propensity = row.Number();
  verdict.took = row.Micros();
  return verdict;
}

Feedback ReadFeedback(const ExchangeId& id, const Statement& statement) {
  Row row(statement);
  Feedback feedback;
  feedback.exchange = id;
  feedback.source = row.Text() == Name(Feedback::Source::kClient) ? Feedback::Source::kClient
                                                                  : Feedback::Source::kSession;
  feedback.key = row.Text();
  feedback.time = WallTime(row.Micros());
  feedback.kind = row.Text();
  feedback.value = row.Text();
  feedback.reason = row.Text();
  feedback.good = row.PerhapsNumber();
  feedback.weight = row.Number();
  feedback.from = ExchangeId::Parse(row.Text());
  return feedback;
}

/// Reads all rows that belong to an exchange.
template <class T, class Read>
Result<void> ReadRows(Connection& connection, std::string_view sql, std::string_view id, Read read,
                      std::vector<T>& rows) {
  Result<Statement> select = connection.Prepare(sql);
  if (!select) return std::move(select).error();
  select->Bind(1, id);
  Result<bool> row = select->Step();
  for (; row && *row; row = select->Step()) rows.push_back(read(*select));
  if (!row) return std::move(row).error();
  return {};
}

Sums ReadSums(Row& row) {
  Sums sums;
  sums.exchanges = row.Integer();
  sums.failed = row.Integer();
  sums.escalated = row.Integer();
  sums.attempts = row.Integer();
  sums.tokens.fresh_input = row.Integer();
  sums.tokens.cache_read = row.Integer();
  sums.tokens.cache_write_5m = row.Integer();
  sums.tokens.cache_write_1h = row.Integer();
  sums.tokens.output = row.Integer();
  sums.tokens.reasoning = row.Integer();
  sums.cost = row.Money();
  sums.unknown_cost = row.Integer();
  sums.estimated_cost = row.Integer();
  sums.baseline = row.Money();
  sums.compared = row.Integer();
  sums.compared_cost = row.Money();
  sums.compared_baseline = row.Money();
  sums.without_cost = row.Integer();
  sums.without_baseline = row.Integer();
  sums.other_cost = row.Money();
  return sums;
}

std::string_view Expression(Dimension dimension) {
  switch (dimension) {
    case Dimension::kUser: return "user_name";
    case Dimension::kTeam: return "team";
    case Dimension::kFeature: return "feature";
    case Dimension::kQueryType: return "query_type";
    case Dimension::kTier: return "tier";
    case Dimension::kModel: return "model";
    case Dimension::kProvider: return "provider";
    case Dimension::kHour: return "hour";
    case Dimension::kDay: return "hour / 24";
  }
  return "user_name";
}

std::string ReadKey(Row& row, Dimension dimension) {
  switch (dimension) {
    case Dimension::kHour: return HourText(row.Integer());
    case Dimension::kDay: return DayText(row.Integer());
    default: return row.Text();
  }
}

}  // namespace

Result<std::optional<StoredExchange>> FindExchange(Connection& connection, const ExchangeId& id) {
  const std::string text = id.Text();
  Result<Statement> select = connection.Prepare(kSelectExchange);
  if (!select) return std::move(select).error();
  select->Bind(1, text);
  Result<bool> row = select->Step();
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<StoredExchange>();
  StoredExchange stored = ReadExchange(id, *select);

  Result<decide::Decision> decision = ParseDecisionJson(stored.decision_json);
  if (!decision) return std::move(decision).error();
  stored.exchange.decision = *std::move(decision);

  Result<void> done =
      ReadRows(connection, kSelectAttempts, text, ReadAttempt, stored.exchange.attempts);
  if (done)
    done = ReadRows(connection, kSelectVerdicts, text, ReadVerdict, stored.exchange.verdicts);
  const auto read = [&](const Statement& from) { return ReadFeedback(id, from); };
  if (done) done = ReadRows(connection, kSelectFeedback, text, read, stored.feedback);
  if (!done) return std::move(done).error();
  return std::optional(std::move(stored));
}

Result<std::vector<Group>> Aggregate(Connection& connection, const TimeRange& range,
                                     std::span<const Dimension> by) {
  std::string keys;
  for (const Dimension dimension : by) keys.append(Expression(dimension)).append(", ");
  std::string sql =
      "SELECT " + keys + std::string(kSums) + " FROM rollup_hour WHERE hour BETWEEN ? AND ?";
  if (!by.empty()) {
    keys.resize(keys.size() - 2);
    sql += " GROUP BY " + keys + " ORDER BY " + keys;
  }
  Result<Statement> select = connection.Prepare(sql);
  if (!select) return std::move(select).error();
  select->Bind(1, HourOf(range.from));
  select->Bind(2, HourOf(range.to));
  std::vector<Group> groups;
  Result<bool> more = select->Step();
  for (; more && *more; more = select->Step()) {
    Row row(*select);
    Group group;
    for (const Dimension dimension : by) group.keys.push_back(ReadKey(row, dimension));
    group.sums = ReadSums(row);
    groups.push_back(std::move(group));
  }
  if (!more) return std::move(more).error();
  return groups;
}

Result<void> Visit(Connection& connection, const TimeRange& range,
                   const std::function<void(const StoredExchange&)>& visit) {
  // Ids begin with their exchange's milliseconds, so the primary key finds the range.
  const auto bound = [](std::int64_t milliseconds) {
    constexpr std::int64_t kMost = (std::int64_t{1} << 48) - 1;
    const std::int64_t known = std::clamp<std::int64_t>(milliseconds, 0, kMost);
    return ExchangeId{.high = static_cast<std::uint64_t>(known) << 16U}.Text();
  };
  const std::string from = bound(range.from.time_since_epoch().count() / 1000);
  const std::string to = bound(range.to.time_since_epoch().count() / 1000 + 1);
  Result<Statement> select = connection.Prepare(
      "SELECT id FROM exchange WHERE id >= ? AND id < ? AND time_us BETWEEN ? AND ? ORDER BY id");
  if (!select) return std::move(select).error();
  select->Bind(1, from);
  select->Bind(2, to);
  select->Bind(3, range.from.time_since_epoch().count());
  select->Bind(4, range.to.time_since_epoch().count());
  Result<bool> more = select->Step();
  for (; more && *more; more = select->Step()) {
    const std::optional<ExchangeId> id = ExchangeId::Parse(select->Text(0));
    if (!id) continue;
    const Result<std::optional<StoredExchange>> stored = FindExchange(connection, *id);
    if (!stored) return stored.error();
    if (*stored) visit(**stored);
  }
  if (!more) return std::move(more).error();
  return {};
}

Result<std::vector<ExchangeSummary>> Recent(Connection& connection, std::size_t most,
                                            std::optional<ExchangeId> before) {
  Result<Statement> select = connection.Prepare(kSelectRecent);
  if (!select) return std::move(select).error();
  const std::string bound = before ? before->Text() : "~";  // above every id
  select->Bind(1, bound);
  select->Bind(2, static_cast<std::int64_t>(most));
  std::vector<ExchangeSummary> summaries;
  Result<bool> more = select->Step();
  for (; more && *more; more = select->Step()) {
    Row row(*select);
    ExchangeSummary summary;
    summary.id = ExchangeId::Parse(row.Text()).value_or(ExchangeId{});
    summary.time = WallTime(row.Micros());
    summary.user = row.Text();
    summary.team = row.Text();
    summary.feature = row.Text();
    summary.query_type = row.Text();
    summary.requested_model = row.Text();
    summary.tier = row.Text();
    summary.model = row.Text();
    summary.status = row.Small();
    summary.error = row.Text();
    summary.escalations = row.Small();
    summary.cost = row.Money();
    summary.cost_complete = row.Flag();
    summary.baseline_cost = row.PerhapsMoney();
    summary.total = row.Micros();
    summaries.push_back(std::move(summary));
  }
  if (!more) return std::move(more).error();
  return summaries;
}

}  // namespace triage::ledger
