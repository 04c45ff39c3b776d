// Trains routers on recorded outcomes and tests each on rows it has not seen. Prints one JSON
// object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "learn/dataset.h"
#include "learn/evaluate.h"
#include "learn/train.h"

namespace triage::bench {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kFolds = 5;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

struct Flags {
  std::string data;
  std::string extra;
  std::string prices;
  std::string only;
  int resamples = 1000;
};

struct Set {
  std::string name;
  std::vector<std::string> tiers;
  std::vector<std::string> datasets;  ///< names or beginnings of names; none = all
};

bool Wanted(const learn::Row& row, const Set& set) {
  return set.datasets.empty() ||
         std::any_of(set.datasets.begin(), set.datasets.end(),
                     [&](const std::string& name) { return row.dataset.starts_with(name); });
}

Json ToJson(const learn::Estimate& estimate) {
  return {{"value", estimate.value}, {"interval", {estimate.interval.low, estimate.interval.high}}};
}

Json Figures(const learn::EvalReport& report) {
  Json out{{"rows", report.rows},
           {"cost95", ToJson(report.router.cost95)},
           {"cost99", ToJson(report.router.cost99)},
           {"random_cost95", ToJson(report.random.cost95)},
           {"random_cost99", ToJson(report.random.cost99)},
           {"length_cost95", ToJson(report.length.cost95)},
           {"length_cost99", ToJson(report.length.cost99)},
           {"oracle_cost95", ToJson(report.oracle.cost95)},
           {"oracle_cost99", ToJson(report.oracle.cost99)},
           {"skill", ToJson(report.weighed.skill)},
           {"cost_at_95", report.weighed.point.cost_share},
           {"quality_at_95", report.weighed.point.quality_share},
           {"over_length", ToJson(report.over_length)},
           {"ece", ToJson(report.calibration_error)},
           {"ece_floor", report.calibration_floor},
           {"brier", ToJson(report.brier)},
           {"log_loss", ToJson(report.log_loss)}};
  if (report.router.gap) {
    out["apgr"] = ToJson(report.router.gap->apgr);
    out["cpt50"] = ToJson(report.router.gap->cpt50);
    out["cpt80"] = ToJson(report.router.gap->cpt80);
    out["length_apgr"] = ToJson(report.length.gap->apgr);
    out["shuffle_apgr"] = ToJson(report.shuffle.gap->apgr);
    out["oracle_apgr"] = ToJson(report.oracle.gap->apgr);
  }
  return out;
}

class Program {
 public:
  explicit Program(const Flags& flags) : flags_(flags) {}

  int Run() {
    std::vector<std::string> files{flags_.data};
    if (!flags_.extra.empty()) files.push_back(flags_.extra);
    auto data = learn::ReadDataset(files);
    if (!data) return Fail(data.error());
    auto prices = learn::ReadPrices(flags_.prices);
    if (!prices) return Fail(prices.error());
    data_ = std::move(*data);
    // A row that both files have counts once: twice it would narrow the intervals.
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(data_.rows,
                  [&](const learn::Row& row) { return !seen.emplace(row.dataset, row.id).second; });
    prices_ = std::move(*prices);
    const std::vector<std::string> pair{"mixtral-8x7b", "gpt-4-turbo"};
    const std::vector<Set> sets = {
        {"mmlu", pair, {"routellm_mmlu"}},
        {"gsm8k", pair, {"routellm_gsm8k"}},
        {"bfcl", pair, {"bfcl_"}},
        {"mmlu_pro", {"mixtral-8x7b", "gpt-4o"}, {"mmlu_pro"}},
        {"pooled", pair, {}},
        {"three_llama",
         {"llama-3.1-8b", "llama-3.1-70b", "gpt-4o"},
         {"gsm8k", "math_l5", "cruxeval", "mmlu_pro"}},
        {"three_mini", {"llama-3.1-8b", "gpt-4o-mini", "gpt-4o"}, {"gsm8k", "math_l5", "cruxeval"}},
    };
    for (const Set& set : sets) {
      if (flags_.only.empty() || flags_.only == set.name) Measure(set);
    }
    if (flags_.only.empty() || flags_.only == "families") Families(pair);
    if (flags_.only.empty() || flags_.only == "training") Training();
    fmt::print("{}\n", out_.dump(2));
    return failed_ ? 1 : 0;
  }

 private:
  int Fail(const Error& error) {
    fmt::print(stderr, "{}\n", error.message);
    failed_ = true;
    return 1;
  }

  learn::TrainOptions Options(const std::vector<std::string>& tiers) const {
    learn::TrainOptions options;
    options.tiers = tiers;
    options.prices = prices_;
    options.resamples = 0;  // the model card is not read
    return options;
  }

