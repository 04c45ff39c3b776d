// Runs the checks of src/verify on recorded answers whose scores are known, and simulates cascades
// on them. Prints one JSON object.
#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "learn/dataset.h"
#include "learn/evaluate.h"
#include "learn/policy.h"
#include "learn/split.h"
#include "learn/train.h"
#include "verify/checks.h"
#include "verify/repair.h"

namespace triage::bench {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 3> kTiers = {"llama-3.1-8b", "llama-3.1-70b", "gpt-4o"};
constexpr std::array<std::string_view, 4> kDatasets = {"cruxeval", "gsm8k", "math_l5", "mmlu_pro"};
constexpr double kRight = 0.5;  // scores from here on are right answers
constexpr int kResamples = 500;

struct Flags {
  std::string data;
  std::string answers;
  std::string extra;
  std::string prices;
  std::string router;
};

/// Lines of a file, plain or gzip.
template <class Use>
bool ForEachLine(const std::string& path, Use use) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  std::string line;
  std::array<char, 1 << 16> chunk{};
  while (gzgets(file, chunk.data(), static_cast<int>(chunk.size())) != nullptr) {
    line += chunk.data();
    if (!line.ends_with('\n')) continue;
    use(line);
    line.clear();
  }
  if (!line.empty()) use(line);
  gzclose(file);
  return true;
}

double CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Wilson's interval of 95 % for a share.
Json Share(std::size_t hits, std::size_t of) {
  Json out{{"hits", hits}, {"of", of}, {"share", nullptr}, {"interval", nullptr}};
  if (of == 0) return out;
  const double n = static_cast<double>(of);
  const double p = static_cast<double>(hits) / n;
  constexpr double z = 1.96;
  const double middle = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  out["share"] = p;
  out["interval"] = {std::max(0.0, (middle - half) / scale), (middle + half) / scale};
  return out;
}

/// How often a check came to which outcome, by whether the answer was right.
struct Tally {
  std::array<std::size_t, 2> applies{};
  std::array<std::size_t, 2> fails{};
  std::array<std::size_t, 2> unsure{};

  void Add(verify::Outcome outcome, bool right) {
    ++applies[right];
    fails[right] += outcome == verify::Outcome::kFail;
    unsure[right] += outcome == verify::Outcome::kUnsure;
  }

  Json ToJson(const std::array<std::size_t, 2>& all) const {
    return {{"coverage", Share(applies[0] + applies[1], all[0] + all[1])},
            {"caught", Share(fails[0], all[0])},
            {"false_alarms", Share(fails[1], all[1])},
            {"p_bad_of_fail", Share(fails[0], fails[0] + fails[1])},
            {"unsure", Share(unsure[0] + unsure[1], all[0] + all[1])},
            {"p_bad_of_unsure", Share(unsure[0], unsure[0] + unsure[1])}};
  }
};

/// A question with what became of each tier's answer.
struct Question {
  learn::RoutedRow routed;
  std::array<bool, 3> basic_fails{};
  std::array<bool, 3> all_fails{};  // basic, and the format that the question wants
};

struct Cost {
  double cost = 0;
  double quality = 0;
};

class Program {
 public:
  explicit Program(const Flags& flags) : flags_(flags) {}

  int Run() {
    if (!Load()) return 1;
    Check();
    Cascades();
    fmt::print("{}\n", out_.dump(2));
    return failed_ ? 1 : 0;
  }

 private:
  bool Fail(std::string_view message) {
    fmt::print(stderr, "{}\n", message);
    failed_ = true;
    return false;
  }

