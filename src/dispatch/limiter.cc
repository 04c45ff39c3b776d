#include "dispatch/limiter.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace triage::dispatch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMostReset = std::chrono::hours(24);

std::optional<std::int64_t> ParseCount(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  // Some providers write "14400.0".
  if (read.ec != std::errc() || value < 0) return std::nullopt;
  const std::string_view rest(read.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - read.ptr));
  if (!rest.empty() && rest.front() != '.') return std::nullopt;
  return value;
}

std::optional<int> Digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  if (at + count > text.size()) return std::nullopt;
  const auto read = std::from_chars(text.data() + at, text.data() + at + count, value);
  if (read.ec != std::errc() || read.ptr != text.data() + at + count) return std::nullopt;
  return value;
}

// RFC 3339 with "Z" or an offset, to the second.
std::optional<WallTime> ParseTime(std::string_view text) {
  const auto year = Digits(text, 0, 4);
  const auto month = Digits(text, 5, 2);
  const auto day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2);
  const auto minute = Digits(text, 14, 2);
  const auto second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't')) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  WallTime time =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::sys_days(date));
  time += std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  std::size_t zone = 19;
  while (zone < text.size() && (text[zone] == '.' || (text[zone] >= '0' && text[zone] <= '9')))
    ++zone;
  if (zone < text.size() && (text[zone] == '+' || text[zone] == '-')) {
    const auto hours = Digits(text, zone + 1, 2);
    const auto minutes = Digits(text, zone + 4, 2);
    if (!hours || !minutes) return std::nullopt;
    const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    time += text[zone] == '+' ? -offset : offset;
  }
  return time;
}

// Go's durations, and bare numbers of seconds.
std::optional<milliseconds> ParseDuration(std::string_view text) {
  double total = 0;
  bool any = false;
  while (!text.empty()) {
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || !(value >= 0)) return std::nullopt;  // neither "nan"
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (text.empty()) {
      if (any) return std::nullopt;
      total = value * 1000;
    } else if (text.starts_with("ms")) {
      total += value;
      text.remove_prefix(2);
    } else if (text.starts_with("us") || text.starts_with("ns")) {
      text.remove_prefix(2);
    } else if (text.front() == 's' || text.front() == 'm' || text.front() == 'h') {
      total += value * (text.front() == 's' ? 1'000 : text.front() == 'm' ? 60'000 : 3'600'000);
      text.remove_prefix(1);
    } else {
      return std::nullopt;
    }
    any = true;
    if (total > 1e12) return std::nullopt;
  }
  if (!any) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(total + 0.999));
}

/// Keeps the tighter of two limits of the same kind.
void Tighten(LimitState& kept, const LimitState& other) {
  if (!other.remaining && !other.limit) return;
  if (!kept.remaining || (other.remaining && *other.remaining < *kept.remaining)) kept = other;
}

}  // namespace

std::optional<milliseconds> ParseReset(std::string_view text, WallTime now) {
  text = Trim(text);
  std::optional<milliseconds> reset;
  if (text.size() >= 19 && text[4] == '-') {
    if (const auto time = ParseTime(text)) {
      reset = std::max(std::chrono::ceil<milliseconds>(*time - now), milliseconds(0));
    }
  } else {
    reset = ParseDuration(text);
  }
  if (!reset || *reset > kMostReset) return std::nullopt;
  return reset;
}

RateLimits ReadRateLimits(std::span<const std::pair<std::string, std::string>> headers,
                          WallTime now) {
  struct Kind {
    std::string_view name;
    bool tokens;
  };

  constexpr std::array kKinds = {Kind{"requests", false}, Kind{"tokens", true},
                                 Kind{"input-tokens", true}, Kind{"output-tokens", true}};
  std::array<LimitState, kKinds.size()> states;
  const auto take = [&](std::string_view field, std::string_view kind, std::string_view value) {
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
      if (kKinds[i].name != kind) continue;
      if (field == "limit") states[i].limit = ParseCount(value);
      if (field == "remaining") states[i].remaining = ParseCount(value);
      if (field == "reset") states[i].reset = ParseReset(value, now);
    }
  };
  constexpr std::string_view kOpenAi = "x-ratelimit-";
  constexpr std::string_view kAnthropic = "anthropic-ratelimit-";
  for (const auto& [written, value] : headers) {
    const std::string name = ToLowerAscii(written);
    const std::string_view text = Trim(value);
    if (name.starts_with(kOpenAi)) {
      const std::string_view rest = std::string_view(name).substr(kOpenAi.size());
      const std::size_t dash = rest.find('-');
      if (dash != std::string_view::npos) take(rest.substr(0, dash), rest.substr(dash + 1), text);
    } else if (name.starts_with(kAnthropic)) {
      const std::string_view rest = std::string_view(name).substr(kAnthropic.size());
      const std::size_t dash = rest.rfind('-');
      if (dash != std::string_view::npos) take(rest.substr(dash + 1), rest.substr(0, dash), text);
    }
  }
  RateLimits limits;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    Tighten(kKinds[i].tokens ? limits.tokens : limits.requests, states[i]);
  }
  return limits;
}

SteadyTime Limiter::Window::EarliestStart(SteadyTime now, std::int64_t amount) const {
  if (reset <= now) return now;
  if (limit && amount > *limit) return now;  // will never fit: the provider shall say so
  return remaining >= amount ? now : reset;
}

void Limiter::Window::Learned(SteadyTime now, const LimitState& state) {
  if (state.limit) limit = state.limit;
  if (!state.remaining || !state.reset) return;
  remaining = *state.remaining;
  reset = now + *state.reset;
}

SteadyTime Limiter::EarliestStart(SteadyTime now, std::int64_t tokens) const {
  return std::max(
      {blocked_until_, requests_.EarliestStart(now, 1), tokens_.EarliestStart(now, tokens)});
}

void Limiter::Started(SteadyTime, std::int64_t tokens) {
  // Until the next answer corrects it: several attempts may be on their way.
  --requests_.remaining;
  tokens_.remaining -= tokens;
}

void Limiter::Learned(SteadyTime now, const RateLimits& limits) {
  requests_.Learned(now, limits.requests);
  tokens_.Learned(now, limits.tokens);
}

void Limiter::Refused(SteadyTime now, std::optional<milliseconds> wait) {
  constexpr int kMostDoublings = 6;
  constexpr milliseconds kMost{60'000};
  const milliseconds grown = milliseconds(1'000) * (1 << std::min(refusals_, kMostDoublings));
  ++refusals_;
  blocked_until_ = std::max(blocked_until_, now + wait.value_or(std::min(grown, kMost)));
}

}  // namespace triage::dispatch
