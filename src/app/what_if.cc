#include "app/what_if.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "app/snapshot.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/text.h"
#include "learn/features.h"
#include "observe/metrics.h"
#include "pipeline/deciding.h"
#include "prices/text_size.h"

namespace triage::app {
namespace {

constexpr std::size_t kMostWords = 200;  // tried; each costs one prediction
constexpr double kLeastPoints = 0.5;     // below it a word moves nothing that a reader would see

Error Unfit(std::string_view name, std::string_view expected) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("--set {}: expected {}", name, expected)};
}

std::optional<double> Number(const std::string& text, double low, double high) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= low && value <= high)) return std::nullopt;
  return value;
}

std::string* TextOf(Supposed& supposed, std::string_view name) {
  llm::Context& context = supposed.context;
  const std::map<std::string_view, std::string*> texts = {
      {"model", &supposed.model},      {"user", &context.user},
      {"team", &context.team},         {"feature", &context.feature},
      {"session", &context.session},   {"sensitivity", &context.sensitivity},
      {"min_tier", &context.min_tier}, {"max_tier", &context.max_tier}};
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : found->second;
}

Result<void> SetRouting(config::Config& config, const std::string& name, const std::string& value) {
  config::Routing& routing = config.routing;
  if (name == "rule") {
    if (value != "thresholds" && value != "expected_cost") {
      return Unfit(name, "thresholds or expected_cost");
    }
    routing.rule = value == "thresholds" ? config::Rule::kThresholds : config::Rule::kExpectedCost;
    return {};
  }
  if (name == "preset") {
    const bool known = value == "none" || std::ranges::any_of(config.presets, [&](const auto& p) {
                         return p.name == value;
                       });
    if (!known) return Unfit(name, "none or a preset of docs/policies.md");
    routing.preset = value == "none" ? "" : value;
    config.workloads.clear();
    return {};
  }
  if (name == "stakes") {
    const auto price = ParsePrice(value);
    if (!price) return Unfit(name, "USD such as 0.5");
    routing.stakes = NanoDollars(price->nano_dollars);
    routing.rule = config::Rule::kExpectedCost;
    return {};
  }
  const bool band = name == "band";
  const auto number = Number(value, band ? 0 : 0.01, band ? 0.499999 : 1);
  if (!number) return Unfit(name, band ? "0 to below 0.5" : "0.01 to 1");
  if (!band) routing.thresholds.clear();
  (band ? routing.band : routing.keep_quality) = *number;
  return {};
}

/// The parts of `text` between white space.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t begin = text.find_first_not_of(" \n\r\t", i);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(" \n\r\t", begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    i = end;
  }
  return parts;
}

/// Without punctuation around it.
std::string_view Bare(std::string_view word) {
  constexpr std::string_view kMarks = ".,;:!?\"'()[]{}";
  const std::size_t begin = word.find_first_not_of(kMarks);
  if (begin == std::string_view::npos) return {};
  return word.substr(begin, word.find_last_not_of(kMarks) - begin + 1);
}

}  // namespace

Result<void> Suppose(Supposed& supposed, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string name(Trim(assignment.substr(0, equals)));
  if (equals == std::string_view::npos) return Unfit(name, "NAME=VALUE");
  const std::string value(Trim(assignment.substr(equals + 1)));
  if (std::string* text = TextOf(supposed, name)) {
    *text = value;
    return {};
  }
  if (name == "impact") {
    const auto impact = llm::ParseImpact(value);
    if (!impact) return Unfit(name, "low, normal, high or critical");
    supposed.context.impact = *impact;
    return {};
  }
  if (name == "error_tolerance") {
    const auto tolerance = llm::ParseTolerance(value);
    if (!tolerance) return Unfit(name, "low, normal or high");
    supposed.context.error_tolerance = *tolerance;
    return {};
  }
  const std::vector<std::string> routing = {"rule", "band", "keep_quality", "preset", "stakes"};
  if (std::ranges::find(routing, name) != routing.end()) {
    return SetRouting(supposed.config, name, value);
  }
  return Unfit(name,
               "one of model, user, team, feature, session, impact, error_tolerance, sensitivity, "
               "min_tier, max_tier, " +
                   Join(routing));
}