  bool Load() {
    const std::vector<std::string> files{flags_.data};
    auto data = learn::ReadDataset(files);
    if (!data) return Fail(data.error().message);
    data_ = std::move(*data);
    auto prices = learn::ReadPrices(flags_.prices);
    if (!prices) return Fail(prices.error().message);
    prices_ = std::move(*prices);
    const bool read = ForEachLine(flags_.data, [&](const std::string& line) {
      const Json row = Json::parse(line, nullptr, false);
      if (row.is_object() && row.contains("format_ok")) format_ok_[row["id"]] = row["format_ok"];
    });
    const auto take = [&](const std::string& line) {
      const Json row = Json::parse(line, nullptr, false);
      if (!row.is_object()) return;
      for (const auto& [model, text] : row["answers"].items()) {
        answers_[row["id"].get<std::string>()][model] = text.get<std::string>();
      }
    };
    if (!read || !ForEachLine(flags_.answers, take)) return Fail("cannot read the answers");
    if (!flags_.extra.empty() && !ForEachLine(flags_.extra, take)) {
      return Fail("cannot read the further answers");
    }
    const std::vector<verify::PatternOption> patterns = {
        {.name = "option_line",
         .pattern = R"((?i)answer is:?\s*[*$\\]*(?:text|boxed|mathbf)?[\s({\[*$\\]*[A-J]\b)"}};
    auto checks = verify::Checks::Make(patterns);
    if (!checks) return Fail(checks.error().message);
    checks_.emplace(std::move(*checks));
    return true;
  }

  static bool WantsJson(const learn::Row& row) { return row.dataset != "mmlu_pro"; }

  struct Judged {
    bool basic_fails = false;
    bool all_fails = false;
  };

  Judged Judge(const learn::Row& row, const std::string& model, const std::string& text,
               bool right) {
    const std::array turns = {llm::Turn{llm::Role::kUser, row.prompt}};
    const verify::Asked asked{.turns = turns};
    const verify::Given given{.text = text, .finish = llm::FinishReason::kUnknown};
    static const std::vector<std::string> basic = {"basic"};
    static const std::vector<std::string> json = {"json"};
    static const std::vector<std::string> option = {"option_line"};
    const double start = CpuMicroseconds();
    const std::vector<verify::Verdict> verdicts = checks_->Run(basic, asked, given);
    times_.push_back(CpuMicroseconds() - start);
    bytes_ += text.size();
    ++all_[right];
    ++all_of_[row.dataset][right];
    Judged judged;
    for (const verify::Verdict& verdict : verdicts) {
      tallies_[verdict.check].Add(verdict.outcome, right);
      judged.basic_fails |= verdict.outcome == verify::Outcome::kFail;
    }
    const auto outcome = [](bool fails) {
      return fails ? verify::Outcome::kFail : verify::Outcome::kPass;
    };
    tallies_["basic"].Add(outcome(judged.basic_fails), right);
    by_dataset_[row.dataset]["basic"].Add(outcome(judged.basic_fails), right);
    bool format_fails = false;
    if (WantsJson(row)) {
      const bool broken =
          verify::Overall(checks_->Run(json, asked, given)) == verify::Outcome::kFail;
      tallies_["json"].Add(outcome(broken), right);
      by_dataset_[row.dataset]["json"].Add(outcome(broken), right);
      format_fails = broken && !verify::Repair(text, nullptr);
      tallies_["json after repair"].Add(outcome(format_fails), right);
      by_dataset_[row.dataset]["json after repair"].Add(outcome(format_fails), right);
    } else {
      format_fails = verify::Overall(checks_->Run(option, asked, given)) == verify::Outcome::kFail;
      tallies_["option_line (pattern)"].Add(outcome(format_fails), right);
      by_dataset_[row.dataset]["option_line (pattern)"].Add(outcome(format_fails), right);
    }
    judged.all_fails = judged.basic_fails || format_fails;
    by_dataset_[row.dataset]["basic and format"].Add(outcome(judged.all_fails), right);
    tallies_["basic and format"].Add(outcome(judged.all_fails), right);
    const auto known = format_ok_.find(row.id);
    if (known != format_ok_.end() && known->second.contains(model) &&
        known->second[model].is_boolean() && !known->second[model].get<bool>()) {
      ++unparsed_;
      unparsed_caught_ += judged.all_fails;
    }
    return judged;
  }

