#include "decide/options.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace triage::decide {

std::string_view Name(Capability capability) {
  switch (capability) {
    case Capability::kTools: return "tools";
    case Capability::kVision: return "vision";
    case Capability::kJson: return "json";
    case Capability::kJsonSchema: return "json_schema";
    case Capability::kLogprobs: return "logprobs";
    case Capability::kSeveralChoices: return "several_choices";
    case Capability::kImageUrls: return "image_urls";
    case Capability::kDocuments: return "documents";
    case Capability::kEmbeddings: return "embeddings";
  }
  return "unknown";
}

std::optional<Capability> ParseCapability(std::string_view text) {
  constexpr std::array kAll = {
      Capability::kTools,      Capability::kVision,    Capability::kJson,
      Capability::kJsonSchema, Capability::kLogprobs,  Capability::kSeveralChoices,
      Capability::kImageUrls,  Capability::kDocuments, Capability::kEmbeddings};
  for (const Capability capability : kAll) {
    if (Name(capability) == text) return capability;
  }
  return std::nullopt;
}

const Workload* WorkloadOf(const Options& options, std::string_view feature) {
  int index = options.workload;
  if (const auto named = options.features.find(feature); named != options.features.end()) {
    index = named->second;
  }
  return index < 0 ? nullptr : &options.workloads[static_cast<std::size_t>(index)];
}

NanoDollars StakesOf(const Options& options, const llm::Context& context) {
  const Workload* workload = WorkloadOf(options, context.feature);
  const NanoDollars normal =
      options.stakes.value_or(workload == nullptr ? Workload{}.stakes : workload->stakes);
  // routing.md 2.0: from a retry to money or law at stake.
  constexpr std::array<std::int64_t, 4> kByImpact = {20, 1'000, 5'000, 40'000};  // thousandths
  constexpr std::array<std::int64_t, 3> kByTolerance = {4'000, 1'000, 250};
  const __int128 scaled =
      __int128{normal.value()} * kByImpact[static_cast<std::size_t>(context.impact)] *
      kByTolerance[static_cast<std::size_t>(context.error_tolerance)] / 1'000'000;
  constexpr __int128 kMost = 1'000'000'000'000'000'000;  // a billion dollars
  return NanoDollars(static_cast<std::int64_t>(std::min(scaled, kMost)));
}

}  // namespace triage::decide
