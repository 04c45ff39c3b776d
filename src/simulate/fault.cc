#include "simulate/fault.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/random.h"
#include "base/text.h"
#include "simulate/latency.h"
#include "simulate/spec_text.h"

namespace triage::simulate {

namespace {

Error Wrong(std::string message) {
  return Error{ErrorCode::kInvalidRequest, std::move(message)};
}

Result<std::int64_t> Whole(const SpecEntry& entry, std::int64_t least, std::int64_t most) {
  auto number = ParseNumber(entry.key, entry.value, static_cast<double>(least));
  if (!number) return std::move(number).error();
  if (*number > static_cast<double>(most) || *number != std::floor(*number)) {
    return Wrong(std::string(entry.key) + ": a whole number from " + std::to_string(least) +
                 " to " + std::to_string(most) + " was expected");
  }
  return static_cast<std::int64_t>(*number);
}

std::optional<FaultKind> KindOf(std::string_view key) {
  if (key == "status") return FaultKind::kStatus;
  if (key == "close") return FaultKind::kClose;
  if (key == "hang") return FaultKind::kHang;
  if (key == "slow_headers") return FaultKind::kSlowHeaders;
  if (key == "slow_tokens") return FaultKind::kSlowTokens;
  if (key == "cut") return FaultKind::kCut;
  if (key == "error_event") return FaultKind::kErrorEvent;
  if (key == "garbage") return FaultKind::kGarbage;
  if (key == "content_type") return FaultKind::kContentType;
  if (key == "empty") return FaultKind::kEmpty;
  if (key == "degraded") return FaultKind::kDegraded;
  if (key == "down") return FaultKind::kDown;
  return std::nullopt;
}

Result<void> ApplyKind(const SpecEntry& entry, Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kStatus: {
      auto status = Whole(entry, 400, 599);
      if (!status) return std::move(status).error();
      fault.status = static_cast<int>(*status);
      return {};
    }
    case FaultKind::kSlowHeaders: {
      auto delay = ParseDuration(entry.value);
      if (!delay) return std::move(delay).error();
      fault.delay = *delay;
      return {};
    }
    case FaultKind::kSlowTokens: {
      auto factor = ParseNumber(entry.key, entry.value, 1);
      if (!factor) return std::move(factor).error();
      fault.factor = *factor;
      return {};
    }
    case FaultKind::kCut:
    case FaultKind::kErrorEvent: {
      auto chunks = Whole(entry, 0, 1'000'000);
      if (!chunks) return std::move(chunks).error();
      fault.chunks = static_cast<int>(*chunks);
      return {};
    }
    case FaultKind::kContentType:
      if (entry.value.empty()) return Wrong("content_type: a type such as text/html was expected");
      fault.content_type = entry.value;
      return {};
    case FaultKind::kClose:
    case FaultKind::kHang:
    case FaultKind::kGarbage:
    case FaultKind::kEmpty:
    case FaultKind::kDegraded:
    case FaultKind::kDown:
      if (!entry.value.empty()) return Wrong(std::string(entry.key) + " takes no value");
      return {};
  }
  return {};
}

Result<void> ApplyCondition(const SpecEntry& entry, FaultRule& rule) {
  if (entry.key == "every" || entry.key == "times") {
    auto count = Whole(entry, 1, 1'000'000'000);
    if (!count) return std::move(count).error();
    (entry.key == "every" ? rule.every : rule.times) = static_cast<std::uint64_t>(*count);
    return {};
  }
  if (entry.key == "p") {
    auto probability = ParseNumber("p", entry.value, 0);
    if (!probability) return std::move(probability).error();
    if (*probability > 1) return Wrong("p: a probability from 0 to 1 was expected");
    rule.probability = *probability;
    return {};
  }
  if (entry.key == "from" || entry.key == "until") {
    auto time = ParseDuration(entry.value);
    if (!time) return std::move(time).error();
    (entry.key == "from" ? rule.from : rule.until) = *time;
    return {};
  }
  if (entry.key == "flap") {
    auto period = ParseDuration(entry.value);
    if (!period) return std::move(period).error();
    if (period->count() == 0) return Wrong("flap: a period longer than nothing was expected");
    rule.flap = *period;
    return {};
  }
  if (entry.key == "retry_after") {
    auto seconds = Whole(entry, 0, 86'400);
    if (!seconds) return std::move(seconds).error();
    rule.fault.retry_after_seconds = static_cast<int>(*seconds);
    return {};
  }
  if (entry.key == "html" && entry.value.empty()) {
    rule.fault.html = true;
    return {};
  }
  return Wrong(
      "unknown fault setting '" + std::string(entry.key) +
      "' (kinds: status, close, hang, slow_headers, slow_tokens, cut, error_event, garbage, "
      "content_type, empty, degraded, down; conditions: every, p, from, until, flap, times; with "
      "status: "
      "retry_after, html)");
}

bool IsTime(const FaultRule& rule, std::chrono::microseconds elapsed) {
  if (elapsed < rule.from || elapsed >= rule.until) return false;
  return rule.flap.count() == 0 || (elapsed - rule.from) / rule.flap % 2 == 1;
}

}  // namespace

Result<FaultRule> ParseFaultRule(std::string_view text) {
  auto parts = SplitSpecWithFlags(text);
  if (!parts) return std::move(parts).error();
  FaultRule rule;
  rule.model = parts->name;
  bool has_kind = false;
  for (const SpecEntry& entry : parts->entries) {
    const auto kind = KindOf(entry.key);
    if (kind && has_kind) return Wrong("'" + std::string(text) + "' names two kinds of fault");
    Result<void> applied;
    if (kind) {
      has_kind = true;
      rule.fault.kind = *kind;
      applied = ApplyKind(entry, rule.fault);
    } else {
      applied = ApplyCondition(entry, rule);
    }
    if (!applied) return std::move(applied).error();
  }
  if (!has_kind) return Wrong("'" + std::string(text) + "' names no kind of fault");
  if ((rule.fault.html || rule.fault.retry_after_seconds) &&
      rule.fault.kind != FaultKind::kStatus) {
    return Wrong("'" + std::string(text) + "': html and retry_after go with status");
  }
  if (rule.fault.kind == FaultKind::kDown &&
      (rule.model != "*" || rule.every != 1 || rule.probability < 1 ||
       rule.times != FaultRule{}.times)) {
    return Wrong("'" + std::string(text) +
                 "': down is for the whole provider: '*:down' with from, until and flap");
  }
  return rule;
}

Result<std::vector<FaultRule>> LoadFaultRules(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{ErrorCode::kIo, "cannot read the fault schedule " + path};
  std::vector<FaultRule> rules;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string_view text = Trim(std::string_view(line).substr(0, line.find('#')));
    if (text.empty()) continue;
    auto rule = ParseFaultRule(text);
    if (!rule) return Wrong(path + ":" + std::to_string(number) + ": " + rule.error().message);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

FaultSchedule::FaultSchedule(std::vector<FaultRule> rules, std::uint64_t seed)
    : rules_(std::move(rules)), counts_(std::make_unique<Counts[]>(rules_.size())), seed_(seed) {}

const Fault* FaultSchedule::Next(std::string_view model, std::chrono::microseconds elapsed) {
  const Fault* found = nullptr;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const FaultRule& rule = rules_[i];
    if (rule.fault.kind == FaultKind::kDown) continue;
    if ((rule.model != "*" && rule.model != model) || !IsTime(rule, elapsed)) continue;
    const std::uint64_t number = counts_[i].seen.fetch_add(1) + 1;
    if (found != nullptr || number % rule.every != 0) continue;
    if (Random(StableHash(seed_ + number, rule.model)).Uniform() >= rule.probability) continue;
    if (counts_[i].struck.fetch_add(1) >= rule.times) continue;
    found = &rule.fault;
  }
  return found;
}

bool FaultSchedule::MayBeDown() const {
  return std::ranges::any_of(
      rules_, [](const FaultRule& rule) { return rule.fault.kind == FaultKind::kDown; });
}

bool FaultSchedule::DownAt(std::chrono::microseconds elapsed) const {
  return std::ranges::any_of(rules_, [&](const FaultRule& rule) {
    return rule.fault.kind == FaultKind::kDown && IsTime(rule, elapsed);
  });
}

}  // namespace triage::simulate
