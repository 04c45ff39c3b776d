#include "decide/policy.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "decide/printable.h"
#include "decide/target.h"

namespace triage::decide {
namespace {

constexpr std::string_view kMinTier = "x-triage-min-tier";
constexpr std::string_view kMaxTier = "x-triage-max-tier";
constexpr std::string_view kSensitivity = "x-triage-sensitivity";
constexpr std::string_view kVerify = "x-triage-verify";

template <class List, class Value>
bool Allows(const List& list, const Value& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

void Append(std::string& text, std::string_view name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  if (!text.empty()) text += ", ";
  text += fmt::format("{}={}", name, Join(values, "|"));
}

template <class Level>
std::vector<std::string> Names(const std::vector<Level>& levels) {
  std::vector<std::string> names;
  for (const Level level : levels) names.emplace_back(llm::Name(level));
  return names;
}

void AddCheck(std::vector<std::string>& checks, std::string_view check) {
  if (std::find(checks.begin(), checks.end(), check) == checks.end()) checks.emplace_back(check);
}

Error UnknownName(std::string_view field, std::string_view what, std::string_view name,
                  const std::vector<std::string>& known) {
  const std::vector<std::string> near = NearestNames(name.substr(0, 80), known);
  const std::string hint = !near.empty()   ? fmt::format("; did you mean {}?", Join(near, " or "))
                           : known.empty() ? "; none is configured"
                                           : fmt::format("; there are {}", Join(known));
  return {.code = ErrorCode::kInvalidRequest,
          .message =
              fmt::format("{}: no {} is called \"{}\"{}", field, what, Printable(name, 80), hint),
          .field = std::string(field)};
}

class Policies {
 public:
  Policies(const Options& options, const Input& input)
      : options_(options), input_(input), context_(input.request.context) {
    const int top = static_cast<int>(options.tiers.size()) - 1;
    limits_.max = top;
    limits_.hard_max = top;
  }

  Result<Limits> Apply() {
    if (Result<void> headers = TierHeaders(); !headers) return std::move(headers).error();
    if (Result<void> header = SensitivityHeader(); !header) return std::move(header).error();
    for (const PolicyRule& rule : options_.policies) {
      if (Matches(rule.when, input_)) ApplyRule(rule);
    }
    if (Result<void> header = VerifyHeader(); !header) return std::move(header).error();
    SettleConflict();
    if (const Workload* workload = WorkloadOf(options_, context_.feature)) ApplyWorkload(*workload);
    return std::move(limits_);
  }

 private:
  const std::string& TierName(int tier) const {
    return options_.tiers[static_cast<std::size_t>(tier)].name;
  }

  void AddStep(std::string reason, bool narrows) {
    if (narrows) limits_.narrowed_by = static_cast<int>(limits_.steps.size());
    limits_.steps.push_back({.kind = StepKind::kPolicy, .reason = std::move(reason)});
  }

  Result<void> TierHeaders() {
    if (!context_.min_tier.empty()) {
      const Result<int> tier = ResolveTier(options_, context_.min_tier, kMinTier);
      if (!tier) return tier.error();
      limits_.min = *tier;
      AddStep(fmt::format("{}: at least {}", kMinTier, TierName(*tier)), *tier > 0);
    }
    if (!context_.max_tier.empty()) {
      const Result<int> tier = ResolveTier(options_, context_.max_tier, kMaxTier);
      if (!tier) return tier.error();
      AddStep(fmt::format("{}: at most {}", kMaxTier, TierName(*tier)), *tier < limits_.max);
      limits_.max = *tier;
      limits_.hard_max = *tier;
    }
    return {};
  }

  Result<void> SensitivityHeader() {
    const std::string& name = context_.sensitivity;
    if (name.empty()) return {};
    std::vector<std::string> known;
    for (std::size_t i = 0; i < options_.sensitivity.size(); ++i) {
      known.push_back(options_.sensitivity[i].name);
      if (known.back() != name) continue;
      limits_.data_classes |= std::uint64_t{1} << i;
      AddStep(fmt::format("{}: {} data, only for {}", kSensitivity, name,
                          Join(options_.sensitivity[i].providers)),
              false);
      return {};
    }
    return UnknownName(kSensitivity, "data class", name, known);
  }

  void ApplyRule(const PolicyRule& rule) {
    std::vector<std::string> effects;
    bool narrows = false;
    if (rule.min_tier) {
      narrows |= *rule.min_tier > limits_.min;
      limits_.min = std::max(limits_.min, *rule.min_tier);
      effects.push_back(fmt::format("at least {}", TierName(*rule.min_tier)));
    }
    if (rule.max_tier) {
      narrows |= *rule.max_tier < limits_.max;
      limits_.max = std::min(limits_.max, *rule.max_tier);
      effects.push_back(fmt::format("at most {}", TierName(*rule.max_tier)));
    }
    if (rule.sensitivity) {
      const SensitivityClass& data =
          options_.sensitivity[static_cast<std::size_t>(*rule.sensitivity)];
      limits_.data_classes |= std::uint64_t{1} << static_cast<unsigned>(*rule.sensitivity);
      effects.push_back(fmt::format("{} data, only for {}", data.name, Join(data.providers)));
    }
    for (const std::string& check : rule.verify) AddCheck(limits_.checks, check);
    if (!rule.verify.empty())
      effects.push_back(fmt::format("check {}", Join(rule.verify, " and ")));
    const std::string why = rule.name.empty() ? Describe(rule.when) : rule.name;
    AddStep(fmt::format("{}: {}", why, Join(effects)), narrows);
  }

  // Floors first: they win over the workload's own ceilings.
  void ApplyWorkload(const Workload& workload) {
    const auto why = [&](const PolicyRule& rule) {
      return fmt::format("{} (preset {})", rule.name, workload.name);
    };
    for (const PolicyRule& rule : workload.rules) {
      const int floor = std::min(rule.min_tier.value_or(0), limits_.max);
      if (floor <= std::max(limits_.min, limits_.soft_min) || !Matches(rule.when, input_)) continue;
      limits_.soft_min = floor;
      limits_.soft_because = why(rule);
    }
    for (const PolicyRule& rule : workload.rules) {
      if (!rule.max_tier || !Matches(rule.when, input_)) continue;
      const int ceiling = std::max({*rule.max_tier, limits_.min, limits_.soft_min, input_.floor});
      if (ceiling >= limits_.max) continue;
      limits_.max = ceiling;
      AddStep(fmt::format("{}: at most {}", why(rule), TierName(ceiling)), true);
    }
    if (limits_.checks.empty() && !names_checks_) limits_.checks = workload.verify;
  }

  Result<void> VerifyHeader() {
    if (context_.verify.empty()) {
      if (limits_.checks.empty()) limits_.checks = options_.verify;
      return {};
    }
    limits_.checks.clear();
    std::string_view rest = context_.verify;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view check = Trim(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      names_checks_ = true;
      if (check.empty() || check == "off") continue;
      if (!options_.known_checks.empty() && !Allows(options_.known_checks, check)) {
        return UnknownName(kVerify, "check", check, options_.known_checks);
      }
      AddCheck(limits_.checks, check);
    }
    return {};
  }

  void SettleConflict() {
    if (limits_.min <= limits_.max) return;
    AddStep(fmt::format("the floor {} wins over the ceiling {}", TierName(limits_.min),
                        TierName(limits_.max)),
            true);
    limits_.max = limits_.min;
    limits_.hard_max = std::max(limits_.hard_max, limits_.min);
  }

  const Options& options_;
  const Input& input_;
  const llm::Context& context_;
  Limits limits_;
  bool names_checks_ = false;  // the request itself says which
};

}  // namespace

Result<Limits> ApplyPolicies(const Options& options, const Input& input) {
  return Policies(options, input).Apply();
}

bool Matches(const PolicyCondition& when, const Input& input) {
  const llm::Context& context = input.request.context;
  const auto found = [&](const std::string& wanted) {
    return std::find(input.detected.begin(), input.detected.end(), wanted) != input.detected.end();
  };
  return Allows(when.user, context.user) && Allows(when.team, context.team) &&
         Allows(when.feature, context.feature) && Allows(when.session, context.session) &&
         Allows(when.impact, context.impact) &&
         Allows(when.error_tolerance, context.error_tolerance) &&
         Allows(when.query_type, input.query_type) &&
         (when.detected.empty() || std::any_of(when.detected.begin(), when.detected.end(), found));
}

std::string Describe(const PolicyCondition& when) {
  std::string text;
  Append(text, "user", when.user);
  Append(text, "team", when.team);
  Append(text, "feature", when.feature);
  Append(text, "session", when.session);
  Append(text, "impact", Names(when.impact));
  Append(text, "error_tolerance", Names(when.error_tolerance));
  Append(text, "query_type", when.query_type);
  Append(text, "detected", when.detected);
  return text.empty() ? "always" : text;
}

}  // namespace triage::decide
