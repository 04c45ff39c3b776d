#include "pipeline/deciding.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decide/decide.h"
#include "decide/target.h"
#include "detect/detectors.h"

namespace triage::pipeline {
namespace {

std::vector<decide::ModelSize> SizesFor(const Snapshot& snapshot, const prices::TextSize& size,
                                        SteadyTime now) {
  std::vector<decide::ModelSize> sizes(snapshot.models.size());
  for (std::size_t m = 0; m < sizes.size(); ++m) {
    const prices::ModelWindow& window = *snapshot.models[m].window;
    const prices::ModelWindow::Estimate estimate = window.Tokens(size);
    sizes[m] = {.tokens = estimate.tokens,
                .least = estimate.least,
                .most = estimate.most,
                .window = window.Window(snapshot.options.models[m].context_window, now)};
  }
  return sizes;
}

}  // namespace

Result<decide::Decision> DecideRequest(const Snapshot& snapshot, const llm::Request& request,
                                       const prices::TextSize& size, learn::Features& features,
                                       const Clock& clock, SessionTurn* session,
                                       std::optional<decide::Judgement> judge) {
  const SteadyTime start = clock.Now();
  constexpr std::size_t kMaxTiers = 64;
  std::array<double, kMaxTiers> sufficiency{};
  std::array<std::int64_t, kMaxTiers> expected_output{};
  std::array<double, kMaxTiers> thresholds{};
  const std::size_t tiers = snapshot.options.tiers.size();

  const llm::Turn whole{.role = llm::Role::kUser, .text = request.text};
  const std::span<const llm::Turn> turns =
      request.turns.empty() ? std::span(&whole, 1) : std::span(request.turns);
  const detect::Reading reading = detect::Detectors::BuiltIn().Read(turns, request.needs);
  const std::vector<std::string_view> detected = reading.found.Names();

  decide::Input input{.request = request};
  input.query_type = detect::Name(reading.query_type);
  input.detected = detected;
  input.tokens_in = size.text + size.media;
  const std::vector<decide::ModelSize> sizes = SizesFor(snapshot, size, start);
  input.sizes = sizes;
  const bool automatic = request.model == "auto" || request.model == "triage/auto";
  if (automatic && snapshot.router != nullptr) {
    features.Extract(request.turns, request.needs, request.context, request.max_output_tokens);
    const learn::Prediction prediction = snapshot.router->Predict(features);
    for (std::size_t i = 0; i < tiers; ++i) {
      const auto head = static_cast<std::size_t>(snapshot.tiers[i].router_head);
      sufficiency[i] = prediction.sufficiency[head];
      expected_output[i] = static_cast<std::int64_t>(prediction.output_tokens[head]);
    }
    input.sufficiency = std::span(sufficiency).first(tiers);
    input.expected_output = std::span(expected_output).first(tiers);
    input.distance = prediction.distance;
    if (snapshot.weighed != nullptr) {
      const auto weighed = learn::Router::Weighed(*snapshot.weighed, prediction);
      for (std::size_t i = 0; i + 1 < tiers; ++i) {
        thresholds[i] = weighed[static_cast<std::size_t>(snapshot.tiers[i].threshold_head)];
      }
      input.thresholds = std::span(thresholds).first(tiers - 1);
    }
    if (snapshot.traffic != nullptr) {
      for (std::size_t i = 0; i + 1 < tiers; ++i) {
        if (input.thresholds.empty()) thresholds[i] = snapshot.options.thresholds[i];
        if (const auto by_share = snapshot.traffic->Threshold(i)) thresholds[i] = *by_share;
      }
      input.thresholds = std::span(thresholds).first(tiers - 1);
    }
  }
  if (session != nullptr && automatic) session->Ask(snapshot, request, clock.WallNow(), input);
  input.judge = judge;
  Result<decide::Decision> decision = decide::Decide(snapshot.options, input);
  if (decision) {
    // As the model counts that is asked first.
    const int first = snapshot.ModelIndex(decision->chain.front());
    if (first >= 0) decision->tokens_in = sizes[static_cast<std::size_t>(first)].tokens;
    decision->decide_time = clock.Now() - start;
  }
  return decision;
}

}  // namespace triage::pipeline
