#include "detect/checksum.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace triage::detect {
namespace {

struct Example {
  const char* check;
  const char* number;
};

// Published examples of the schemes, and generated ones.
constexpr Example kValid[] = {{"luhn", "4111111111111111"},
                              {"luhn", "378282246310005"},
                              {"iban", "DE89370400440532013000"},
                              {"iban", "GB29NWBK60161331926819"},
                              {"iban", "FR1420041010050500013M02606"},
                              {"iban", "NO9386011117947"},
                              {"ssn", "536904399"},
                              {"nino", "AB123456C"},
                              {"nhs", "9434765919"},
                              {"iso7064", "86095742719"},
                              {"nir", "255081416802538"},
                              {"dni", "12345678Z"},
                              {"dni", "X1234567L"},
                              {"codice_fiscale", "RSSMRA85T10A562S"},
                              {"eleven", "111222333"},
                              {"pesel", "44051401359"},
                              {"nif", "123456789"},
                              {"date_luhn", "8112189876"},
                              {"date_luhn", "198112189876"},
                              {"hetu", "131052308T"},
                              {"ean13", "7569217076985"},
                              {"tckn", "10000000146"},
                              {"cpf", "52998224725"},
                              {"verhoeff", "234123412346"},
                              {"china", "11010519491231002X"},
                              {"korean", "8501011234567"},
                              {"tfn", "123456782"},
                              {"date", "0101901234"},
                              {"phone", "4917112345678"},
                              {"email", "A@B.COM"}};

TEST(Checksum, AcceptsPublishedExamples) {
  for (const auto& [word, number] : kValid) {
    const std::optional<Check> check = ParseCheck(word);
    ASSERT_TRUE(check) << word;
    EXPECT_TRUE(Valid(*check, number)) << word << ' ' << number;
  }
}

TEST(Checksum, RefusesExamplesWithOneDigitChanged) {
  for (const auto& [word, number] : kValid) {
    const Check check = *ParseCheck(word);
    // These have no check digit.
    if (check == Check::kPhone || check == Check::kEmail || check == Check::kSsn ||
        check == Check::kNino || check == Check::kDate || check == Check::kKorean) {
      continue;
    }
    std::string changed = number;
    char& last = changed[changed.size() - 2];
    last = last == '7' ? '8' : '7';
    EXPECT_FALSE(Valid(check, changed)) << word << ' ' << changed;
  }
}

TEST(Checksum, RefusesWrongLengthsAndEmptyTexts) {
  for (const auto& [word, number] : kValid) {
    const Check check = *ParseCheck(word);
    if (check == Check::kPhone || check == Check::kEmail || check == Check::kLuhn) continue;
    EXPECT_FALSE(Valid(check, "")) << word;
    EXPECT_FALSE(Valid(check, std::string(number).substr(0, 5))) << word;
    EXPECT_FALSE(Valid(check, std::string(number) + "00000")) << word;
  }
}

TEST(Checksum, RefusesNumbersThatAreNeverIssued) {
  EXPECT_FALSE(Valid(Check::kSsn, "666123456"));
  EXPECT_FALSE(Valid(Check::kSsn, "078051120"));
  EXPECT_FALSE(Valid(Check::kNino, "GB123456A"));
  EXPECT_FALSE(Valid(Check::kLuhn, "0000000000000000"));
  EXPECT_FALSE(Valid(Check::kCpf, "11111111111"));
  EXPECT_FALSE(Valid(Check::kPesel, "44991401350"));
  EXPECT_FALSE(Valid(Check::kEmail, "ICON@2X.PNG"));
}

TEST(Checksum, KnowsHowLongACountrysIbanIs) {
  EXPECT_EQ(IbanLength("DE"), 22);
  EXPECT_EQ(IbanLength("NO"), 15);
  EXPECT_EQ(IbanLength("MT"), 31);
  EXPECT_EQ(IbanLength("US"), 0);
}

}  // namespace
}  // namespace triage::detect
