// Runs the text cases of tests/golden/decide. A case is a block of `key: value` lines; blocks are
// separated by empty lines, '#' begins a comment. See Given() and Expected() for the keys.
#include "decide/decide.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"
#include "decide/explain.h"
#include "decide/target.h"
#include "decide/test_options.h"

namespace triage::decide {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> Words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

struct Case {
  std::string name;
  Lines lines;
};

std::vector<Case> ReadCases(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<Case> cases;
  bool open = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty()) {
      open = false;
      continue;
    }
    const std::size_t colon = trimmed.find(':');
    EXPECT_NE(colon, std::string_view::npos) << path << ": " << line;
    if (!open) cases.push_back({});
    open = true;
    const std::string key(trimmed.substr(0, colon));
    const std::string value(Trim(trimmed.substr(colon + 1)));
    if (key == "case") {
      cases.back().name = value;
    } else {
      cases.back().lines.emplace_back(key, value);
    }
  }
  return cases;
}

struct Situation {
  Options options = ThreeTiers();
  llm::Request request;
  std::vector<double> sufficiency;
  std::vector<double> thresholds;
  std::vector<std::int64_t> expected_output;
  std::vector<std::string> detected;
  std::vector<bool> available;
  std::int64_t tokens_in = 100;
  std::vector<ModelSize> sizes;
  std::optional<double> distance;
  std::string query_type;
  int floor = 0;
  int session_tier = -1;
  std::vector<NanoDollars> switch_gain;
  int stakes_factor = 1;
  std::optional<Judgement> judge;
};

template <class T>
std::vector<T> Numbers(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<T> numbers;
  for (T number; stream >> number;) numbers.push_back(number);
  return numbers;
}

// A preset like the shipped ones, for every feature or for one.
void UsePreset(Options& options, const std::string& feature) {
  options.workloads = {
      {.name = "helpful",
       .rules = {{.name = "small talk",
                  .when = {.query_type = {"small_talk"},
                           .impact = {llm::Impact::kLow, llm::Impact::kNormal}},
                  .max_tier = 0},
                 {.name = "legal language", .when = {.detected = {"legal"}}, .min_tier = 1},
                 {.name = "money", .when = {.detected = {"money"}}, .min_tier = 2}},
       .likely_enough = {0.7, 0.9, 1.0},
       .stakes = NanoDollars(100'000'000),
       .verify = {"citations"}}};
  if (feature == "all") {
    options.workload = 0;
  } else {
    options.features[feature] = 0;
  }
}

