#include "simulate/steps.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "simulate/recorded.h"

namespace triage::simulate {

namespace {

using llm::StreamEvent;

/// How many logprobs of those left belong to `text`: one for each token of four code points.
std::ptrdiff_t LogprobsOf(std::string_view text, std::size_t left) {
  return std::min<std::ptrdiff_t>(CountTokens(text), static_cast<std::ptrdiff_t>(left));
}

}  // namespace

std::vector<Step> StepsOf(const llm::Answer& answer, int tokens_per_chunk) {
  std::vector<Step> steps;
  std::vector<llm::TokenLogprob> logprobs = answer.logprobs;
  std::int64_t tokens = 0;
  llm::PartKind kind = llm::PartKind::kText;
  for (StreamEvent& event : llm::EventsOf(answer)) {
    if (event.kind == StreamEvent::Kind::kLogprobs) continue;  // told piece by piece instead
    if (event.kind == StreamEvent::Kind::kPartStart) kind = event.part_kind;
    if (event.kind == StreamEvent::Kind::kStart && answer.usage) {
      event.usage = answer.usage;
      event.usage->output = event.usage->reasoning = 0;
    }
    if (event.kind != StreamEvent::Kind::kText && event.kind != StreamEvent::Kind::kArguments) {
      steps.push_back({std::move(event), tokens, false});
      continue;
    }
    const std::string text = std::exchange(event.text, {});
    for (std::string_view left = text; !left.empty();) {
      const std::string_view piece =
          left.substr(0, PrefixBytes(left, std::int64_t{4} * tokens_per_chunk));
      left.remove_prefix(piece.size());
      tokens += CountTokens(piece);
      Step& step = steps.emplace_back(Step{event, tokens, true});
      step.event.text = piece;
      if (event.kind != StreamEvent::Kind::kText || kind != llm::PartKind::kText) continue;
      const auto told = logprobs.begin() + LogprobsOf(piece, logprobs.size());
      if (told == logprobs.begin()) continue;
      StreamEvent probable{.kind = StreamEvent::Kind::kLogprobs, .part = event.part};
      probable.logprobs.assign(logprobs.begin(), told);
      logprobs.erase(logprobs.begin(), told);
      steps.push_back({std::move(probable), tokens, false});
    }
  }
  return steps;
}

}  // namespace triage::simulate
