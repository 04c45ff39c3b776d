#include "ledger/exchange_json.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json_writer.h"
#include "ledger/decision_json.h"

namespace triage::ledger {
namespace {

/// RFC 4648, section 4.
std::string Base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kLetters[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return text;
}

void WriteMoney(JsonWriter& out, std::string_view key, const std::optional<NanoDollars>& amount) {
  out.Key(key);
  amount ? out.Integer(amount->value()) : out.Null();
}

void WriteAttempt(JsonWriter& out, const Attempt& attempt) {
  out.Begin('{');
  out.Member("kind", Name(attempt.kind));
  out.Member("provider", attempt.provider);
  out.Member("model", attempt.model);
  out.Member("tier", attempt.tier);
  out.Member("status", attempt.status);
  out.Member("error", attempt.error);
  if (attempt.usage) {
    out.Member("fresh_input", attempt.usage->fresh_input);
    out.Member("cache_read", attempt.usage->cache_read);
    out.Member("cache_write_5m", attempt.usage->cache_write_5m);
    out.Member("cache_write_1h", attempt.usage->cache_write_1h);
    out.Member("output", attempt.usage->output);
    out.Member("reasoning", attempt.usage->reasoning);
    out.Flag("usage_estimated", attempt.usage->estimated);
  }
  WriteMoney(out, "cost_nusd", attempt.cost);
  out.Flag("cost_estimated", attempt.cost_estimated);
  out.Member("started_us", attempt.started.count());
  out.Member("connect_us", attempt.connect.count());
  out.Member("first_byte_us", attempt.first_byte.count());
  out.Member("total_us", attempt.total.count());
  out.End('}');
}

void WriteVerdict(JsonWriter& out, const Verdict& verdict) {
  out.Begin('{');
  out.Member("attempt", verdict.attempt + 1);
  out.Member("check", verdict.check);
  out.Member("outcome", verdict.outcome);
  out.Member("reason", verdict.reason);
  out.Member("p_bad", std::optional(verdict.p_bad));
  out.Member("propensity", std::optional(verdict.propensity));
  out.Member("took_us", verdict.took.count());
  out.End('}');
}

}  // namespace

std::string ExchangeJson(const Exchange& exchange) {
  const llm::Context& context = exchange.context;
  JsonWriter out;
  out.Begin('{');
  out.Member("id", exchange.id.Text());
  out.Member("time_us", exchange.time.time_since_epoch().count());
  out.Member("dialect", llm::Name(exchange.dialect));
  out.Member("requested_model", exchange.requested_model);
  out.Flag("stream", exchange.stream);
  out.Member("user_name", context.user);
  out.Member("team", context.team);
  out.Member("feature", context.feature);
  out.Member("session", context.session);
  out.Member("impact", llm::Name(context.impact));
  out.Member("error_tolerance", llm::Name(context.error_tolerance));
  out.Member("sensitivity", context.sensitivity);
  out.Member("min_tier", context.min_tier);
  out.Member("max_tier", context.max_tier);
  out.Member("verify", context.verify);
  if (context.latency) out.Member("latency_ms", context.latency->count());
  out.Member("tier", exchange.tier);
  out.Member("provider", exchange.provider);
  out.Member("model", exchange.model);
  out.Member("status", exchange.status);
  out.Member("error", exchange.error);
  out.Flag("client_gone", exchange.client_gone);
  out.Member("escalations", exchange.escalations);
  out.Member("promoted_from", exchange.promoted_from);
  out.Member("cost_nusd", exchange.cost.value());
  out.Flag("cost_complete", exchange.cost_complete);
  WriteMoney(out, "baseline_nusd", exchange.baseline_cost);
  out.Member("first_byte_us", exchange.first_byte.count());
  out.Member("total_us", exchange.total.count());
  out.Key("attempts");
  out.Begin('[');
  for (const Attempt& attempt : exchange.attempts) WriteAttempt(out, attempt);
  out.End(']');
  out.Key("verdicts");
  out.Begin('[');
  for (const Verdict& verdict : exchange.verdicts) WriteVerdict(out, verdict);
  out.End(']');
  out.Key("decision");
  out.Raw(DecisionJson(exchange));
  if (!exchange.features.empty()) {
    out.Member("features", Base64(exchange.features));
    out.Member("feature_schema", exchange.feature_schema);
  }
  out.End('}');
  return out.Take();
}

}  // namespace triage::ledger
