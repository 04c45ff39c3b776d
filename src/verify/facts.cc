#include "verify/facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.h"

namespace triage::verify {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsAlpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsWordByte(char c) {
  return IsDigit(c) || IsAlpha(c) || static_cast<unsigned char>(c) >= 0x80;
}

/// First letters by which a month is told in English, German, French, Spanish, Italian, Portuguese
/// and Dutch; longer ones first where one begins like another.
constexpr std::array<std::pair<std::string_view, int>, 46> kMonths = {{
    {"jan", 1},  {"jän", 1},  {"ene", 1},  {"gen", 1},  {"feb", 2},  {"fév", 2},  {"fev", 2},
    {"mar", 3},  {"mär", 3},  {"mrz", 3},  {"maa", 3},  {"apr", 4},  {"avr", 4},  {"abr", 4},
    {"may", 5},  {"mai", 5},  {"mei", 5},  {"mag", 5},  {"jun", 6},  {"juin", 6}, {"giu", 6},
    {"jul", 7},  {"juil", 7}, {"lug", 7},  {"aug", 8},  {"août", 8}, {"aou", 8},  {"ago", 8},
    {"sep", 9},  {"set", 9},  {"sept", 9}, {"oct", 10}, {"okt", 10}, {"ott", 10}, {"out", 10},
    {"nov", 11}, {"dec", 12}, {"dez", 12}, {"déc", 12}, {"dic", 12}, {"maio", 5}, {"mars", 3},
    {"juni", 6}, {"juli", 7}, {"mayo", 5}, {"mart", 3},
}};

int MonthOf(std::string_view word) {
  if (word.size() < 3 || word.size() > 10) return 0;
  const std::string lower = ToLowerAscii(word);
  for (const auto& [begin, month] : kMonths) {
    if (lower.starts_with(begin)) return month;
  }
  return 0;
}

/// How many times larger the unit behind a number makes it.
double Multiple(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, double>, 17> kUnits = {{
      {"k", 1e3},
      {"thousand", 1e3},
      {"tausend", 1e3},
      {"tsd", 1e3},
      {"mille", 1e3},
      {"mil", 1e3},
      {"m", 1e6},
      {"mn", 1e6},
      {"mio", 1e6},
      {"million", 1e6},
      {"millions", 1e6},
      {"millionen", 1e6},
      {"b", 1e9},
      {"bn", 1e9},
      {"billion", 1e9},
      {"mrd", 1e9},
      {"milliarden", 1e9},
  }};
  const std::string lower = ToLowerAscii(unit);
  for (const auto& [name, multiple] : kUnits) {
    if (lower == name) return multiple;
  }
  return 1;
}

std::optional<double> Parse(std::string_view digits) {
  double value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string Without(std::string_view text, char c) {
  std::string out(text);
  std::erase(out, c);
  return out;
}

/// Whether all groups behind the first separator have three digits.
bool IsGrouped(std::string_view token, char separator) {
  std::size_t digits = 0;
  bool first = true;
  for (std::size_t i = 0; i <= token.size(); ++i) {
    if (i < token.size() && IsDigit(token[i])) {
      ++digits;
    } else if (i == token.size() || token[i] == separator) {
      if (first ? digits == 0 || digits > 3 : digits != 3) return false;
      first = false;
      digits = 0;
    } else {
      return false;
    }
  }
  return true;
}

double StepOf(std::string_view decimals) {
  return std::pow(10.0, -static_cast<double>(decimals.size()));
}

/// `token`: digits, "." and ",", beginning and ending with a digit.
Number ReadNumber(std::string_view token) {
  Number number;
  const std::size_t dot = token.rfind('.');
  const std::size_t comma = token.rfind(',');
  const auto add = [&](const std::string& text) {
    if (const std::optional<double> value = Parse(text)) number.readings.push_back(*value);
  };
  if (dot == std::string_view::npos && comma == std::string_view::npos) {
    add(std::string(token));
    return number;
  }
  if (dot != std::string_view::npos && comma != std::string_view::npos) {
    // The last of both is the decimal one.
    const char decimal = dot > comma ? '.' : ',';
    std::string plain = Without(token, decimal == '.' ? ',' : '.');
    std::ranges::replace(plain, ',', '.');
    number.step = StepOf(token.substr(std::max(dot, comma) + 1));
    add(plain);
    return number;
  }
  const char separator = dot != std::string_view::npos ? '.' : ',';
  const std::size_t last = token.rfind(separator);
  const bool once = token.find(separator) == last;
  if (once) {
    std::string plain(token);
    plain[last] = '.';
    number.step = StepOf(token.substr(last + 1));
    add(plain);
  }
  if (IsGrouped(token, separator)) add(Without(token, separator));
  return number;
}

class Reader {
 public:
  Reader(std::string_view text, std::size_t most) : text_(text), most_(most) {}

  Facts Run() {
    while (at_ < text_.size()) {
      if (!IsWordByte(text_[at_])) {
        ++at_;
      } else if (!ReadDate() && !ReadIdentifier() && !ReadNumberHere()) {
        while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
      }
    }
    return std::move(facts_);
  }

 private:
  std::string_view Token(std::size_t from, auto belongs) const {
    std::size_t end = from;
    while (end < text_.size() && belongs(text_[end])) ++end;
    return text_.substr(from, end - from);
  }

  std::string_view WordAt(std::size_t from) const {
    return Token(from, [](char c) { return IsAlpha(c) || static_cast<unsigned char>(c) >= 0x80; });
  }

  std::size_t SkipBlanks(std::size_t from) const {
    while (from < text_.size() &&
           (text_[from] == ' ' || text_[from] == ',' || text_[from] == '.')) {
      ++from;
    }
    return from;
  }

  std::optional<int> SmallAt(std::size_t from, std::size_t& end) const {
    const std::string_view digits = Token(from, IsDigit);
    if (digits.empty() || digits.size() > 4) return std::nullopt;
    end = from + digits.size();
    int value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }

  bool AddDate(std::vector<Date> readings, std::size_t end) {
    std::erase_if(readings, [](const Date& date) {
      return date.month < 1 || date.month > 12 || date.day < 0 || date.day > 31;
    });
    if (readings.empty()) return false;
    if (facts_.dates.size() < most_) facts_.dates.push_back(std::move(readings));
    at_ = end;
    return true;
  }

  bool ReadDate() { return IsDigit(text_[at_]) ? ReadDateOfDigits() : ReadDateOfWords(); }

  static int FullYear(int year, std::size_t digits) {
    return digits == 2 ? (year < 70 ? 2000 + year : 1900 + year) : year;
  }

  /// 2024-03-05, 05.03.2024, 3/5/24; "5 March 2024", "5. März".
  bool ReadDateOfDigits() {
    std::size_t end = at_;
    const std::optional<int> first = SmallAt(at_, end);
    if (!first) return false;
    const std::size_t first_digits = end - at_;
    const char separator = end < text_.size() ? text_[end] : '\0';
    if (separator == '-' || separator == '/' || separator == '.') {
      std::size_t second_end = 0;
      const std::optional<int> second = SmallAt(end + 1, second_end);
      if (second && second_end < text_.size() && text_[second_end] == separator) {
        std::size_t third_end = 0;
        const std::optional<int> third = SmallAt(second_end + 1, third_end);
        const std::size_t third_digits = third ? third_end - second_end - 1 : 0;
        if (third && first_digits == 4) return AddDate({{*first, *second, *third}}, third_end);
        if (third && first_digits <= 2 && (third_digits == 4 || third_digits == 2)) {
          const int year = FullYear(*third, third_digits);
          std::vector<Date> readings{{year, *second, *first}};
          if (separator == '/' && *first != *second) readings.push_back({year, *first, *second});
          return AddDate(std::move(readings), third_end);
        }
      }
    }
    // A day and a month's name.
    if (*first < 1 || *first > 31) return false;
    for (const std::string_view ending : {"st", "nd", "rd", "th", "er", "º"}) {
      if (text_.substr(end).starts_with(ending)) end += ending.size();
    }
    std::size_t word_at = SkipBlanks(end);
    for (const std::string_view of : {"of ", "de ", "di "}) {
      if (text_.substr(word_at).starts_with(of)) word_at += of.size();
    }
    const std::string_view word = WordAt(word_at);
    const int month = word_at == end ? 0 : MonthOf(word);
    if (month == 0) return false;
    return WithYear(month, *first, word_at + word.size());
  }

  /// "March 5, 2024", "March 2024".
  bool ReadDateOfWords() {
    const std::string_view word = WordAt(at_);
    const int month = MonthOf(word);
    if (month == 0) return false;
    const std::size_t next = SkipBlanks(at_ + word.size());
    std::size_t end = next;
    const std::optional<int> number = SmallAt(next, end);
    if (!number || next == at_ + word.size()) return false;
    if (end - next == 4) return AddDate({{*number, month, 0}}, end);
    if (*number < 1 || *number > 31) return false;
    for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
      if (text_.substr(end).starts_with(ending)) end += ending.size();
    }
    return WithYear(month, *number, end);
  }

  bool WithYear(int month, int day, std::size_t end) {
    std::size_t year_at = SkipBlanks(end);
    for (const std::string_view of : {"de ", "del "}) {
      if (text_.substr(year_at).starts_with(of)) year_at += of.size();
    }
    std::size_t year_end = end;
    const std::optional<int> year = SmallAt(year_at, year_end);
    if (year && year_end - year_at == 4) return AddDate({{*year, month, day}}, year_end);
    return AddDate({{0, month, day}}, end);
  }

  /// Letters and digits in one word, five characters and two digits at least: INV-2024/17, DE89 is
  /// too short. Hyphens and slashes belong to it.
  bool ReadIdentifier() {
    const std::string_view token = Token(
        at_, [](char c) { return IsDigit(c) || IsAlpha(c) || c == '-' || c == '/' || c == '_'; });
    if (token.empty()) return false;
    const auto digits = std::ranges::count_if(token, IsDigit);
    const auto letters = std::ranges::count_if(token, IsAlpha);
    if (digits < 2 || letters < 1 || digits + letters < 5) return false;
    // "10km", "2nd", "45-minute": a number with its unit.
    const std::size_t leading = Token(at_, IsDigit).size();
    if (leading > 0 && static_cast<std::size_t>(digits) == leading) return false;
    if (facts_.identifiers.size() < most_) facts_.identifiers.push_back(Squeezed(token));
    at_ += token.size();
    return true;
  }

  bool ReadNumberHere() {
    if (!IsDigit(text_[at_])) return false;
    std::string_view token = Token(at_, [](char c) { return IsDigit(c) || c == '.' || c == ','; });
    while (!IsDigit(token.back())) token.remove_suffix(1);
    std::size_t end = at_ + token.size();
    std::string joined(token);
    // Groups of three behind blanks: 1 234 567.
    while (token.size() <= 3 && end + 4 <= text_.size() && text_[end] == ' ' &&
           std::ranges::all_of(text_.substr(end + 1, 3), IsDigit) &&
           (end + 4 == text_.size() || !IsDigit(text_[end + 4]))) {
      joined += text_.substr(end + 1, 3);
      end += 4;
    }
    Number number = ReadNumber(joined);
    number.written = Squeezed(text_.substr(at_, end - at_ + WordAt(end).size()));
    std::size_t unit_at = end;
    if (unit_at < text_.size() && text_[unit_at] == ' ') ++unit_at;
    number.percent = unit_at < text_.size() && text_[unit_at] == '%';
    const std::string_view unit = WordAt(unit_at);
    // One letter alone is a unit only right behind the number: "3k", not "3 k".
    const double multiple = unit.size() == 1 && unit_at != end ? 1 : Multiple(unit);
    for (double& reading : number.readings) reading *= multiple;
    number.step *= multiple;
    if (multiple != 1) end = unit_at + unit.size();
    if (!number.readings.empty() && facts_.numbers.size() < most_) {
      facts_.numbers.push_back(std::move(number));
    }
    at_ = end;
    return true;
  }

  std::string_view text_;
  std::size_t most_;
  std::size_t at_ = 0;
  Facts facts_;
};

}  // namespace

Facts FactsOf(std::string_view text, std::size_t most) {
  return Reader(text, most).Run();
}

std::string Squeezed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsDigit(c) || (c >= 'A' && c <= 'Z')) out += c;
    if (c >= 'a' && c <= 'z') out += static_cast<char>(c - 32);
  }
  return out;
}

}  // namespace triage::verify
