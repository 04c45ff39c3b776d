#include "learn/evaluate.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "learn/split.h"

namespace triage::learn {

Result<std::vector<TestRow>> RouteRows(const Router& router, const Dataset& data,
                                       const EvalOptions& options) {
  const auto refuse = [](std::string message) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
  };
  const std::size_t tiers = options.tiers.size();
  if (tiers != router.tiers()) {
    return refuse(fmt::format("{} tiers given; the router has {}: {}", tiers, router.tiers(),
                              fmt::join(router.models(), ", ")));
  }
  std::vector<std::uint32_t> models;
  std::vector<ModelPrice> prices;
  for (const std::string& tier : options.tiers) {
    const auto model = data.FindModel(tier);
    if (!model) {
      return refuse(
          fmt::format("no outcomes of {}; the data knows: {}", tier, fmt::join(data.models, ", ")));
    }
    const auto price = options.prices.find(tier);
    if (price == options.prices.end()) return refuse(fmt::format("no price for {}", tier));
    models.push_back(*model);
    prices.push_back(price->second);
  }
  const OutputLengths lengths(data);
  const ThresholdRow& thresholds = router.thresholds(options.keep_quality);
  const float band = router.parts().band;
  std::vector<TestRow> rows;
  Features features;
  for (const Row& row : data.rows) {
    const bool complete = std::all_of(models.begin(), models.end(), [&](std::uint32_t model) {
      return row.Find(model) != nullptr;
    });
    if (!complete || (options.only_fold >= 0 && Fold(row.prompt) != options.only_fold)) continue;
    const llm::Turn turn{.role = llm::Role::kUser, .text = row.prompt};
    features.Extract({&turn, 1}, NeedsOf(row), {}, 0);
    const Prediction prediction = router.Predict(features);
    TestRow& test = rows.emplace_back();
    test.prompt_bytes = row.prompt.size();
    test.distance = prediction.distance;
    test.family = row.family;
    test.dataset = row.dataset;
    RoutedRow& routed = test.routed;
    routed.sufficiency = prediction.sufficiency;
    routed.value = prediction.value;
    routed.cost_weight = prediction.cost_weight;
    const std::int64_t prompt_tokens = PromptTokens(row.prompt);
    for (std::size_t t = 0; t < tiers; ++t) {
      routed.score[t] = row.Find(models[t])->score;
      routed.cost[t] = RowCost(prompt_tokens, lengths.Tokens(row, models[t]), prices[t]).value();
      routed.expected_cost[t] = ExpectedCost(prompt_tokens, prediction.output_tokens[t], prices[t]);
    }
    test.plain = ChooseTier(routed.sufficiency, tiers, thresholds.threshold, 1, band);
    test.weighed = ChooseTier(routed.sufficiency, tiers, thresholds.base, routed.cost_weight, band);
  }
  if (rows.empty()) {
    return refuse(
        fmt::format("no rows with a score for every one of {}", fmt::join(options.tiers, ", ")));
  }
  return rows;
}

Result<std::vector<TestRow>> CrossValidate(const Dataset& data, const TrainOptions& train,
                                           int folds, double keep_quality) {
  std::vector<TestRow> rows;
  for (int fold = 0; fold < folds; ++fold) {
    Dataset held;
    Dataset rest;
    held.models = rest.models = data.models;
    for (const Row& row : data.rows) {
      (Fold(row.prompt, folds) == fold ? held : rest).rows.push_back(row);
    }
    auto report = Train(rest, train);
    if (!report)
      return WithContext(std::move(report).error(), fmt::format("without fold {}", fold));
    auto part =
        RouteRows(*report->router, held,
                  {.tiers = train.tiers, .prices = train.prices, .keep_quality = keep_quality});
    if (!part) return WithContext(std::move(part).error(), fmt::format("fold {}", fold));
    rows.insert(rows.end(), part->begin(), part->end());
  }
  return rows;
}

std::vector<Slice> Slices(std::span<const TestRow> rows, std::size_t tiers,
                          std::span<const SliceBy> by, int resamples) {
  std::vector<Slice> slices;
  for (const SliceBy kind : by) {
    std::map<std::string, std::vector<TestRow>> parts;
    for (const TestRow& row : rows) {
      const std::string& name = kind == SliceBy::kFamily ? row.family : row.dataset;
      parts[name.empty() ? "(none)" : name].push_back(row);
    }
    for (const auto& [name, part] : parts) {
      slices.push_back({kind, name, Summarise(part, tiers, resamples)});
    }
  }
  return slices;
}

}  // namespace triage::learn