  learn::Dataset Only(const Set& set) const {
    learn::Dataset data;
    data.models = data_.models;
    std::copy_if(data_.rows.begin(), data_.rows.end(), std::back_inserter(data.rows),
                 [&](const learn::Row& row) { return Wanted(row, set); });
    return data;
  }

  void Skip(const std::string& name) { out_[name] = {{"skipped", "not shipped, skipped"}}; }

  void Measure(const Set& set) {
    const learn::Dataset data = Only(set);
    if (data.rows.empty()) return Skip(set.name);
    const auto rows = learn::CrossValidate(data, Options(set.tiers), kFolds, 0.95);
    if (!rows) {
      Fail(rows.error());
      return;
    }
    const std::size_t tiers = set.tiers.size();
    Json figures = Figures(learn::Summarise(*rows, tiers, flags_.resamples));
    constexpr std::string_view kParts[] = {"routellm_mmlu", "routellm_gsm8k", "bfcl_"};
    for (const std::string_view part : kParts) {
      if (set.name != "pooled") break;
      std::vector<learn::TestRow> slice;
      std::copy_if(rows->begin(), rows->end(), std::back_inserter(slice),
                   [&](const learn::TestRow& row) { return row.dataset.starts_with(part); });
      if (slice.empty()) continue;
      figures["parts"][part] = Figures(learn::Summarise(slice, tiers, flags_.resamples));
    }
    out_[set.name] = std::move(figures);
    Say(set.name);
  }

  /// Each family by a router that was trained on every other.
  void Families(const std::vector<std::string>& pair) {
    for (const std::string family : {"chat", "knowledge_mcq", "math", "tool_call"}) {
      learn::Dataset known;
      learn::Dataset left;
      known.models = left.models = data_.models;
      for (const learn::Row& row : data_.rows) {
        (row.family == family ? left : known).rows.push_back(row);
      }
      if (left.rows.empty()) {
        out_["families"][family] = {{"skipped", "not shipped, skipped"}};
        continue;
      }
      const auto router = learn::Train(known, Options(pair));
      if (!router) {
        Fail(router.error());
        continue;
      }
      const auto rows = learn::RouteRows(*router->router, left, {.tiers = pair, .prices = prices_});
      if (!rows) {
        Fail(rows.error());
        continue;
      }
      const learn::EvalReport report = learn::Summarise(*rows, 2, flags_.resamples);
      out_["families"][family] = Figures(report);
      out_["families"][family]["distance"] = report.mean_distance;
    }
    Say("families");
  }

  /// What `triage train` takes for about 20,000 rows, model card included.
  void Training() {
    constexpr std::size_t kRows = 20'000;
    Set set{"training", {"mixtral-8x7b", "gpt-4o"}, {"mmlu_pro", "gsm8k", "cruxeval"}};
    learn::Dataset data = Only(set);
    const std::size_t first = data.rows.size();
    for (std::size_t i = 0; data.rows.size() < kRows; ++i) {
      learn::Row& copy = data.rows.emplace_back(data.rows[i % first]);
      copy.prompt.insert(0, fmt::format("{} ", i));  // no twin: a core of its own
    }
    learn::TrainOptions options = Options(set.tiers);
    options.resamples = learn::TrainOptions{}.resamples;
    const auto began = Clock::now();
    const auto router = learn::Train(data, options);
    if (!router) {
      Fail(router.error());
      return;
    }
    out_["training"] = {{"rows", router->rows},
                        {"seconds", Seconds(began)},
                        {"artifact_bytes", router->router->Bytes().size()}};
    Say("training");
  }

  void Say(std::string_view name) const {
    fmt::print(stderr, "{:5.0f} s  {}\n", Seconds(began_), name);
  }

  const Flags& flags_;
  learn::Dataset data_;
  learn::PriceTable prices_;
  Json out_ = Json::object();
  Clock::time_point began_ = Clock::now();
  bool failed_ = false;
};

int Main(int argc, char** argv) {
  CLI::App app{"Trains and tests routers on recorded outcomes; prints one JSON object"};
  Flags flags;
  app.add_option("--data", flags.data, "Outcomes")->required();
  app.add_option("--extra", flags.extra, "Further outcomes");
  app.add_option("--prices", flags.prices, "Prices of the models")->required();
  app.add_option("--only", flags.only, "One set by name, families or training");
  app.add_option("--resamples", flags.resamples, "Of the bootstrap")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return Program(flags).Run();
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  return triage::bench::Main(argc, argv);
}
