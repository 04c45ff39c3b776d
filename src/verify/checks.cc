#include "verify/checks.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "verify/grounding.h"
#include "verify/json_checks.h"
#include "verify/p_bad.h"
#include "verify/text_checks.h"

namespace triage::verify {
namespace {

using Check = std::optional<Verdict> (*)(const Asked&, const Given&);

/// When `basic` stands for a check.
enum class InBasic : std::uint8_t { kNever, kAlways, kJson };

struct BuiltIn {
  std::string_view name;
  Check check;
  InBasic in_basic;
  bool partial;  ///< can fail on the first part of an answer
};

constexpr std::string_view kBasic = "basic";

constexpr std::array kBuiltIns = {
    BuiltIn{"finish", CheckFinish, InBasic::kAlways, false},
    BuiltIn{"empty", CheckEmpty, InBasic::kAlways, false},
    BuiltIn{"refusal", CheckRefusal, InBasic::kAlways, true},
    BuiltIn{"dont_know", CheckDontKnow, InBasic::kAlways, true},
    BuiltIn{"placeholder", CheckPlaceholder, InBasic::kAlways, true},
    BuiltIn{"loop", CheckLoop, InBasic::kAlways, true},
    BuiltIn{"language", CheckLanguage, InBasic::kAlways, true},
    BuiltIn{"fences", CheckFences, InBasic::kAlways, false},
    BuiltIn{"leak", CheckLeak, InBasic::kAlways, true},
    BuiltIn{"json", CheckJson, InBasic::kJson, false},
    BuiltIn{"json_schema", CheckJsonSchema, InBasic::kAlways, false},
    BuiltIn{"tool_arguments", CheckToolArguments, InBasic::kAlways, false},
    BuiltIn{"grounding", CheckGrounding, InBasic::kNever, false},
};

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

bool IsBuiltIn(std::string_view name) {
  return name == kBasic || std::ranges::any_of(kBuiltIns, [&](const BuiltIn& built_in) {
           return built_in.name == name;
         });
}

}  // namespace

struct Checks::Parts {
  struct Pattern {
    std::string name;
    std::unique_ptr<const RE2> expression;
    bool must_match;
  };

  std::vector<Pattern> patterns;

  /// `partial`: only what the first part of an answer can fail.
  std::vector<Verdict> RunAll(std::span<const std::string> names, const Asked& asked,
                              const Given& given, bool partial) const;

  static Verdict Run(const Pattern& pattern, std::string_view text) {
    Verdict verdict{.check = pattern.name};
    const bool matches =
        RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern.expression);
    if (matches != pattern.must_match) {
      verdict.outcome = Outcome::kFail;
      verdict.reason = pattern.must_match ? "It lacks what the configured pattern wants."
                                          : "It has what the configured pattern forbids.";
      verdict.p_bad = p_bad::kPattern;
    }
    return verdict;
  }
};

Checks::Checks(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}

Checks::Checks(Checks&&) noexcept = default;
Checks& Checks::operator=(Checks&&) noexcept = default;
Checks::~Checks() = default;

Result<Checks> Checks::Make(std::span<const PatternOption> patterns) {
  auto parts = std::make_unique<Parts>();
  for (const PatternOption& option : patterns) {
    const auto bad = [&](std::string message) {
      return Error{
          .code = ErrorCode::kInvalidRequest, .message = std::move(message), .field = option.name};
    };
    if (!IsName(option.name)) {
      return bad("a check's name has 1 to 64 letters, digits, \"_\" and \"-\"");
    }
    const bool taken = IsBuiltIn(option.name) ||
                       std::ranges::any_of(parts->patterns, [&](const Parts::Pattern& other) {
                         return other.name == option.name;
                       });
    if (taken) return bad(fmt::format("there is a check called \"{}\" already", option.name));
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(1 << 20);
    auto expression = std::make_unique<const RE2>(option.pattern, options);
    if (!expression->ok()) {
      return bad(fmt::format("the pattern of \"{}\" is no RE2 expression: {}", option.name,
                             expression->error()));
    }
    parts->patterns.push_back({option.name, std::move(expression), option.must_match});
  }
  return Checks(std::move(parts));
}

std::vector<std::string> Checks::Names() const {
  std::vector<std::string> names{std::string(kBasic)};
  for (const BuiltIn& built_in : kBuiltIns) names.emplace_back(built_in.name);
  for (const Parts::Pattern& pattern : parts_->patterns) names.push_back(pattern.name);
  return names;
}

bool Checks::Knows(std::string_view name) const {
  return IsBuiltIn(name) || std::ranges::any_of(parts_->patterns, [&](const auto& pattern) {
           return pattern.name == name;
         });
}

std::vector<Verdict> Checks::Parts::RunAll(std::span<const std::string> names, const Asked& asked,
                                           const Given& given, bool partial) const {
  const auto wanted = [&](std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  const bool basic = wanted(kBasic);
  const bool json = asked.json || asked.schema != nullptr;
  std::vector<Verdict> verdicts;
  for (const BuiltIn& built_in : kBuiltIns) {
    if (partial && !built_in.partial) continue;
    const bool in_basic =
        built_in.in_basic == InBasic::kAlways || (built_in.in_basic == InBasic::kJson && json);
    if (!(basic && in_basic) && !wanted(built_in.name)) continue;
    // What is no JSON is told once.
    if (built_in.check == CheckJsonSchema && !verdicts.empty() && verdicts.back().check == "json" &&
        verdicts.back().outcome == Outcome::kFail) {
      continue;
    }
    if (std::optional<Verdict> verdict = built_in.check(asked, given)) {
      verdicts.push_back(std::move(*verdict));
    }
  }
  for (const Pattern& pattern : patterns) {
    if (partial && pattern.must_match) continue;
    if (wanted(pattern.name)) verdicts.push_back(Run(pattern, given.text));
  }
  return verdicts;
}

std::vector<Verdict> Checks::Run(std::span<const std::string> names, const Asked& asked,
                                 const Given& given) const {
  return parts_->RunAll(names, asked, given, false);
}

std::vector<Verdict> Checks::RunPartial(std::span<const std::string> names, const Asked& asked,
                                        std::string_view text) const {
  const Given given{.text = text, .finish = llm::FinishReason::kUnknown};
  return parts_->RunAll(names, asked, given, true);
}

Given GivenOf(const llm::Answer& answer, std::string& text) {
  Given given{.finish = answer.finish};
  const std::string* only = nullptr;
  bool several = false;
  for (const llm::Part& part : answer.parts) {
    if (const auto* piece = std::get_if<llm::TextPart>(&part)) {
      several = only != nullptr;
      if (several) break;
      only = &piece->text;
    }
  }
  if (several) {
    text = llm::TextOf(answer);
    given.text = text;
  } else if (only != nullptr) {
    given.text = *only;
  }
  for (const llm::Part& part : answer.parts) {
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) given.calls.push_back(call);
    if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) given.refusal = refusal->text;
    if (std::holds_alternative<llm::ImagePart>(part) ||
        std::holds_alternative<llm::DocumentPart>(part) ||
        std::holds_alternative<llm::OpaquePart>(part)) {
      given.has_other = true;
    }
  }
  return given;
}

}  // namespace triage::verify
