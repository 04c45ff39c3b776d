#include "decide/options.h"

#include <array>

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

}  // namespace triage::decide