// Takes a line that describes the situation; false when it is an expectation.
bool Given(Situation& s, const std::string& key, const std::string& value) {
  llm::Context& context = s.request.context;
  const std::map<std::string, std::string*> texts = {
      {"model", &s.request.model},     {"user", &context.user},
      {"team", &context.team},         {"feature", &context.feature},
      {"session", &context.session},   {"sensitivity", &context.sensitivity},
      {"min_tier", &context.min_tier}, {"max_tier", &context.max_tier},
      {"verify", &context.verify},     {"query_type", &s.query_type}};
  if (const auto text = texts.find(key); text != texts.end()) {
    *text->second = value;
  } else if (key == "ladder") {
    s.options = value == "two" ? TwoTiers() : value == "five" ? FiveTiers() : ThreeTiers();
  } else if (key == "rule") {
    s.options.rule = value == "expected_cost" ? Rule::kExpectedCost : Rule::kThresholds;
  } else if (key == "preset") {
    UsePreset(s.options, value);
  } else if (key == "stakes") {
    s.options.stakes = NanoDollars(std::stoll(value));
  } else if (key == "thresholds") {
    s.options.thresholds = Numbers<double>(value);
  } else if (key == "band") {
    s.options.band = std::stod(value);
  } else if (key == "unpriced") {
    for (ModelOption& model : s.options.models) {
      if (model.name == value) model.input.reset();
    }
  } else if (key == "impact") {
    context.impact = llm::ParseImpact(value).value();
  } else if (key == "error_tolerance") {
    context.error_tolerance = llm::ParseTolerance(value).value();
  } else if (key == "needs") {
    for (const std::string& need : Words(value)) {
      s.request.needs.tools |= need == "tools";
      s.request.needs.vision |= need == "vision";
      s.request.needs.json_schema |= need == "json_schema";
      s.request.needs.json_object |= need == "json";
      s.request.needs.logprobs |= need == "logprobs";
      s.request.needs.several_choices |= need == "several_choices";
      s.request.needs.image_urls |= need == "image_urls";
    }
  } else if (key == "tokens_in") {
    s.tokens_in = std::stoll(value);
  } else if (key == "size") {
    s.sizes.resize(s.options.models.size());
    const std::vector<std::string> words = Words(value);
    for (std::size_t m = 0; m < s.sizes.size(); ++m) {
      if (s.options.models[m].name != words.at(0)) continue;
      s.sizes[m] = {std::stoll(words.at(1)), std::stoll(words.at(2)), std::stoll(words.at(3)),
                    std::stoll(words.at(4))};
    }
  } else if (key == "max_output") {
    s.request.max_output_tokens = std::stoll(value);
  } else if (key == "sufficiency") {
    s.sufficiency = Numbers<double>(value);
  } else if (key == "request_thresholds") {
    s.thresholds = Numbers<double>(value);
  } else if (key == "window" || key == "answers") {
    for (ModelOption& model : s.options.models) {
      if (model.name != Words(value).at(0)) continue;
      (key == "window" ? model.context_window : model.max_output) = std::stoll(Words(value).at(1));
    }
  } else if (key == "unsent") {
    const std::vector<std::string> words = Words(value);
    for (ModelOption& model : s.options.models) {
      if (model.name == words.at(0)) model.unsent.Add(ParseCapability(words.at(1)).value());
    }
  } else if (key == "expected_output") {
    s.expected_output = Numbers<std::int64_t>(value);
  } else if (key == "distance") {
    s.distance = std::stod(value);
  } else if (key == "detected") {
    s.detected = Words(value);
  } else if (key == "down") {
    s.available.assign(s.options.tiers.size(), true);
    for (std::size_t t = 0; t < s.options.tiers.size(); ++t) {
      if (s.options.tiers[t].name == value) s.available[t] = false;
    }
  } else if (key == "checks_catch") {
    s.options.check_catches = Numbers<double>(value).at(0);
    s.options.check_false_alarms = Numbers<double>(value).at(1);
  } else if (key == "unchecked") {
    s.options.verify.clear();
  } else if (key == "judge") {
    s.options.judge = value == "always" ? JudgeMode::kAlways : JudgeMode::kInBand;
  } else if (key == "judge_says") {
    s.judge = {.tier = ResolveTier(s.options, Words(value).at(0), "").value(),
               .probability = std::stod(Words(value).at(1))};
  } else if (key == "floor") {
    s.floor = std::stoi(value);
  } else if (key == "session_tier") {
    s.session_tier = std::stoi(value);
  } else if (key == "switch_gain") {
    for (const std::int64_t gain : Numbers<std::int64_t>(value)) s.switch_gain.emplace_back(gain);
  } else if (key == "stakes_factor") {
    s.stakes_factor = std::stoi(value);
  } else {
    return false;
  }
  return true;
}

std::string TierAt(const Decision& decision, int tier) {
  return tier < 0 ? "-" : decision.tiers[static_cast<std::size_t>(tier)].tier;
}

std::string Moves(const Decision& decision) {
  std::vector<std::string> moves;
  for (const Step& step : decision.steps) {
    moves.push_back(fmt::format("{} {}>{}", Name(step.kind), TierAt(decision, step.from),
                                TierAt(decision, step.to)));
  }
  return Join(moves);
}

std::string Standby(const Decision& decision) {
  std::vector<std::string> tiers;
  for (const TierView& view : decision.tiers) {
    if (!view.standby.empty()) tiers.push_back(view.tier);
  }
  return Join(tiers);
}

