#include "ledger/sqlite/appender.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "ledger/decision_json.h"
#include "ledger/sqlite/binder.h"

namespace triage::ledger {
namespace {

constexpr std::string_view kInsertExchange =
    "INSERT INTO exchange (id, time_us, dialect, requested_model, stream, user_name, team, "
    "feature, session, impact, "
    "error_tolerance, sensitivity, min_tier, max_tier, verify, latency_ms, query_type, tier, "
    "provider, model, status, "
    "error, client_gone, escalations, promoted_from, cost_nusd, cost_complete, unknown_costs, "
    "baseline_nusd, "
    "first_byte_us, total_us, decision, client) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) "
    "DO "
    "NOTHING";

constexpr std::string_view kInsertAttempt =
    "INSERT INTO attempt (exchange_id, number, kind, tier, provider, model, status, error, "
    "fresh_input, cache_read, "
    "cache_write_5m, cache_write_1h, output, reasoning, usage_estimated, cost_nusd, "
    "cost_estimated, started_us, "
    "connect_us, first_byte_us, total_us) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

constexpr std::string_view kAddRollup =
    "INSERT INTO rollup_hour (hour, user_name, team, feature, query_type, tier, provider, model, "
    "exchanges, failed, "
    "escalated, attempts, fresh_input, cache_read, cache_write_5m, cache_write_1h, output, "
    "reasoning, cost_nusd, "
    "unknown_cost, estimated_cost, baseline_nusd, compared, compared_cost_nusd, "
    "compared_baseline_nusd, without_cost, "
    "without_baseline, other_cost_nusd) VALUES "
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
    "ON CONFLICT (hour, user_name, team, feature, query_type, tier, provider, model) DO UPDATE SET "
    "exchanges = rollup_hour.exchanges + excluded.exchanges, "
    "failed = rollup_hour.failed + excluded.failed, "
    "escalated = rollup_hour.escalated + excluded.escalated, "
    "attempts = rollup_hour.attempts + excluded.attempts, "
    "fresh_input = rollup_hour.fresh_input + excluded.fresh_input, "
    "cache_read = rollup_hour.cache_read + excluded.cache_read, "
    "cache_write_5m = rollup_hour.cache_write_5m + excluded.cache_write_5m, "
    "cache_write_1h = rollup_hour.cache_write_1h + excluded.cache_write_1h, "
    "output = rollup_hour.output + excluded.output, "
    "reasoning = rollup_hour.reasoning + excluded.reasoning, "
    "cost_nusd = rollup_hour.cost_nusd + excluded.cost_nusd, "
    "unknown_cost = rollup_hour.unknown_cost + excluded.unknown_cost, "
    "estimated_cost = rollup_hour.estimated_cost + excluded.estimated_cost, "
    "baseline_nusd = rollup_hour.baseline_nusd + excluded.baseline_nusd, "
    "compared = rollup_hour.compared + excluded.compared, "
    "compared_cost_nusd = rollup_hour.compared_cost_nusd + excluded.compared_cost_nusd, "
    "compared_baseline_nusd = rollup_hour.compared_baseline_nusd + "
    "excluded.compared_baseline_nusd, "
    "without_cost = rollup_hour.without_cost + excluded.without_cost, "
    "without_baseline = rollup_hour.without_baseline + excluded.without_baseline, "
    "other_cost_nusd = rollup_hour.other_cost_nusd + excluded.other_cost_nusd";

constexpr std::string_view kInsertVerdict =
    "INSERT INTO verdict (exchange_id, number, attempt, check_name, outcome, reason, p_bad, "
    "propensity, took_us) VALUES (?,?,?,?,?,?,?,?,?)";

constexpr std::string_view kInsertLearning =
    "INSERT INTO learning (exchange_id, feature_schema, propensity, labelled, bytes, features) "
    "VALUES (?,?,?,?,?,?) "
    "ON CONFLICT (exchange_id) DO NOTHING";

constexpr std::string_view kForgetOldest =
    "DELETE FROM learning WHERE exchange_id = (SELECT exchange_id FROM learning ORDER BY labelled, "
    "exchange_id LIMIT 1) "
    "RETURNING bytes";

// What a row of the learning store takes beside its features.
constexpr std::int64_t kLearningRowBytes = 64;

bool Labelled(const Exchange& exchange) {
  return std::ranges::any_of(exchange.verdicts,
                             [](const Verdict& verdict) { return verdict.outcome == "fail"; });
}

}  // namespace

Result<Appender> Appender::Make(Connection connection, std::int64_t learning_max_bytes) {
  Result<std::int64_t> bytes =
      connection.QueryInteger("SELECT coalesce(sum(bytes), 0) FROM learning");
  if (!bytes) return std::move(bytes).error();
  std::vector<Statement> statements;
  for (const std::string_view sql : {kInsertExchange, kInsertAttempt, kInsertVerdict, kAddRollup,
                                     kInsertLearning, kForgetOldest}) {
    Result<Statement> statement = connection.Prepare(sql);
    if (!statement) return std::move(statement).error();
    statements.push_back(*std::move(statement));
  }
  return Appender(std::move(connection), std::move(statements), learning_max_bytes, *bytes);
}

Appender::Appender(Connection connection, std::vector<Statement> statements,
                   std::int64_t learning_max_bytes, std::int64_t learning_bytes)
    : connection_(std::move(connection)),
      exchange_(std::move(statements[0])),
      attempt_(std::move(statements[1])),
      verdict_(std::move(statements[2])),
      rollup_(std::move(statements[3])),
      learning_(std::move(statements[4])),
      forget_(std::move(statements[5])),
      learning_max_bytes_(learning_max_bytes),
      learning_bytes_(learning_bytes) {}

Result<void> Appender::Append(std::span<const Exchange> exchanges) {
  return Transaction(
      [&](std::int64_t& learning_bytes) { return Write(exchanges, learning_bytes); });
}

Result<Recorded> Appender::Append(const Feedback& feedback) {
  Recorded recorded = Recorded::kUnknownExchange;
  const Result<void> done = Transaction([&](std::int64_t& learning_bytes) {
    Result<Recorded> written = WriteFeedback(feedback, learning_bytes);
    if (!written) return Result<void>(std::move(written).error());
    recorded = *written;
    return ForgetOldest(learning_bytes);
  });
  if (!done) return done.error();
  return recorded;
}

Result<Recorded> Appender::Append(const LateAttempt& late) {
  Recorded recorded = Recorded::kUnknownExchange;
  const Result<void> done = Transaction([&](std::int64_t&) {
    Result<Recorded> written = WriteLate(late);
    if (!written) return Result<void>(std::move(written).error());
    recorded = *written;
    return Result<void>();
  });
  if (!done) return done.error();
  return recorded;
}

Result<void> Appender::Transaction(const std::function<Result<void>(std::int64_t&)>& write) {
  Result<void> done = connection_.Execute("BEGIN IMMEDIATE");
  if (!done) return done;
  std::int64_t learning_bytes = learning_bytes_;
  done = write(learning_bytes);
  if (done) done = connection_.Execute("COMMIT");
  if (!done) {
    (void)connection_.Execute(
        "ROLLBACK");  // Fails where SQLite has rolled back by itself; either way nothing is left.
    return done;
  }
  learning_bytes_ = learning_bytes;
  return done;
}

Result<void> Appender::Write(std::span<const Exchange> exchanges, std::int64_t& learning_bytes) {
  // Summed here first: most exchanges of a batch fall into few rows.
  std::map<RollupKey, Sums> sums;
  for (const Exchange& exchange : exchanges) {
    const Result<bool> fresh = WriteExchange(exchange);
    if (!fresh) return fresh.error();
    if (!*fresh) continue;
    Result<void> done = WriteAttempts(exchange.id, exchange.attempts, 1);
    if (done) done = WriteVerdicts(exchange.id, exchange.verdicts, 1);
    if (done && !exchange.features.empty()) {
      done = WriteLearning({.exchange = exchange.id,
                            .features = exchange.features,
                            .schema = exchange.feature_schema,
                            .propensity = exchange.decision.propensity,
                            .labelled = Labelled(exchange)},
                           learning_bytes);
    }
    if (!done) return done;
    AddRollups(exchange, sums);
  }
  Result<void> done = WriteRollups(sums);
  if (!done) return done;
  return ForgetOldest(learning_bytes);
}

Result<bool> Appender::WriteExchange(const Exchange& exchange) {
  const llm::Context& context = exchange.context;
  const std::string id = exchange.id.Text();
  const std::string decision = DecisionJson(exchange);
  Binder bind(exchange_);
  bind.Text(id).Integer(exchange.time.time_since_epoch().count()).Text(llm::Name(exchange.dialect));
  bind.Text(exchange.requested_model).Integer(exchange.stream ? 1 : 0);
  bind.Text(context.user).Text(context.team).Text(context.feature).Text(context.session);
  bind.Text(llm::Name(context.impact))
      .Text(llm::Name(context.error_tolerance))
      .Text(context.sensitivity);
  bind.Text(context.min_tier).Text(context.max_tier).Text(context.verify);
  context.latency ? bind.Integer(context.latency->count()) : bind.Null();
  bind.Text(exchange.decision.query_type)
      .Text(exchange.tier)
      .Text(exchange.provider)
      .Text(exchange.model);
  bind.Integer(exchange.status).Text(exchange.error).Integer(exchange.client_gone ? 1 : 0);
  bind.Integer(exchange.escalations).Text(exchange.promoted_from);
  bind.Money(exchange.cost).Integer(exchange.cost_complete ? 1 : 0).Integer(UnknownCosts(exchange));
  bind.Money(exchange.baseline_cost);
  bind.Integer(exchange.first_byte.count()).Integer(exchange.total.count()).Text(decision);
  bind.Integer(static_cast<std::int64_t>(context.client));
  Result<void> done = exchange_.Run();
  if (!done) return std::move(done).error();
  return connection_.changes() > 0;
}

Result<void> Appender::WriteAttempts(const ExchangeId& exchange, std::span<const Attempt> attempts,
                                     std::int64_t number) {
  const std::string id = exchange.Text();
  for (const Attempt& attempt : attempts) {
    Binder bind(attempt_);
    bind.Text(id).Integer(number++).Text(Name(attempt.kind));
    bind.Text(attempt.tier)
        .Text(attempt.provider)
        .Text(attempt.model)
        .Integer(attempt.status)
        .Text(attempt.error);
    if (const std::optional<llm::Usage>& usage = attempt.usage) {
      bind.Integer(usage->fresh_input).Integer(usage->cache_read);
      bind.Integer(usage->cache_write_5m).Integer(usage->cache_write_1h);
      bind.Integer(usage->output).Integer(usage->reasoning).Integer(usage->estimated ? 1 : 0);
    } else {
      bind.Null().Null().Null().Null().Null().Null().Null();
    }
    bind.Money(attempt.cost).Integer(attempt.cost_estimated ? 1 : 0);
    bind.Integer(attempt.started.count()).Integer(attempt.connect.count());
    bind.Integer(attempt.first_byte.count()).Integer(attempt.total.count());
    Result<void> done = attempt_.Run();
    if (!done) return done;
  }
  return {};
}

Result<void> Appender::WriteVerdicts(const ExchangeId& exchange, std::span<const Verdict> verdicts,
                                     std::int64_t number) {
  const std::string id = exchange.Text();
  for (const Verdict& verdict : verdicts) {
    Binder bind(verdict_);
    bind.Text(id).Integer(number++).Integer(verdict.attempt + 1).Text(verdict.check);
    bind.Text(verdict.outcome).Text(verdict.reason).Number(verdict.p_bad);
    bind.Number(verdict.propensity).Integer(verdict.took.count());
    Result<void> done = verdict_.Run();
    if (!done) return done;
  }
  return {};
}

Result<void> Appender::WriteLearning(const Learned& learned, std::int64_t& learning_bytes) {
  const std::string id = learned.exchange.Text();
  const std::int64_t bytes = static_cast<std::int64_t>(learned.features.size()) + kLearningRowBytes;
  Binder bind(learning_);
  bind.Text(id).Integer(learned.schema).Number(learned.propensity);
  bind.Integer(learned.labelled ? 1 : 0).Integer(bytes).Blob(learned.features);
  Result<void> done = learning_.Run();
  if (done && connection_.changes() > 0) learning_bytes += bytes;
  return done;
}

Result<void> Appender::WriteRollups(const std::map<RollupKey, Sums>& sums) {
  for (const auto& [key, sum] : sums) {
    Binder bind(rollup_);
    bind.Integer(key.hour).Text(key.user).Text(key.team).Text(key.feature).Text(key.query_type);
    bind.Text(key.tier).Text(key.provider).Text(key.model);
    bind.Integer(sum.exchanges).Integer(sum.failed).Integer(sum.escalated).Integer(sum.attempts);
    bind.Integer(sum.tokens.fresh_input).Integer(sum.tokens.cache_read);
    bind.Integer(sum.tokens.cache_write_5m).Integer(sum.tokens.cache_write_1h);
    bind.Integer(sum.tokens.output).Integer(sum.tokens.reasoning);
    bind.Money(sum.cost).Integer(sum.unknown_cost).Integer(sum.estimated_cost).Money(sum.baseline);
    bind.Integer(sum.compared).Money(sum.compared_cost).Money(sum.compared_baseline);
    bind.Integer(sum.without_cost).Integer(sum.without_baseline).Money(sum.other_cost);
    Result<void> done = rollup_.Run();
    if (!done) return done;
  }
  return {};
}

Result<void> Appender::ForgetOldest(std::int64_t& learning_bytes) {
  while (learning_bytes > learning_max_bytes_) {
    const Result<bool> row = forget_.Step();
    const std::int64_t freed = row && *row ? forget_.Integer(0) : 0;
    Result<void> done = row ? forget_.Run() : Result<void>(row.error());
    forget_.Reset();
    if (!done) return done;
    // Nothing left to forget: another process has been deleting, so the count was too high.
    if (freed == 0) learning_bytes = 0;
    learning_bytes -= freed;
  }
  return {};
}

}  // namespace triage::ledger