Result<Supposition> DecideSupposed(const Supposed& supposed) {
  observe::Registry registry;
  auto snapshot =
      BuildSnapshot(std::make_shared<config::Config>(supposed.config), registry, nullptr);
  if (!snapshot) return std::move(snapshot).error();
  llm::Request request;
  request.model = supposed.model;
  request.context = supposed.context;
  request.text = supposed.text;
  request.turns.push_back({.role = llm::Role::kUser, .text = request.text});
  learn::Features features;
  Result<decide::Decision> decision = pipeline::DecideRequest(
      **snapshot, request, prices::Measure(request), features, SystemClock());
  if (!decision) return std::move(decision).error();
  return Supposition{*std::move(decision), *std::move(snapshot)};
}

std::vector<Change> ChangesOf(const Supposed& supposed, const decide::Decision& decision) {
  std::vector<std::string> tries;
  for (const char* impact : {"low", "normal", "high", "critical"}) {
    if (llm::Name(supposed.context.impact) != impact) {
      tries.push_back(std::string("impact=") + impact);
    }
  }
  if (!supposed.context.user.empty()) tries.emplace_back("user=");
  if (!supposed.context.feature.empty()) tries.emplace_back("feature=");
  if (!supposed.context.min_tier.empty()) tries.emplace_back("min_tier=");
  if (!supposed.context.max_tier.empty()) tries.emplace_back("max_tier=");
  if (supposed.model != "auto") tries.emplace_back("model=auto");
  const bool by_cost = supposed.config.routing.rule == config::Rule::kExpectedCost;
  tries.emplace_back(by_cost ? "rule=thresholds" : "rule=expected_cost");
  if (!by_cost) {
    for (const char* keep : {"keep_quality=0.8", "keep_quality=0.9", "keep_quality=0.99"}) {
      tries.emplace_back(keep);
    }
  } else {
    for (const char* stakes : {"stakes=0.005", "stakes=0.5"}) tries.emplace_back(stakes);
  }
  tries.emplace_back("preset=none");
  std::vector<Change> changes;
  for (const std::string& attempt : tries) {
    Supposed other = supposed;
    if (!Suppose(other, attempt)) continue;
    const Result<Supposition> decided = DecideSupposed(other);
    if (!decided || decided->decision.TierName() == decision.TierName()) continue;
    changes.push_back({attempt, decided->decision.TierName()});
  }
  return changes;
}

std::vector<WordWeight> WordsOf(const Supposed& supposed, const pipeline::Snapshot& snapshot,
                                std::size_t tier, std::size_t most) {
  if (snapshot.router == nullptr) return {};
  const auto head = static_cast<std::size_t>(snapshot.tiers[tier].router_head);
  learn::Features features;
  const auto estimate = [&](const std::string& text) {
    const llm::Turn turn{.role = llm::Role::kUser, .text = text};
    features.Extract({&turn, 1}, {}, supposed.context, 0);
    return double{snapshot.router->Predict(features).sufficiency[head]};
  };
  const double whole = estimate(supposed.text);
  const std::vector<std::string_view> parts = Split(supposed.text);
  std::vector<std::string> tried;
  std::vector<WordWeight> weights;
  for (const std::string_view part : parts) {
    const std::string word = ToLowerAscii(Bare(part));
    if (word.empty() || std::ranges::find(tried, word) != tried.end()) continue;
    if (tried.size() == kMostWords) break;
    tried.push_back(word);
    std::string rest;
    for (const std::string_view other : parts) {
      if (ToLowerAscii(Bare(other)) == word) continue;
      if (!rest.empty()) rest += ' ';
      rest += other;
    }
    const double points = (whole - estimate(rest)) * 100;
    if (std::abs(points) >= kLeastPoints) weights.push_back({word, points});
  }
  std::ranges::sort(weights, [](const WordWeight& a, const WordWeight& b) {
    const double left = std::abs(a.points);
    const double right = std::abs(b.points);
    return left != right ? left > right : a.word < b.word;
  });
  std::size_t against = 0;
  std::size_t in_favour = 0;
  std::erase_if(
      weights, [&](const WordWeight& w) { return (w.points < 0 ? against : in_favour)++ >= most; });
  return weights;
}

}  // namespace triage::app