  void Check() {
    for (const learn::Row& row : data_.rows) {
      const auto answers = answers_.find(row.id);
      if (answers == answers_.end()) continue;
      for (const auto& [model, text] : answers->second) {
        const auto index = data_.FindModel(model);
        const learn::Outcome* outcome = index ? row.Find(*index) : nullptr;
        if (outcome == nullptr) continue;
        judged_[row.id][model] = Judge(row, model, text, double{outcome->score} >= kRight);
      }
    }
    out_["answers"] = all_[0] + all_[1];
    out_["right"] = all_[1];
    for (const auto& [name, tally] : tallies_) {
      // Checks that a part of the questions has are told of that part.
      const bool of_part = name.starts_with("json") || name.starts_with("option");
      out_["checks"][name] = tally.ToJson(of_part ? tally.applies : all_);
    }
    for (const auto& [dataset, tallies] : by_dataset_) {
      for (const auto& [name, tally] : tallies) {
        out_["datasets"][dataset][name] = tally.ToJson(all_of_[dataset]);
      }
    }
    out_["unparsed_caught"] = Share(unparsed_caught_, unparsed_);
    std::ranges::sort(times_);
    const auto quantile = [&](double q) {
      return times_[static_cast<std::size_t>(q * static_cast<double>(times_.size() - 1))];
    };
    if (times_.empty()) return;
    out_["basic_us"] = {
        {"p50", quantile(0.5)},
        {"p99", quantile(0.99)},
        {"mean_bytes", static_cast<double>(bytes_) / static_cast<double>(times_.size())}};
  }

  /// Rows that have a judged answer of every tier.
  learn::Dataset Known(int fold) const {
    learn::Dataset data;
    data.models = data_.models;
    for (const learn::Row& row : data_.rows) {
      const auto judged = judged_.find(row.id);
      if (judged == judged_.end() || (fold >= 0 && learn::Fold(row.prompt) != fold)) continue;
      const bool all = std::ranges::all_of(kTiers, [&](std::string_view tier) {
        return judged->second.contains(std::string(tier));
      });
      if (all) data.rows.push_back(row);
    }
    return data;
  }

  bool Route(const learn::Router& router, const learn::Dataset& known) {
    if (known.rows.empty()) return true;
    const auto rows = learn::RouteRows(
        router, known, {.tiers = {kTiers.begin(), kTiers.end()}, .prices = prices_});
    if (!rows) return Fail(rows.error().message);
    if (rows->size() != known.rows.size()) return Fail("rows without a score of every tier");
    for (std::size_t i = 0; i < rows->size(); ++i) {
      Question question{.routed = (*rows)[i].routed};
      const auto& judged = judged_.at(known.rows[i].id);
      for (std::size_t tier = 0; tier < kTiers.size(); ++tier) {
        const Judged& one = judged.at(std::string(kTiers[tier]));
        question.basic_fails[tier] = one.basic_fails;
        question.all_fails[tier] = one.all_fails;
      }
      questions_.push_back(question);
    }
    return true;
  }

  /// Sufficiency by routers that have not seen the questions: the shipped one for fold 0; with
  /// further answers each fold by one that was trained on the others.
  bool RouteAll() {
    if (flags_.extra.empty()) {
      const auto router = learn::Router::Load(flags_.router);
      return router ? Route(**router, Known(0)) : Fail(router.error().message);
    }
    learn::Dataset training;
    training.models = data_.models;
    for (const learn::Row& row : data_.rows) {
      if (std::ranges::find(kDatasets, row.dataset) != kDatasets.end())
        training.rows.push_back(row);
    }
    for (int fold = 0; fold < 5; ++fold) {
      learn::TrainOptions options;
      options.tiers = {kTiers.begin(), kTiers.end()};
      options.prices = prices_;
      options.exclude_fold = fold;
      options.resamples = 0;
      const auto trained = learn::Train(training, options);
      if (!trained) return Fail(trained.error().message);
      if (!Route(*trained->router, Known(fold))) return false;
    }
    return true;
  }

  using Flag = std::array<bool, 3> Question::*;

