#include "pipeline/session_turn.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "feedback/conversation_key.h"
#include "feedback/outcome.h"
#include "feedback/stickiness.h"

namespace triage::pipeline {
namespace {

/// How long providers keep a prompt in their caches after its last use, at least.
constexpr std::chrono::minutes kCacheLifetime{5};

int TierIndex(const Snapshot& snapshot, std::string_view name) {
  const auto& tiers = snapshot.options.tiers;
  const auto found = std::ranges::find(tiers, name, &decide::TierOption::name);
  return found == tiers.end() ? -1 : static_cast<int>(found - tiers.begin());
}

feedback::TurnPrices PricesOf(const Snapshot& snapshot, int model, WallTime now) {
  const prices::ModelPrices& prices =
      snapshot.models[static_cast<std::size_t>(model)].prices.At(now);
  const PricePerMillion input = prices.fresh_input.value_or(PricePerMillion{});
  return {.input = input,
          .cache_read = prices.cache_read.value_or(input),
          .cache_write = prices.cache_write_5m.value_or(input),
          .output = prices.output.value_or(PricePerMillion{})};
}

std::uint64_t OwnerOf(const llm::Request& request) {
  return feedback::OwnerOf(request.context.client, request.context.user);
}

}  // namespace

void SessionTurn::Read(const Snapshot& snapshot, feedback::Sessions& sessions,
                       const llm::Request& request, SteadyTime now) {
  const config::Feedback& config = snapshot.config->feedback;
  if (!config.implicit || request.operation != llm::Operation::kGenerate || escalated_) return;
  const std::uint64_t owner = OwnerOf(request);
  if (!request.context.session.empty()) {
    found_ = sessions.Find(feedback::NamedKey(owner, request.context.session), now);
  } else if (const auto keys = feedback::KeysOfPrevious(owner, request.turns)) {
    found_ = sessions.Find(*keys, now);
  }
  if (!found_) return;
  warm_ = now - found_->session.answered < kCacheLifetime;
  const std::optional<feedback::LastTurns> last = feedback::LastTurnsOf(request.turns);
  if (!last || !(last->has_previous || config.without_history)) return;
  feedback::Session& session = found_->session;
  const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(now - session.answered);
  const feedback::SignalReader& reader = feedback::SignalReader::BuiltIn();
  reading_ =
      last->has_previous
          ? reader.Read(feedback::TurnPair{
                .previous = last->previous, .answer = last->answer, .turn = last->turn, .gap = gap})
          : reader.Read(
                feedback::SketchPair{.previous = session.sketch, .turn = last->turn, .gap = gap});
  options_.act = config.act;
  options_.label = config.label;
  session.NextTurn(reading_->dissatisfied >= options_.hand_off);
  act_ = feedback::ActOn(*reading_, options_);
  if (act_ != feedback::Act::kEscalate) return;
  const int answered = TierIndex(snapshot, session.tier);
  const int top = static_cast<int>(snapshot.options.tiers.size()) - 1;
  if (answered < 0 || answered >= top) return;
  refusal_ = sessions.Grant(*found_,
                            {.client = request.context.client, .user = request.context.user}, now);
  if (refusal_ != feedback::Refusal::kNone) return;
  escalated_ = true;
  session.RaiseFloor(snapshot.options.tiers[static_cast<std::size_t>(answered) + 1].name,
                     config.floor_turns);
}

void SessionTurn::Retry(std::string tier, std::string because) {
  retry_tier_ = std::move(tier);
  because_ = std::move(because);
  escalated_ = true;
}

void SessionTurn::Ask(const Snapshot& snapshot, const llm::Request& request, WallTime time,
                      decide::Input& input) {
  if (!retry_tier_.empty()) {
    input.floor = std::max(TierIndex(snapshot, retry_tier_), 0);
    input.floor_because = because_;
  }
  if (!found_) return;
  const feedback::Session& session = found_->session;
  if (const int floor = TierIndex(snapshot, session.floor()); floor > 0) {
    because_ = escalated_ ? fmt::format("{} did not satisfy: {}", session.tier, reading_->reason)
                          : fmt::format(
                                "an answer of this session did not satisfy; its floor stays for "
                                "{} more turns",
                                session.floor_turns);
    input.floor = floor;
    input.floor_because = because_;
  }
  if (act_ == feedback::Act::kLabel || act_ == feedback::Act::kStakes) input.stakes_factor = 2;
  const int model = snapshot.ModelIndex(session.model);
  const int tier = TierIndex(snapshot, session.tier);
  if (model < 0 || tier < 0 || session.cached_tokens == 0) return;
  const feedback::TurnPrices current = PricesOf(snapshot, model, time);
  gains_.clear();
  for (const decide::TierOption& candidate : snapshot.options.tiers) {
    gains_.push_back(
        feedback::WeighSwitch({.current = current,
                               .candidate = PricesOf(snapshot, candidate.chain.front(), time),
                               .input_tokens = input.tokens_in,
                               .output_tokens = request.max_output_tokens > 0
                                                    ? request.max_output_tokens
                                                    : snapshot.options.expected_output,
                               .cached_tokens = session.cached_tokens,
                               .warm = warm_})
            .gain());
  }
  input.session_tier = tier;
  input.switch_gain = gains_;
}

std::optional<ledger::Feedback> SessionTurn::Said(const ExchangeId& id, std::uint64_t client,
                                                  WallTime now) const {
  if (!reading_ || !found_->certain) return std::nullopt;
  const auto label = feedback::LabelOf(*reading_, options_);
  if (!label && act_ == feedback::Act::kNothing) return std::nullopt;
  ledger::Feedback said{.exchange = found_->session.exchange,
                        .time = now,
                        .source = ledger::Feedback::Source::kSession,
                        .client = client,
                        .kind = std::string(feedback::Name(reading_->signal)),
                        .value = fmt::format("{:.2f}", reading_->dissatisfied),
                        .reason = reading_->reason,
                        .key = id.Text(),
                        .from = id};
  if (refusal_ != feedback::Refusal::kNone)
    said.reason += fmt::format("; not escalated: {}", feedback::Name(refusal_));
  if (label) {
    said.good = label->good;
    said.weight = label->weight;
  }
  return said;
}

void SessionTurn::Note(feedback::Sessions& sessions, const llm::Request& request,
                       const Answered& answered, SteadyTime now) {
  feedback::Session session = found_ ? std::move(found_->session) : feedback::Session{};
  const std::uint64_t owner = OwnerOf(request);
  const bool named = !request.context.session.empty();
  if (!found_) session.NextTurn(false);
  session.exchange = answered.id;
  session.tier = answered.tier;
  session.model = answered.model;
  session.answered = now;
  session.cached_tokens = answered.tokens;
  // Where the history carries the turns, nothing of them needs to be remembered.
  if (const auto last = feedback::LastTurnsOf(request.turns); named && last && !last->has_previous)
    session.sketch =
        feedback::SignalReader::BuiltIn().SketchOf(last->turn, answered.text.value_or(""));
  sessions.Note(named ? feedback::NamedKey(owner, request.context.session)
                      : feedback::KeyForNext(owner, request.turns, answered.text),
                std::move(session), named, now);
}

}  // namespace triage::pipeline
