#include "decide/serving.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace triage::decide {
namespace {

// Far above every context window; keeps hostile max_output_tokens from overflowing.
constexpr std::int64_t kMostTokens = 1'000'000'000'000;

struct Need {
  bool llm::Needs::* asked;
  Capability capability;
  std::string_view in_words;
  std::string_view field;
  bool asked_about = false;  ///< part of what is asked, no wish for the answer's form
};

constexpr std::array kNeeds = {
    Need{&llm::Needs::vision, Capability::kVision, "accepts images", "messages", true},
    Need{&llm::Needs::tools, Capability::kTools, "can call tools", "tools", true},
    Need{&llm::Needs::json_schema, Capability::kJsonSchema, "can follow a JSON schema",
         "response_format"},
    Need{&llm::Needs::json_object, Capability::kJson, "can answer in JSON", "response_format"},
    Need{&llm::Needs::logprobs, Capability::kLogprobs, "returns log-probabilities", "logprobs"},
    Need{&llm::Needs::image_urls, Capability::kImageUrls, "accepts images by URL", "messages",
         true},
    Need{&llm::Needs::documents, Capability::kDocuments, "accepts documents", "messages", true},
    Need{&llm::Needs::embeddings, Capability::kEmbeddings, "makes embeddings", "model", true},
    Need{&llm::Needs::several_choices, Capability::kSeveralChoices, "returns several choices", "n"},
};

bool Lacks(const ModelOption& model, const llm::Needs& needs, const Need& need) {
  if (!(needs.*need.asked) || model.capabilities.Has(need.capability)) return false;
  return need.capability != Capability::kJson || !model.capabilities.Has(Capability::kJsonSchema);
}

const Need* FirstLack(const ModelOption& model, const llm::Needs& needs) {
  for (const Need& need : kNeeds) {
    if (Lacks(model, needs, need)) return &need;
  }
  return nullptr;
}

std::int64_t OutputReserve(const Demand& demand, std::int64_t expected_output) {
  return std::min(demand.max_output > 0 ? demand.max_output : expected_output, kMostTokens);
}

bool FitsWindow(const Options& options, const ModelOption& model, const Demand& demand,
                std::int64_t expected_output) {
  if (model.max_output > 0 && demand.max_output > model.max_output) return false;
  const ModelSize size = SizeFor(options, model, demand);
  // Of a batch of texts to embed each has to fit alone.
  if (size.window <= 0 || demand.needs.embeddings) return true;
  if (demand.at_least) {
    return size.least + std::min(std::max<std::int64_t>(demand.max_output, 1), kMostTokens) <=
           size.window;
  }
  // 5 % of the window are kept free (routing.md 2.11).
  return (size.most + OutputReserve(demand, expected_output)) * 100 <= size.window * 95;
}

std::string TooLong(const Options& options, const ModelOption& model, const Demand& demand,
                    std::int64_t expected_output) {
  if (model.max_output > 0 && demand.max_output > model.max_output) {
    return fmt::format("at most {} tokens of answer, {} asked", model.max_output,
                       demand.max_output);
  }
  const ModelSize size = SizeFor(options, model, demand);
  return fmt::format("context window {}, about {} tokens (at most {}) + {} for the answer needed",
                     size.window, size.tokens, size.most, OutputReserve(demand, expected_output));
}

Error LacksCapability(const std::vector<const ModelOption*>& models, const Demand& demand,
                      std::string_view whose) {
  const Need* first = nullptr;
  std::vector<std::string> asked;
  for (const Need& need : kNeeds) {
    if (!(demand.needs.*need.asked)) continue;
    if (first == nullptr) first = &need;
    asked.emplace_back(Name(need.capability));
    const bool missing = std::all_of(models.begin(), models.end(), [&](const ModelOption* model) {
      return Lacks(*model, demand.needs, need);
    });
    if (missing) {
      return {.code = ErrorCode::kUnsupported,
              .message = fmt::format("no {} {}; add a model with capability {}", whose,
                                     need.in_words, Name(need.capability)),
              .field = std::string(need.field)};
    }
  }
  return {.code = ErrorCode::kUnsupported,
          .message = fmt::format("no {} has all of {}; add one that has", whose, Join(asked)),
          .field = std::string(first == nullptr ? "model" : first->field)};
}

Error TooLarge(const Options& options, const std::vector<const ModelOption*>& models,
               const Demand& demand, std::int64_t expected_output, std::string_view whose) {
  const bool answer_only = std::all_of(models.begin(), models.end(), [&](const ModelOption* model) {
    return model->max_output > 0 && demand.max_output > model->max_output;
  });
  if (answer_only) {
    const ModelOption* longest = *std::max_element(
        models.begin(), models.end(),
        [](const ModelOption* a, const ModelOption* b) { return a->max_output < b->max_output; });
    return {.code = ErrorCode::kInvalidRequest,
            .message = fmt::format("no {} answers with up to {} tokens; {} allows {}", whose,
                                   demand.max_output, longest->name, longest->max_output),
            .field = "max_tokens"};
  }
  const ModelOption* widest = models.front();
  ModelSize size = SizeFor(options, *widest, demand);
  for (const ModelOption* model : models) {
    const ModelSize other = SizeFor(options, *model, demand);
    if (other.window <= size.window) continue;
    widest = model;
    size = other;
  }
  return {
      .code = ErrorCode::kContextLength,
      .message = fmt::format(
          "about {} tokens plus {} for the answer exceed the maximum context length: the "
          "widest {} is {} with {} tokens; shorten the conversation or lower the answer's limit",
          size.tokens, OutputReserve(demand, expected_output), whose, widest->name, size.window),
      .field = "messages"};
}

}  // namespace