  /// From `tier` upwards until an answer is not refused by the checks; every attempt is paid.
  static Cost Climb(const Question& question, std::size_t tier, Flag fails) {
    Cost sum;
    for (;; ++tier) {
      sum.cost += static_cast<double>(question.routed.cost[tier]);
      if (tier + 1 == kTiers.size() || fails == nullptr || !(question.*fails)[tier]) break;
    }
    sum.quality = static_cast<double>(question.routed.score[tier]);
    return sum;
  }

  /// The tier that costs least: λ · expected cost + the risk of a bad answer.
  static std::size_t Choose(const Question& question, double lambda) {
    std::size_t best = kTiers.size() - 1;
    double least = INFINITY;
    for (std::size_t tier = 0; tier < kTiers.size(); ++tier) {
      const double loss = lambda * static_cast<double>(question.routed.expected_cost[tier]) + 1 -
                          static_cast<double>(question.routed.sufficiency[tier]);
      if (loss < least) {
        least = loss;
        best = tier;
      }
    }
    return best;
  }

  /// Costs and qualities as shares of always-top's, rising in cost, for one λ after another.
  std::vector<Cost> Curve(const std::vector<std::size_t>& sample, Flag fails) const {
    const Cost top = Sum(sample, [](const Question& q) { return Climb(q, 2, nullptr); });
    std::vector<Cost> curve;
    for (double exponent = -4; exponent >= -10; exponent -= 0.1) {
      const double lambda = std::pow(10.0, exponent);
      Cost sum = Sum(sample, [&](const Question& q) { return Climb(q, Choose(q, lambda), fails); });
      curve.push_back({sum.cost / top.cost, sum.quality / top.quality});
    }
    return curve;
  }

  template <class Of>
  Cost Sum(const std::vector<std::size_t>& sample, Of of) const {
    Cost sum;
    for (const std::size_t i : sample) {
      const Cost one = of(questions_[i]);
      sum.cost += one.cost;
      sum.quality += one.quality;
    }
    return sum;
  }

  /// The least cost that keeps a quality; straight lines between points, 1 where none keeps it.
  static double CostFor(const std::vector<Cost>& curve, double quality) {
    double best = 1;
    for (std::size_t i = 0; i < curve.size(); ++i) {
      if (curve[i].quality >= quality) best = std::min(best, curve[i].cost);
      if (i == 0) continue;
      const Cost& a = curve[i - 1];
      const Cost& b = curve[i];
      if ((a.quality < quality) == (b.quality < quality) || a.quality == b.quality) continue;
      const double part = (quality - a.quality) / (b.quality - a.quality);
      best = std::min(best, a.cost + part * (b.cost - a.cost));
    }
    return best;
  }

  static double QualityAt(const std::vector<Cost>& curve, double cost) {
    double best = 0;
    for (std::size_t i = 0; i < curve.size(); ++i) {
      if (curve[i].cost <= cost) best = std::max(best, curve[i].quality);
      if (i == 0) continue;
      const Cost& a = curve[i - 1];
      const Cost& b = curve[i];
      if ((a.cost <= cost) == (b.cost <= cost) || a.cost == b.cost) continue;
      best =
          std::max(best, a.quality + (cost - a.cost) / (b.cost - a.cost) * (b.quality - a.quality));
    }
    return best;
  }

  struct Figures {
    std::map<std::string, double> values;
  };

