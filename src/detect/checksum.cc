#include "detect/checksum.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace triage::detect {
namespace {

bool Digit(char c) {
  return c >= '0' && c <= '9';
}

int Value(char c) {
  return Digit(c) ? c - '0' : c - 'A' + 10;
}

bool AllDigits(std::string_view text) {
  return std::ranges::all_of(text, Digit);
}

bool AllSame(std::string_view text) {
  return std::ranges::all_of(text, [&](char c) { return c == text.front(); });
}

int Number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

bool Luhn(std::string_view digits) {
  if (digits.size() < 8 || !AllDigits(digits) || AllSame(digits)) return false;
  int sum = 0;
  bool twice = false;
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, twice = !twice) {
    const int value = (*at - '0') * (twice ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

/// Letters count as two digits, A = 10.
int Modulo97(std::string_view text) {
  int rest = 0;
  for (const char c : text) rest = (rest * (Digit(c) ? 10 : 100) + Value(c)) % 97;
  return rest;
}

bool Iban(std::string_view text) {
  if (text.size() < 15) return false;
  if (std::cmp_not_equal(text.size(), IbanLength(text.substr(0, 2)))) return false;
  int rest = Modulo97(text.substr(4));
  for (const char c : text.substr(0, 4)) rest = (rest * (Digit(c) ? 10 : 100) + Value(c)) % 97;
  return rest == 1;
}

/// Weighted sum of as many leading digits as there are weights.
template <std::size_t N>
int Weighted(std::string_view digits, const std::array<int, N>& weights) {
  int sum = 0;
  for (std::size_t i = 0; i < N; ++i) sum += (digits[i] - '0') * weights[i];
  return sum;
}

bool Date(std::string_view month, std::string_view day) {
  const int m = Number(month);
  const int d = Number(day);
  return m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

bool Digits(std::string_view text, std::size_t size) {
  return text.size() == size && AllDigits(text);
}

bool Ssn(std::string_view n) {
  if (!Digits(n, 9)) return false;
  const std::string_view area = n.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && n.substr(3, 2) != "00" &&
         n.substr(5) != "0000" && n != "123456789" && n != "078051120";
}

bool Nino(std::string_view n) {
  constexpr std::array<std::string_view, 7> kNever = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
  return n.size() == 9 && std::ranges::find(kNever, n.substr(0, 2)) == kNever.end() &&
         AllDigits(n.substr(2, 6));
}

bool Nhs(std::string_view n) {
  if (!Digits(n, 10)) return false;
  const int rest = 11 - Weighted(n, std::array{10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return rest != 10 && (rest == 11 ? 0 : rest) == n[9] - '0';
}

bool Iso7064(std::string_view n) {
  if (!Digits(n, 11)) return false;
  std::array<int, 10> counts{};
  for (const char c : n.substr(0, 10)) ++counts[static_cast<std::size_t>(c - '0')];
  const auto more = std::ranges::count_if(counts, [](int count) { return count > 1; });
  if (more != 1 || *std::ranges::max_element(counts) > 3) return false;
  int product = 10;
  for (const char c : n.substr(0, 10)) {
    int sum = (c - '0' + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return (11 - product) % 10 == n[10] - '0';
}

bool Nir(std::string_view n) {
  if (n.size() != 15) return false;
  // Corsica's departments count as 19 and 18.
  std::array<char, 13> number{};
  std::copy_n(n.begin(), 13, number.begin());
  if (number[6] == 'A' || number[6] == 'B') {
    number[6] = number[6] == 'A' ? '9' : '8';
    number[5] = '1';
  }
  const std::string_view digits(number.data(), number.size());
  if (!AllDigits(digits) || !AllDigits(n.substr(13))) return false;
  return 97 - Modulo97(digits) == Number(n.substr(13));
}

bool Dni(std::string_view n) {
  if (n.size() != 9) return false;
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  int number = 0;
  for (const char c : n.substr(0, 8)) number = number * 10 + (Digit(c) ? c - '0' : c - 'X');
  return number > 0 && kLetters[static_cast<std::size_t>(number % 23)] == n[8];
}

bool CodiceFiscale(std::string_view n) {
  if (n.size() != 16) return false;
  constexpr std::array kOdd = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                               20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    const int value = Digit(n[i]) ? n[i] - '0' : n[i] - 'A';
    sum += i % 2 == 0 ? kOdd[static_cast<std::size_t>(value)] : value;
  }
  return n[15] == 'A' + sum % 26;
}

bool Eleven(std::string_view n) {
  return Digits(n, 9) && !AllSame(n) &&
         Weighted(n, std::array{9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0;
}

bool Belgian(std::string_view n) {
  if (!Digits(n, 11) || !Date(n.substr(2, 2), n.substr(4, 2))) return false;
  const int number = Number(n.substr(0, 9));
  // Born from 2000 on: a 2 in front.
  const int later = static_cast<int>((2'000'000'000LL + number) % 97);
  const int check = Number(n.substr(9));
  return 97 - number % 97 == check || 97 - later == check;
}

bool Pesel(std::string_view n) {
  if (!Digits(n, 11)) return false;
  const int month = Number(n.substr(2, 2)) % 20;  // centuries add 20, 40, 60, 80
  const int day = Number(n.substr(4, 2));
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  return (10 - Weighted(n, std::array{1, 3, 7, 9, 1, 3, 7, 9, 1, 3}) % 10) % 10 == n[10] - '0';
}

bool Nif(std::string_view n) {
  if (!Digits(n, 9) || AllSame(n)) return false;
  const int rest = Weighted(n, std::array{9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest < 2 ? 0 : 11 - rest) == n[8] - '0';
}

bool DateLuhn(std::string_view n) {
  if (n.size() == 12) n.remove_prefix(2);
  if (!Digits(n, 10)) return false;
  const int day = Number(n.substr(4, 2));
  const int month = Number(n.substr(2, 2));
  // Coordination numbers add 60 to the day.
  return month >= 1 && month <= 12 && day >= 1 && day <= 91 && Luhn(n);
}

bool Hetu(std::string_view n) {
  constexpr std::string_view kLetters = "0123456789ABCDEFHJKLMNPRSTUVWXY";
  // With the century's "A" the compact form has a letter in the middle.
  std::array<char, 10> compact{};
  if (n.size() == 11 && n[6] == 'A') {
    std::copy_n(n.begin(), 6, compact.begin());
    std::copy_n(n.begin() + 7, 4, compact.begin() + 6);
    n = std::string_view(compact.data(), compact.size());
  }
  if (n.size() != 10 || !AllDigits(n.substr(0, 9)) || !Date(n.substr(2, 2), n.substr(0, 2))) {
    return false;
  }
  return kLetters[static_cast<std::size_t>(Number(n.substr(0, 9)) % 31)] == n[9];
}

bool Norwegian(std::string_view n) {
  if (!Digits(n, 11)) return false;
  const int day = Number(n.substr(0, 2)) % 40;  // D-numbers add 40
  const int month = Number(n.substr(2, 2));
  if (day < 1 || day > 31 || month < 1 || month > 12) return false;
  const int first = (11 - Weighted(n, std::array{3, 7, 6, 1, 8, 9, 4, 5, 2}) % 11) % 11;
  const int second = (11 - Weighted(n, std::array{5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11) % 11;
  return first == n[9] - '0' && second == n[10] - '0';
}

bool Ean13(std::string_view n) {
  return Digits(n, 13) &&
         (10 - Weighted(n, std::array{1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3}) % 10) % 10 ==
             n[12] - '0';
}

bool Tckn(std::string_view n) {
  if (!Digits(n, 11) || n[0] == '0') return false;
  const int odd = Weighted(n, std::array{1, 0, 1, 0, 1, 0, 1, 0, 1});
  const int even = Weighted(n, std::array{0, 1, 0, 1, 0, 1, 0, 1, 0});
  return ((odd * 7 - even) % 10 + 10) % 10 == n[9] - '0' &&
         (odd + even + n[9] - '0') % 10 == n[10] - '0';
}

bool Cpf(std::string_view n) {
  if (!Digits(n, 11) || AllSame(n)) return false;
  const auto digit = [](int sum) { return sum % 11 < 2 ? 0 : 11 - sum % 11; };
  return digit(Weighted(n, std::array{10, 9, 8, 7, 6, 5, 4, 3, 2})) == n[9] - '0' &&
         digit(Weighted(n, std::array{11, 10, 9, 8, 7, 6, 5, 4, 3, 2})) == n[10] - '0';
}

bool Verhoeff(std::string_view n) {
  if (!Digits(n, 12) || AllSame(n)) return false;
  constexpr int kProduct[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
                                    {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
                                    {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                    {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
                                    {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
  constexpr int kPermutation[8][10] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
      {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
      {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
      {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
  int check = 0;
  for (std::size_t i = 0; i < n.size(); ++i) {
    check = kProduct[check][kPermutation[i % 8][n[n.size() - 1 - i] - '0']];
  }
  return check == 0;
}

bool China(std::string_view n) {
  if (n.size() != 18 || !AllDigits(n.substr(0, 17))) return false;
  constexpr std::array kWeights = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  constexpr std::string_view kChecks = "10X98765432";
  return kChecks[static_cast<std::size_t>(Weighted(n, kWeights) % 11)] == n[17];
}

bool MyNumber(std::string_view n) {
  if (!Digits(n, 12)) return false;
  const int rest = Weighted(n, std::array{6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest < 2 ? 0 : 11 - rest) == n[11] - '0';
}

bool Phone(std::string_view n) {
  return n.size() >= 7 && n.size() <= 15 && AllDigits(n) && !AllSame(n);
}

bool Email(std::string_view address) {
  const std::string_view ending = address.substr(address.rfind('.') + 1);
  constexpr std::array<std::string_view, 12> kFiles = {"PNG", "JPG", "JPEG", "GIF", "SVG", "WEBP",
                                                       "JS",  "TS",  "CSS",  "MD",  "PY",  "TXT"};
  return std::ranges::find(kFiles, ending) == kFiles.end() && !address.starts_with("GIT@");
}

struct Word {
  std::string_view word;
  Check check;
};

constexpr std::array kWords = {Word{"none", Check::kNone},
                               Word{"luhn", Check::kLuhn},
                               Word{"iban", Check::kIban},
                               Word{"ssn", Check::kSsn},
                               Word{"nino", Check::kNino},
                               Word{"nhs", Check::kNhs},
                               Word{"iso7064", Check::kIso7064},
                               Word{"nir", Check::kNir},
                               Word{"dni", Check::kDni},
                               Word{"codice_fiscale", Check::kCodiceFiscale},
                               Word{"eleven", Check::kEleven},
                               Word{"belgian", Check::kBelgian},
                               Word{"pesel", Check::kPesel},
                               Word{"nif", Check::kNif},
                               Word{"date_luhn", Check::kDateLuhn},
                               Word{"hetu", Check::kHetu},
                               Word{"norwegian", Check::kNorwegian},
                               Word{"date", Check::kDate},
                               Word{"ean13", Check::kEan13},
                               Word{"tckn", Check::kTckn},
                               Word{"cpf", Check::kCpf},
                               Word{"verhoeff", Check::kVerhoeff},
                               Word{"china", Check::kChina},
                               Word{"korean", Check::kKorean},
                               Word{"my_number", Check::kMyNumber},
                               Word{"tfn", Check::kTfn},
                               Word{"phone", Check::kPhone},
                               Word{"email", Check::kEmail}};

}  // namespace

std::optional<Check> ParseCheck(std::string_view word) {
  const auto* const found = std::ranges::find(kWords, word, &Word::word);
  if (found == kWords.end()) return std::nullopt;
  return found->check;
}

int IbanLength(std::string_view country) {
  // ISO 13616 registry, countries in use.
  constexpr std::string_view kLengths =
      "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18"
      "FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20"
      "LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24"
      "SI19SK24SM27SN28ST25SV28TL23TN24TR26UA29VA22VG24XK20";
  for (std::size_t i = 0; i < kLengths.size(); i += 4) {
    if (kLengths.substr(i, 2) == country) return Number(kLengths.substr(i + 2, 2));
  }
  return 0;
}

bool Valid(Check check, std::string_view n) {
  switch (check) {
    case Check::kNone: return true;
    case Check::kLuhn: return Luhn(n);
    case Check::kIban: return Iban(n);
    case Check::kSsn: return Ssn(n);
    case Check::kNino: return Nino(n);
    case Check::kNhs: return Nhs(n);
    case Check::kIso7064: return Iso7064(n);
    case Check::kNir: return Nir(n);
    case Check::kDni: return Dni(n);
    case Check::kCodiceFiscale: return CodiceFiscale(n);
    case Check::kEleven: return Eleven(n);
    case Check::kBelgian: return Belgian(n);
    case Check::kPesel: return Pesel(n);
    case Check::kNif: return Nif(n);
    case Check::kDateLuhn: return DateLuhn(n);
    case Check::kHetu: return Hetu(n);
    case Check::kNorwegian: return Norwegian(n);
    case Check::kDate: return Digits(n, 10) && Date(n.substr(2, 2), n.substr(0, 2));
    case Check::kEan13: return Ean13(n);
    case Check::kTckn: return Tckn(n);
    case Check::kCpf: return Cpf(n);
    case Check::kVerhoeff: return Verhoeff(n);
    case Check::kChina: return China(n);
    case Check::kKorean: return Digits(n, 13) && Date(n.substr(2, 2), n.substr(4, 2));
    case Check::kMyNumber: return MyNumber(n);
    case Check::kTfn:
      return Digits(n, 9) && !AllSame(n) &&
             Weighted(n, std::array{1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0;
    case Check::kPhone: return Phone(n);
    case Check::kEmail: return Email(n);
  }
  return false;
}

}  // namespace triage::detect
