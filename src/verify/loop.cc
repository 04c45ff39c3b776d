#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "detect/letters.h"
#include "verify/p_bad.h"
#include "verify/text_checks.h"

namespace triage::verify {
namespace {

// Of the last kWindow words, more than kRepeated of the runs of kRun words have been there before.
// Of 45,204 recorded answers 969 wrong and 107 right ones are like that, of runs of four words
// (which formulas repeat) 1,326 and 335.
constexpr std::size_t kWindow = 200;
constexpr std::size_t kFewestWords = 60;
constexpr std::size_t kRun = 8;
constexpr double kRepeated = 0.3;
constexpr std::size_t kMostBytes = 16 * 1024;  // in which kWindow words are looked for

// So many bytes at the end that repeat themselves after at most kPeriod, without need of words.
constexpr std::size_t kPeriodic = 240;
constexpr std::size_t kPeriod = 64;

bool IsBlank(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// Hashes of the last words, oldest first.
struct Tail {
  std::array<std::uint64_t, kWindow> words{};
  std::size_t count = 0;
};

/// Words are what stands between blanks, and each character of a script that puts none.
Tail TailOf(std::string_view text) {
  Tail tail;
  if (text.size() > kMostBytes) text.remove_prefix(text.size() - kMostBytes);
  std::size_t seen = 0;
  std::array<std::uint64_t, kWindow> ring{};
  for (std::size_t at = 0; at < text.size();) {
    if (IsBlank(text[at])) {
      ++at;
      continue;
    }
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    const std::size_t begin = at;
    while (at < text.size() && !IsBlank(text[at])) {
      const detect::Character c = detect::CharacterAt(text, at);
      if (c.letter == detect::Letter::kAlone && at > begin) break;
      for (std::size_t i = at; i < at + c.size; ++i) {
        hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001B3ULL;  // FNV-1a
      }
      at += c.size;
      if (c.letter == detect::Letter::kAlone) break;
    }
    ring[seen++ % kWindow] = hash;
  }
  tail.count = std::min(seen, kWindow);
  for (std::size_t i = 0; i < tail.count; ++i) {
    tail.words[i] = ring[(seen - tail.count + i) % kWindow];
  }
  return tail;
}

double ShareOfRepeatedRuns(const Tail& tail) {
  if (tail.count < kFewestWords) return 0;
  std::array<std::uint64_t, kWindow> runs{};
  const std::size_t count = tail.count - kRun + 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t hash = 0;
    for (std::size_t k = 0; k < kRun; ++k) {
      hash = (hash ^ tail.words[i + k]) * 0x9E3779B97F4A7C15ULL;
      hash ^= hash >> 29;
    }
    runs[i] = hash;
  }
  const auto end = runs.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(runs.begin(), end);
  const auto distinct = static_cast<std::size_t>(std::unique(runs.begin(), end) - runs.begin());
  return static_cast<double>(count - distinct) / static_cast<double>(count);
}

bool EndsPeriodically(std::string_view text) {
  if (text.size() < kPeriodic + kPeriod) return false;
  for (std::size_t period = 1; period <= kPeriod; ++period) {
    std::size_t same = 0;
    while (same < kPeriodic &&
           text[text.size() - 1 - same] == text[text.size() - 1 - same - period]) {
      ++same;
    }
    if (same == kPeriodic) return true;
  }
  return false;
}

}  // namespace

std::optional<Verdict> CheckLoop(const Asked&, const Given& given) {
  std::string_view text = given.text;
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  const Tail tail = TailOf(text);
  const bool periodic = EndsPeriodically(text);
  if (tail.count < kFewestWords && !periodic && text.size() < kPeriodic + kPeriod) {
    return std::nullopt;
  }
  Verdict verdict{.check = "loop"};
  if (periodic || ShareOfRepeatedRuns(tail) > kRepeated) {
    verdict.outcome = Outcome::kFail;
    verdict.reason = "Its end repeats itself.";
    verdict.p_bad = p_bad::kLoop;
  }
  return verdict;
}

}  // namespace triage::verify
