#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace triage::verify {

/// A number as a text writes it. "1.234" may be 1.234 or 1234.
struct Number {
  std::vector<double> readings;  ///< one or two, signs left out
  double step = 1;               ///< the last written place of the first reading: 0.01 of "12.50"
  bool percent = false;
  std::string written = {};  ///< its digits and the letters right behind them, squeezed
};

/// A calendar date; what is not written is 0. "03/04/2024" has two readings, one entry each.
struct Date {
  int year = 0, month = 0, day = 0;

  bool operator==(const Date&) const = default;
};

/// Numbers, dates and identifiers of a text, each in order. What belongs to a date or an identifier
/// is no number.
struct Facts {
  std::vector<Number> numbers;
  std::vector<std::vector<Date>> dates;  ///< readings of each
  std::vector<std::string> identifiers;  ///< letters (upper case) and digits only
};

/// Linear; at most `most` of each kind.
Facts FactsOf(std::string_view text, std::size_t most);

/// ASCII letters in upper case, and digits; everything else is left out.
std::string Squeezed(std::string_view text);

}  // namespace triage::verify
