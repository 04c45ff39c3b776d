#include "feedback/features.h"

namespace triage::feedback {
namespace {

constexpr std::array<std::string_view, kFeatures> kNames = {"bias",
                                                            "similar",
                                                            "near",
                                                            "identical",
                                                            "kept",
                                                            "covered",
                                                            "new_words",
                                                            "from_answer",
                                                            "new_entities",
                                                            "same_entities",
                                                            "template",
                                                            "longer",
                                                            "short",
                                                            "edit",
                                                            "opening_no",
                                                            "wrong",
                                                            "again",
                                                            "unhelpful",
                                                            "frustration",
                                                            "profanity",
                                                            "human",
                                                            "satisfied",
                                                            "but",
                                                            "business",
                                                            "they",
                                                            "business_anger",
                                                            "follow",
                                                            "topic",
                                                            "adjust",
                                                            "your_answer",
                                                            "question",
                                                            "caps",
                                                            "marks",
                                                            "upset",
                                                            "happy",
                                                            "answer_asked",
                                                            "answer_negated",
                                                            "answer_echo",
                                                            "answer_opens",
                                                            "answer_specific",
                                                            "answer_clueless",
                                                            "quick",
                                                            "late",
                                                            "tool_retry"};

}  // namespace

std::string_view Name(Feature feature) {
  return kNames[static_cast<std::size_t>(feature)];
}

std::optional<Feature> ParseFeature(std::string_view name) {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (kNames[i] == name) return static_cast<Feature>(i);
  }
  return std::nullopt;
}

}  // namespace triage::feedback