void CheckExpectation(const Result<Decision>& result, const std::string& key,
                      const std::string& value) {
  if (key == "error") {
    ASSERT_FALSE(result) << "chose " << result->TierName();
    EXPECT_EQ(Name(result.error().code), value) << result.error().message;
    return;
  }
  if (key == "field" || key == "message") {
    ASSERT_FALSE(result);
    EXPECT_EQ(key == "field" ? result.error().field : result.error().message, value);
    return;
  }
  ASSERT_TRUE(result) << result.error().message;
  const Decision& d = *result;
  if (key == "tier") {
    EXPECT_EQ(d.TierName(), value);
  } else if (key == "reason") {
    EXPECT_EQ(Reason(d), value);
  } else if (key == "chain") {
    EXPECT_EQ(Join(d.chain), value);
  } else if (key == "checks") {
    EXPECT_EQ(Join(d.checks), value);
  } else if (key == "moves") {
    EXPECT_EQ(Moves(d), value);
  } else if (key == "confidence") {
    EXPECT_DOUBLE_EQ(d.confidence, std::stod(value));
  } else if (key == "pinned") {
    EXPECT_EQ(d.pinned ? "yes" : "no", value);
  } else if (key == "doubtful") {
    EXPECT_EQ(d.doubtful < 0 ? "none" : TierAt(d, d.doubtful), value);
  } else if (key == "standby") {
    EXPECT_EQ(Standby(d), value);
  } else if (key == "step") {
    EXPECT_TRUE(std::any_of(d.steps.begin(), d.steps.end(),
                            [&](const Step& step) { return step.reason == value; }))
        << value << "\nis not among\n"
        << Story(d);
  } else {
    FAIL() << "unknown key " << key;
  }
}

void RunCase(const Case& test) {
  Situation s;
  s.request.model = "auto";
  Lines expectations;
  for (const auto& [key, value] : test.lines) {
    if (!Given(s, key, value)) expectations.emplace_back(key, value);
  }
  ASSERT_FALSE(expectations.empty());
  const std::vector<std::string_view> detected(s.detected.begin(), s.detected.end());
  bool available[64] = {};
  std::copy(s.available.begin(), s.available.end(), available);
  const Result<Decision> result =
      Decide(s.options, {.request = s.request,
                         .tokens_in = s.tokens_in,
                         .sizes = s.sizes,
                         .sufficiency = s.sufficiency,
                         .thresholds = s.thresholds,
                         .distance = s.distance,
                         .expected_output = s.expected_output,
                         .query_type = s.query_type,
                         .detected = detected,
                         .available = std::span<const bool>(available, s.available.size()),
                         .floor = s.floor,
                         .floor_because = s.floor > 0 ? "the session was there" : "",
                         .stakes_factor = s.stakes_factor,
                         .session_tier = s.session_tier,
                         .switch_gain = s.switch_gain,
                         .judge = s.judge});
  for (const auto& [key, value] : expectations) CheckExpectation(result, key, value);
}

