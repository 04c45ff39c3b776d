#include "pipeline/spot_checking.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "base/text.h"
#include "decide/options.h"
#include "decide/serving.h"
#include "judge/budget.h"
#include "judge/framing.h"
#include "judge/parse.h"
#include "pipeline/side_call.h"
#include "prices/model_prices.h"

namespace triage::pipeline {
namespace {

using std::chrono::milliseconds;

/// Of an answer nothing is known of: the field report's share of misrouted requests.
constexpr double kUsuallyBad = 0.05;
/// A small model's time for so short an answer.
constexpr milliseconds kUsualTime{700};
/// Tokens of its answer.
constexpr std::int64_t kAnswerTokens = 60;
/// Our own words of the question.
constexpr std::size_t kFrameBytes = 2'000;
/// After delivery nobody waits.
constexpr milliseconds kLaterDeadline{20'000};

const decide::ModelOption& OptionOf(const Snapshot& snapshot, int model) {
  return snapshot.options.models[static_cast<std::size_t>(model)];
}

/// "llama" of "meta-llama/Llama-3.1-8B", "gpt" of "gpt-4o": the letters with which the last part of
/// a name begins.
std::string FamilyOf(const decide::ModelOption& model) {
  std::string_view name = model.provider_model;
  name.remove_prefix(name.find_last_of('/') + 1);  // npos + 1 = 0
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto end = std::ranges::find_if_not(name, letter);
  return end == name.begin() ? std::string(name) : ToLowerAscii({name.begin(), end});
}

judge::RequestView ViewOf(const llm::Request& request) {
  return {.turns = request.turns, .needs = request.needs};
}

NanoDollars ExpectedCost(const Snapshot& snapshot, const SpotSubject& subject) {
  const SpotCheck& spot = *snapshot.spot_check;
  const std::size_t shown =
      std::min(subject.request.text.size() + subject.answer.size(), 2 * spot.framing.max_text);
  llm::Usage usage;
  usage.fresh_input = prices::EstimateTokens(shown + kFrameBytes);
  usage.output = kAnswerTokens;
  return prices::Cost(snapshot.models[static_cast<std::size_t>(spot.model)].prices.At(subject.time),
                      usage)
      .value_or(NanoDollars());
}

verify::Verdict VerdictOf(const std::optional<judge::SpotCheckVerdict>& said) {
  verify::Verdict verdict{.check = std::string(config::kSpotCheck)};
  if (!said) {
    verdict.outcome = verify::Outcome::kUnsure;
    verdict.reason = "the checking model gave no usable verdict";
    verdict.p_bad = kUsuallyBad;
    return verdict;
  }
  verdict.p_bad = said->p_bad;
  if (said->verdict == judge::Verdict::kOk) return verdict;
  verdict.outcome = verify::Outcome::kFail;
  verdict.reason = "the checking model found: " + std::string(judge::Name(said->verdict));
  return verdict;
}

std::size_t StratumOf(std::string_view query_type) {
  return std::hash<std::string_view>()(query_type) % kQueryTypeStrata;
}

}  // namespace

bool MayLook(const Bound& bound, const SpotSubject& subject) {
  const Snapshot& snapshot = *bound.snapshot;
  if (!snapshot.spot_check || subject.request.turns.empty() || subject.answer.empty()) return false;
  const decide::ModelOption& checker = OptionOf(snapshot, snapshot.spot_check->model);
  return FamilyOf(checker) != FamilyOf(OptionOf(snapshot, subject.author)) &&
         decide::MaySee(snapshot.options, checker, subject.decision.data_classes);
}

bool WorthLooking(const Bound& bound, const SpotSubject& subject) {
  const Snapshot& snapshot = *bound.snapshot;
  const config::Verify::SpotCheck& config = snapshot.config->verify.spot_check;
  if (!config.intervene) return false;
  double bad = kUsuallyBad;
  if (subject.tier >= 0) {
    const auto& view = subject.decision.tiers[static_cast<std::size_t>(subject.tier)];
    if (view.sufficiency) bad = 1 - *view.sufficiency;
  }
  return judge::WorthChecking(
      {.p_bad = std::max(bad, subject.doubt),
       .sensitivity = config.catches,
       .stakes = decide::StakesOf(snapshot.options, subject.request.context),
       .retry_cost = subject.retry_cost,
       .check_cost = ExpectedCost(snapshot, subject),
       .check_time = kUsualTime,
       .per_second = {}});
}

Task<SpotVerdict> LookAt(Worker& worker, std::shared_ptr<const Bound> bound, SpotSubject subject,
                         CancelScope& client_gone, SteadyTime exchange_began) {
  const Snapshot& snapshot = *bound->snapshot;
  const SpotCheck& spot = *snapshot.spot_check;
  const judge::Question question = judge::AskSpotCheck(ViewOf(subject.request), subject.answer,
                                                       spot.framing, judge::Nonce::Fresh());
  SideCall call(bound, spot.model);
  SpotVerdict looked{.verdict = VerdictOf(std::nullopt), .attempt = {}};
  if (!call.Write(question.conversation)) co_return looked;
  client_gone.SetWaiter([](void* side) { static_cast<SideCall*>(side)->Cancel(); }, &call);
  const std::optional<llm::Answer> answer =
      co_await call.Run(worker, snapshot.config->verify.spot_check.deadline, spot.cost);
  client_gone.ClearWaiter();
  if (answer) looked.verdict = VerdictOf(judge::ReadSpotCheck(*answer, question, spot.calibration));
  looked.verdict.took =
      std::chrono::duration_cast<std::chrono::microseconds>(call.ended() - call.began());
  if (call.called()) looked.attempt = call.Booked(ledger::AttemptKind::kCheck, exchange_began);
  co_return looked;
}

/// A delivered answer that was drawn.
struct SpotChecks::Drawn {
  Drawn(std::shared_ptr<const Bound> from, int model) : call(from, model), bound(std::move(from)) {}

