#pragma once

#include <optional>
#include <string_view>

namespace triage::detect {

/// How an identifier's own digits tell whether it can be one.
enum class Check : unsigned char {
  kNone,
  kLuhn,     ///< ISO/IEC 7812
  kIban,     ///< ISO 13616: length of the country, remainder 1 modulo 97
  kSsn,      ///< United States: no check digit, but areas, groups and serials never issued
  kNino,     ///< United Kingdom: prefixes never issued
  kNhs,      ///< United Kingdom, NHS number: modulo 11
  kIso7064,  ///< Germany, tax number: ISO 7064 mod 11, 10 and one digit that occurs twice or thrice
  kNir,      ///< France: modulo 97
  kDni,      ///< Spain, DNI and NIE: letter modulo 23
  kCodiceFiscale,  ///< Italy: letter modulo 26
  kEleven,         ///< Netherlands, BSN: weighted modulo 11
  kBelgian,        ///< Belgium: date, modulo 97
  kPesel,          ///< Poland: date, modulo 10
  kNif,            ///< Portugal: modulo 11
  kDateLuhn,       ///< Sweden: date, Luhn over the last ten digits
  kHetu,           ///< Finland: date, letter modulo 31
  kNorwegian,      ///< Norway: date, two digits modulo 11
  kDate,           ///< Denmark: DDMMYY
  kEan13,          ///< Switzerland, AHV
  kTckn,           ///< Turkey: two digits modulo 10
  kCpf,            ///< Brazil: two digits modulo 11
  kVerhoeff,       ///< India, Aadhaar
  kChina,          ///< ISO 7064 mod 11-2
  kKorean,         ///< South Korea: date; the old check digit is no longer kept
  kMyNumber,       ///< Japan: modulo 11
  kTfn,            ///< Australia: weighted modulo 11
  kPhone,          ///< 7 to 15 digits (E.164), not all the same
  kEmail,          ///< no file of an image, no SCP address
};

/// By its word in the data, e.g. "luhn".
std::optional<Check> ParseCheck(std::string_view word);

/// `compact`: the candidate's letters (upper case) and digits without separators. Wrong lengths and
/// letters where digits belong are not valid.
bool Valid(Check check, std::string_view compact);

/// Letters and digits of a valid IBAN of `country` (two upper-case letters); 0 = no such country.
int IbanLength(std::string_view country);

}  // namespace triage::detect