  Figures Measure(const std::vector<std::size_t>& sample) const {
    Figures figures;
    auto& values = figures.values;
    const Cost top = Sum(sample, [](const Question& q) { return Climb(q, 2, nullptr); });
    const std::vector<Cost> alone = Curve(sample, nullptr);
    const std::array<std::pair<std::string, Flag>, 2> ways = {
        std::pair{std::string("basic"), &Question::basic_fails},
        std::pair{std::string("basic and format"), &Question::all_fails}};
    for (const double keep : {0.9, 0.95, 0.99}) {
      values[fmt::format("router: cost for {:.0f} %", keep * 100)] = CostFor(alone, keep);
    }
    for (const auto& [name, fails] : ways) {
      const std::vector<Cost> with = Curve(sample, fails);
      for (const double keep : {0.9, 0.95, 0.99}) {
        const double cost = CostFor(with, keep);
        values[fmt::format("router + {}: cost for {:.0f} %", name, keep * 100)] = cost;
        values[fmt::format("router + {}: cost for {:.0f} %, less the router's", name, keep * 100)] =
            cost - CostFor(alone, keep);
      }
      const Cost climb = Sum(sample, [&](const Question& q) { return Climb(q, 0, fails); });
      const Cost point{climb.cost / top.cost, climb.quality / top.quality};
      values[fmt::format("tier 1, {}, no router: cost", name)] = point.cost;
      values[fmt::format("tier 1, {}, no router: quality", name)] = point.quality;
      values[fmt::format("tier 1, {}, no router: quality, less the router's at that cost", name)] =
          point.quality - QualityAt(alone, point.cost);
    }
    for (std::size_t tier = 0; tier < kTiers.size(); ++tier) {
      const Cost one = Sum(sample, [&](const Question& q) { return Climb(q, tier, nullptr); });
      values[fmt::format("always {}: cost", kTiers[tier])] = one.cost / top.cost;
      values[fmt::format("always {}: quality", kTiers[tier])] = one.quality / top.quality;
    }
    return figures;
  }

  void Cascades() {
    if (!RouteAll() || questions_.empty()) return;
    std::vector<std::size_t> all(questions_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    const Figures figures = Measure(all);
    std::map<std::string, std::vector<double>> resampled;
    std::mt19937_64 random(1);  // NOLINT: the same figures each time
    std::vector<std::size_t> sample(all.size());
    const int resamples = questions_.size() > 4000 ? kResamples / 5 : kResamples;
    for (int i = 0; i < resamples; ++i) {
      for (std::size_t& one : sample) one = random() % all.size();
      for (const auto& [name, value] : Measure(sample).values) resampled[name].push_back(value);
    }
    out_["cascade"]["questions"] = questions_.size();
    for (const auto& [name, value] : figures.values) {
      std::vector<double>& values = resampled[name];
      std::ranges::sort(values);
      const auto at = [&](double q) {
        return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
      };
      out_["cascade"]["figures"][name] = {{"value", value}, {"interval", {at(0.025), at(0.975)}}};
    }
  }

  const Flags& flags_;
  learn::Dataset data_;
  learn::PriceTable prices_;
  std::optional<verify::Checks> checks_;
  std::map<std::string, Json> format_ok_;
  std::unordered_map<std::string, std::map<std::string, std::string>> answers_;
  std::unordered_map<std::string, std::map<std::string, Judged>> judged_;
  std::vector<Question> questions_;
  std::map<std::string, Tally> tallies_;
  std::map<std::string, std::map<std::string, Tally>> by_dataset_;
  std::map<std::string, std::array<std::size_t, 2>> all_of_;
  std::array<std::size_t, 2> all_{};  // wrong, right
  std::vector<double> times_;
  std::size_t bytes_ = 0;
  std::size_t unparsed_ = 0;
  std::size_t unparsed_caught_ = 0;
  Json out_ = Json::object();
  bool failed_ = false;
};

int Main(int argc, char** argv) {
  CLI::App app{"Runs checks and cascades on recorded answers; prints one JSON object"};
  Flags flags;
  app.add_option("--data", flags.data, "Outcomes")->required();
  app.add_option("--answers", flags.answers, "Answers, by the outcomes' ids")->required();
  app.add_option("--extra", flags.extra, "Further answers; routers are then cross-validated");
  app.add_option("--prices", flags.prices, "Prices of the models")->required();
  app.add_option("--router", flags.router, "Artifact that has not seen fold 0")->required();
  CLI11_PARSE(app, argc, argv);
  return Program(flags).Run();
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  return triage::bench::Main(argc, argv);
}