  SideCall call;
  std::shared_ptr<const Bound> bound;
  judge::Question question;
  judge::MeasurementSampler::Answer answer;
  double probability = 1;
  Delivered delivered;
};

void SpotChecks::Sample(Worker& worker, std::shared_ptr<const Bound> bound,
                        const SpotSubject& subject, const Delivered& delivered) {
  const Snapshot& snapshot = *bound->snapshot;
  const SpotCheck& spot = *snapshot.spot_check;
  if (spot.sampler == nullptr || subject.tier < 0 || !MayLook(*bound, subject)) return;
  const judge::MeasurementSampler::Answer answer{
      .tier = static_cast<std::size_t>(subject.tier),
      .query_type = StratumOf(subject.decision.query_type),
      .cost = delivered.cost,
      .stakes = decide::StakesOf(snapshot.options, subject.request.context),
      .check_cost = ExpectedCost(snapshot, subject)};
  const judge::MeasurementSampler::Draw draw = spot.sampler->Ask(answer, worker.random.Uniform());
  if (!draw.check) return;
  auto drawn = std::make_shared<Drawn>(bound, spot.model);
  drawn->question = judge::AskSpotCheck(ViewOf(subject.request), subject.answer, spot.framing,
                                        judge::Nonce::Fresh());
  drawn->answer = answer;
  drawn->probability = draw.probability;
  drawn->delivered = delivered;
  if (!drawn->call.Write(drawn->question.conversation)) {
    spot.sampler->Abandoned(answer, NanoDollars());
    return;
  }
  group_.Spawn(Run(worker, std::move(drawn)));
}

Task<void> SpotChecks::Run(Worker& worker, std::shared_ptr<Drawn> drawn) {
  const SpotCheck& spot = *drawn->bound->snapshot->spot_check;
  const std::optional<llm::Answer> answer =
      co_await drawn->call.Run(worker, kLaterDeadline, spot.cost);
  std::optional<judge::SpotCheckVerdict> said;
  if (answer) said = judge::ReadSpotCheck(*answer, drawn->question, spot.calibration);
  ledger::Attempt attempt = drawn->call.Booked(ledger::AttemptKind::kCheck, drawn->delivered.began);
  const NanoDollars cost = attempt.cost.value_or(NanoDollars());
  if (said) {
    spot.sampler->Checked(drawn->answer, cost, said->verdict != judge::Verdict::kOk);
  } else {
    spot.sampler->Abandoned(drawn->answer, cost);
  }
  if (!drawn->call.called()) co_return;
  const verify::Verdict verdict = VerdictOf(said);
  const auto& counters = drawn->bound->snapshot->verdicts;
  if (const auto counter = counters.find(verdict.check); counter != counters.end())
    counter->second[static_cast<std::size_t>(verdict.outcome)]->Add();
  worker.sink.Record(ledger::LateAttempt{
      .exchange = drawn->delivered.exchange,
      .attempt = std::move(attempt),
      .verdicts = {{.attempt = drawn->delivered.attempt,
                    .check = verdict.check,
                    .outcome = std::string(verify::Name(verdict.outcome)),
                    .reason = verdict.reason,
                    .p_bad = verdict.p_bad,
                    .propensity = drawn->probability,
                    .took = std::chrono::duration_cast<std::chrono::microseconds>(
                        drawn->call.ended() - drawn->call.began())}}});
}

}  // namespace triage::pipeline