std::optional<Error> CannotBeSent(const ModelOption& model, const llm::Needs& needs) {
  for (const Need& need : kNeeds) {
    if (!need.asked_about || !(needs.*need.asked) || !model.unsent.Has(need.capability)) continue;
    return Error{.code = ErrorCode::kUnsupported,
                 .message = fmt::format("model {} is at {}, which is not one that {}; name another "
                                        "model, or \"auto\" to let Triage choose",
                                        model.name, model.provider, need.in_words),
                 .field = std::string(need.field)};
  }
  return std::nullopt;
}

ModelSize SizeFor(const Options& options, const ModelOption& model, const Demand& demand) {
  ModelSize size;
  if (demand.sizes.empty()) {
    const std::int64_t tokens = std::min(demand.tokens_in, kMostTokens);
    const std::int64_t most = (tokens * 105 + 99) / 100;
    size = {.tokens = tokens, .least = most, .most = most, .window = model.context_window};
  } else {
    size = demand.sizes[static_cast<std::size_t>(&model - options.models.data())];
  }
  size.least = std::clamp<std::int64_t>(size.least, 0, kMostTokens);
  size.most = std::clamp<std::int64_t>(size.most, 0, kMostTokens);
  size.window = std::min(size.window, kMostTokens);
  return size;
}

bool MaySee(const Options& options, const ModelOption& model, std::uint64_t classes) {
  for (std::size_t i = 0; classes != 0; ++i, classes >>= 1U) {
    if ((classes & 1U) == 0) continue;
    const std::vector<std::string>& allowed = options.sensitivity[i].providers;
    if (std::find(allowed.begin(), allowed.end(), model.provider) == allowed.end()) return false;
  }
  return true;
}

std::string ClassNames(const Options& options, std::uint64_t classes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < options.sensitivity.size(); ++i) {
    if ((classes >> i & 1U) != 0) names.push_back(options.sensitivity[i].name);
  }
  return Join(names, " and ");
}

