#include "verify/grounding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "verify/facts.h"
#include "verify/p_bad.h"

namespace triage::verify {
namespace {

// A question alone gives nothing to be grounded in.
constexpr std::size_t kFewestSourceBytes = 200;

constexpr std::size_t kMostAnswerFacts = 200;
constexpr std::size_t kMostSourceFacts = 4000;
// Numbers of the source from which others are derived; pairs of them are tried.
constexpr std::size_t kMostDerivedFrom = 60;

// Digits that are looked for as they are written.
constexpr std::size_t kFewestWritten = 4;

// Whole numbers up to this one count things, number lists and stand in words.
constexpr double kSmall = 12;

bool Near(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance + 1e-9 * std::max(std::abs(a), std::abs(b));
}

class Source {
 public:
  explicit Source(std::string_view text)
      : facts_(FactsOf(text, kMostSourceFacts)), squeezed_(Squeezed(text)) {
    for (const Number& number : facts_.numbers) {
      for (const double reading : number.readings) {
        values_.push_back(reading);
        if (number.percent) values_.push_back(reading / 100);
      }
    }
    for (const std::vector<Date>& readings : facts_.dates) {
      for (const Date& date : readings) {
        if (date.year != 0) values_.push_back(date.year);
      }
    }
    std::ranges::sort(values_);
    values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  }

  bool Has(const Number& number) const {
    if (number.step >= 1 &&
        std::ranges::all_of(number.readings, [](double reading) { return reading <= kSmall; })) {
      return true;
    }
    for (std::size_t i = 0; i < number.readings.size(); ++i) {
      const double reading = number.readings[i];
      // Rounded at the place where its digits end.
      const double tolerance = i == 0 ? number.step / 2 : 0.5;
      if (HasValue(reading, tolerance) ||
          (number.percent && HasValue(reading / 100, tolerance / 100)) ||
          IsDerived(reading, tolerance, number.percent)) {
        return true;
      }
    }
    return number.written.size() >= kFewestWritten && squeezed_.contains(number.written);
  }

  bool Has(const std::vector<Date>& readings) const {
    return std::ranges::any_of(readings, [&](const Date& date) {
      return std::ranges::any_of(facts_.dates, [&](const std::vector<Date>& known) {
        return std::ranges::any_of(known, [&](const Date& other) {
          const auto same = [](int a, int b) { return a == b || a == 0 || b == 0; };
          return date.month == other.month && same(date.day, other.day) &&
                 same(date.year, other.year);
        });
      });
    });
  }

  bool Has(const std::string& identifier) const { return squeezed_.contains(identifier); }

 private:
  bool HasValue(double value, double tolerance) const {
    const double slack = tolerance + 1e-9 * std::abs(value);
    const auto at = std::ranges::lower_bound(values_, value - slack);
    return at != values_.end() && *at <= value + slack;
  }

  bool IsDerived(double value, double tolerance, bool percent) const {
    const std::size_t count = std::min(facts_.numbers.size(), kMostDerivedFrom);
    double running = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double a = facts_.numbers[i].readings.front();
      running += a;
      if (Near(value, running, tolerance)) return true;
      // So many of them: "three chairs".
      for (double times = 2; times <= kSmall; ++times) {
        if (Near(value, a * times, tolerance)) return true;
      }
      for (std::size_t j = 0; j < count; ++j) {
        if (i == j) continue;
        const double b = facts_.numbers[j].readings.front();
        if (Near(value, a + b, tolerance) || Near(value, a - b, tolerance) ||
            Near(value, a * b, tolerance) || Near(value, a * b / 100, tolerance)) {
          return true;
        }
        if (b != 0 && (Near(value, a / b, tolerance) ||
                       (percent && (Near(value, a / b * 100, tolerance) ||
                                    Near(value, std::abs(a - b) / b * 100, tolerance))))) {
          return true;
        }
      }
    }
    return false;
  }

  Facts facts_;
  std::string squeezed_;
  std::vector<double> values_;  // sorted
};

}  // namespace

std::optional<Verdict> CheckGrounding(const Asked& asked, const Given& given) {
  std::string text;
  for (const llm::Turn& turn : asked.turns) {
    if (turn.role == llm::Role::kAssistant) continue;
    text += turn.text;
    text += '\n';
  }
  if (text.size() < kFewestSourceBytes || given.text.empty()) return std::nullopt;
  const Facts facts = FactsOf(given.text, kMostAnswerFacts);
  if (facts.numbers.empty() && facts.dates.empty() && facts.identifiers.empty()) {
    return Verdict{.check = "grounding"};
  }
  const Source source(text);
  const auto missing = [&](const auto& list) {
    return std::ranges::count_if(list, [&](const auto& fact) { return !source.Has(fact); });
  };
  const auto numbers = missing(facts.numbers);
  const auto dates = missing(facts.dates);
  const auto identifiers = missing(facts.identifiers);
  Verdict verdict{.check = "grounding"};
  if (numbers + dates + identifiers == 0) return verdict;
  verdict.reason = fmt::format(
      "Of its facts {} number{}, {} date{} and {} identifier{} do not stand in what was given.",
      numbers, numbers == 1 ? "" : "s", dates, dates == 1 ? "" : "s", identifiers,
      identifiers == 1 ? "" : "s");
  // One number or date may have been worked out in several steps; an identifier may not.
  if (identifiers == 0 && numbers + dates == 1) {
    verdict.outcome = Outcome::kUnsure;
    verdict.p_bad = p_bad::kOneUngrounded;
  } else {
    verdict.outcome = Outcome::kFail;
    verdict.p_bad = p_bad::kUngrounded;
  }
  return verdict;
}

}  // namespace triage::verify