TEST(Judge, NoOpinionMovesARequestFurtherThanOneTierOrPastFloorCeilingAndConstraints) {
  Random random(11);
  int with_opinion = 0;
  for (int run = 0; run < 20'000; ++run) {
    Options options = FiveTiers();
    options.judge = run % 2 == 0 ? JudgeMode::kInBand : JudgeMode::kAlways;
    options.rule = run % 5 == 0 ? Rule::kExpectedCost : Rule::kThresholds;
    llm::Request request;
    request.model = "auto";
    request.context.min_tier = "t" + std::to_string(random.Below(3));
    request.context.max_tier = "t" + std::to_string(2 + random.Below(3));
    double sufficiency[5];
    bool available[5];
    for (int t = 0; t < 5; ++t) {
      sufficiency[t] = random.Uniform();
      available[t] = random.Uniform() < 0.8;
    }
    Input input{.request = request, .sufficiency = sufficiency, .available = available};
    const Result<Decision> learned = Decide(options, input);
    if (!learned) continue;
    input.judge = {.tier = static_cast<int>(random.Below(5)), .probability = random.Uniform()};
    const Result<Decision> judged = Decide(options, input);
    ASSERT_TRUE(judged);
    options.band = 0;
    input.judge.reset();
    const int by_rule = Decide(options, input)->tier;
    ASSERT_TRUE(judged->tiers[static_cast<std::size_t>(judged->tier)].admissible);
    ASSERT_GE(judged->TierName(), request.context.min_tier);
    ASSERT_LE(judged->TierName(), std::max(request.context.max_tier, request.context.min_tier));
    // An opinion of a tier that is not open is none; then only the band moves.
    if (std::ranges::none_of(judged->steps,
                             [](const Step& step) { return step.kind == StepKind::kJudge; })) {
      continue;
    }
    ++with_opinion;
    // No open tier lies between the rule's choice and the judge's.
    const int low = std::min(by_rule, judged->tier);
    const int high = std::max(by_rule, judged->tier);
    for (int t = low + 1; t < high; ++t) ASSERT_FALSE(available[t]) << run;
  }
  EXPECT_GT(with_opinion, 5'000);
}

class DecideGolden : public testing::TestWithParam<std::string> {};

TEST_P(DecideGolden, EveryCaseHolds) {
  const std::filesystem::path folder =
      std::filesystem::path(TRIAGE_SOURCE_DIR) / "tests/golden/decide";
  const std::vector<Case> cases = ReadCases(folder / (GetParam() + ".txt"));
  ASSERT_FALSE(cases.empty());
  for (const Case& test : cases) {
    SCOPED_TRACE(GetParam() + ": " + test.name);
    ASSERT_FALSE(test.name.empty());
    RunCase(test);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DecideGolden,
                         testing::Values("band", "constraints", "cost", "judge", "names",
                                         "policies", "thresholds"),
                         [](const auto& param) { return param.param; });

TEST(Decide, ReachesEveryTierOfEveryLadderWithSufficiencyAlone) {
  for (const Options& options : {TwoTiers(), ThreeTiers(), FiveTiers()}) {
    llm::Request request;
    request.model = "auto";
    for (std::size_t wanted = 0; wanted < options.tiers.size(); ++wanted) {
      std::vector<double> sufficiency(options.tiers.size(), 0.1);
      std::fill(sufficiency.begin() + static_cast<std::ptrdiff_t>(wanted), sufficiency.end(), 0.95);
      const Result<Decision> decision =
          Decide(options, {.request = request, .sufficiency = sufficiency});
      ASSERT_TRUE(decision);
      EXPECT_EQ(decision->tier, static_cast<int>(wanted));
    }
  }
}

TEST(Decide, IsTheSameWhenAskedAgain) {
  const Options options = ThreeTiers();
  llm::Request request;
  request.model = "auto";
  request.context.user = "ceo";
  const std::vector<double> sufficiency = {0.52, 0.7, 0.9};
  const Input input{.request = request, .tokens_in = 10, .sufficiency = sufficiency};
  const Result<Decision> first = Decide(options, input);
  const Result<Decision> second = Decide(options, input);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(Story(*first), Story(*second));
}

TEST(Decide, NeverThinksThatNotANumberIsEnough) {
  const Options options = ThreeTiers();
  llm::Request request;
  request.model = "auto";
  const std::vector<double> sufficiency = {std::numeric_limits<double>::quiet_NaN(), 7.0, -3.0};
  const Result<Decision> decision =
      Decide(options, {.request = request, .sufficiency = sufficiency});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->TierName(), "balanced");
  EXPECT_EQ(decision->confidence, 1.0);
}

TEST(Decide, CountsTheCostOfEachTierByItsFirstServingModel) {
  const Options options = ThreeTiers();
  llm::Request request;
  request.model = "auto";
  const std::vector<double> sufficiency = {0.9, 0.9, 0.9};
  const std::vector<std::int64_t> expected_output = {100, 200, 300};
  const Result<Decision> decision = Decide(options, {.request = request,
                                                     .tokens_in = 1'000,
                                                     .sufficiency = sufficiency,
                                                     .expected_output = expected_output});
  ASSERT_TRUE(decision);
  // 1000 × 0.05 + 100 × 0.08 USD per million
  EXPECT_EQ(decision->tiers[0].expected_cost, NanoDollars(58'000));
  // 1000 × 0.50 + 200 × 1.00
  EXPECT_EQ(decision->tiers[1].expected_cost, NanoDollars(700'000));
  // 1000 × 2.50 + 300 × 10.00
  EXPECT_EQ(decision->tiers[2].expected_cost, NanoDollars(5'500'000));
}

TEST(Decide, SurvivesHostileTokenNumbers) {
  const Options options = ThreeTiers();
  llm::Request request;
  request.model = "auto";
  request.max_output_tokens = std::numeric_limits<std::int64_t>::max();
  const Result<Decision> huge =
      Decide(options, {.request = request, .tokens_in = std::numeric_limits<std::int64_t>::max()});
  ASSERT_FALSE(huge);
  request.max_output_tokens = -5;
  const Result<Decision> negative = Decide(options, {.request = request, .tokens_in = -7});
  ASSERT_TRUE(negative);
  EXPECT_EQ(negative->tiers[0].expected_cost, NanoDollars(32'000));
}

}  // namespace
}  // namespace triage::decide