std::string Obstacle(const Options& options, const ModelOption& model, const Demand& demand,
                     std::int64_t expected_output) {
  switch (FitOf(options, model, demand, expected_output)) {
    case Fit::kForbidden:
      return fmt::format("{} may not see {} data", model.provider,
                         ClassNames(options, demand.data_classes));
    case Fit::kLacksCapability: {
      const Need* lack = FirstLack(model, demand.needs);
      return fmt::format("lacks {}", Name(lack->capability));
    }
    case Fit::kTooLong: return TooLong(options, model, demand, expected_output);
    case Fit::kServes: break;
  }
  return {};
}

Fit FitOf(const Options& options, const ModelOption& model, const Demand& demand,
          std::int64_t expected_output) {
  if (!MaySee(options, model, demand.data_classes)) return Fit::kForbidden;
  if (FirstLack(model, demand.needs) != nullptr) return Fit::kLacksCapability;
  return FitsWindow(options, model, demand, expected_output) ? Fit::kServes : Fit::kTooLong;
}

std::string WhyNot(const Options& options, const TierOption& tier, const Demand& demand,
                   std::int64_t expected_output) {
  std::vector<std::string> reasons;
  for (const int index : tier.chain) {
    const ModelOption& model = options.models[static_cast<std::size_t>(index)];
    const std::string obstacle = Obstacle(options, model, demand, expected_output);
    if (!obstacle.empty()) reasons.push_back(fmt::format("{}: {}", model.name, obstacle));
  }
  return Join(reasons, "; ");
}

Error NothingServes(const Options& options, const Input& input, const Demand& demand, int lowest,
                    int highest) {
  Fit best = Fit::kForbidden;
  std::vector<const ModelOption*> nearest;
  std::int64_t expected_output = 0;
  for (auto t = static_cast<std::size_t>(lowest); t <= static_cast<std::size_t>(highest); ++t) {
    const std::int64_t expected = ExpectedOutput(options, input, t);
    for (const int index : options.tiers[t].chain) {
      const ModelOption& model = options.models[static_cast<std::size_t>(index)];
      const Fit fit = FitOf(options, model, demand, expected);
      if (fit > best) nearest.clear();
      best = std::max(best, fit);
      if (fit != best) continue;
      nearest.push_back(&model);
      expected_output = std::max(expected_output, expected);
    }
  }
  const bool all = lowest == 0 && static_cast<std::size_t>(highest) + 1 == options.tiers.size();
  const std::string& low = options.tiers[static_cast<std::size_t>(lowest)].name;
  const std::string& high = options.tiers[static_cast<std::size_t>(highest)].name;
  const std::string allowed = lowest == highest
                                  ? fmt::format("model of tier {}", low)
                                  : fmt::format("model of the allowed tiers {} to {}", low, high);
  const std::string whose = all ? "configured model" : allowed;
  switch (best) {
    case Fit::kForbidden:
      return {.code = ErrorCode::kForbidden,
              .message = fmt::format("no {} is at a provider that may see {} data", whose,
                                     ClassNames(options, demand.data_classes)),
              .field = input.request.context.sensitivity.empty() ? "" : "x-triage-sensitivity"};
    case Fit::kLacksCapability: return LacksCapability(nearest, demand, whose);
    case Fit::kTooLong: return TooLarge(options, nearest, demand, expected_output, whose);
    case Fit::kServes: break;
  }
  return {.code = ErrorCode::kUnavailable,
          .message = fmt::format("every {} that could serve this is out of order now", whose)};
}

std::int64_t ExpectedOutput(const Options& options, const Input& input, std::size_t tier) {
  std::int64_t expected =
      input.expected_output.empty() ? options.expected_output : input.expected_output[tier];
  expected = std::clamp<std::int64_t>(expected, 1, kMostTokens);
  const std::int64_t most = input.request.max_output_tokens;
  return most > 0 ? std::min(expected, most) : expected;
}

}  // namespace triage::decide
