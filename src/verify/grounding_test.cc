#include "verify/grounding.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/facts.h"

namespace triage::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kInvoice =
    "Extract the fields of this invoice. Invoice INV-2024/0817 of 5 March 2024, payable by "
    "04.04.2024. Example Ltd., IBAN DE89 3704 0044 0532 0130 00. Two desks at 1,249.50 EUR, three "
    "chairs at 310 EUR each, delivery 89,90. VAT 19%. Discount 5 percent. Customer number 4711-B.";

Outcome Of(std::string_view answer, std::string_view source = kInvoice) {
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, source}};
  const std::optional<Verdict> verdict = CheckGrounding({.turns = turns}, {.text = answer});
  return verdict ? verdict->outcome : Outcome::kPass;
}

TEST(Grounding, TakesWhatStandsInTheSourceInAnySpelling) {
  for (const std::string_view answer : {
           "The invoice INV-2024/0817 is from 2024-03-05.",
           "Due on April 4, 2024; dated 05/03/2024.",
           "Each desk costs 1249.5 EUR or about 1,250 EUR.",
           "A desk is 1.249,50 € and the delivery 89.90.",
           "IBAN DE89370400440532013000, customer 4711B",
           "VAT is 19 %, that is 0.19.",
           "It is invoice inv-2024-0817.",
       }) {
    EXPECT_EQ(Of(answer), Outcome::kPass) << answer;
  }
}

TEST(Grounding, TakesWhatFollowsInOneStep) {
  EXPECT_EQ(Of("The chairs cost 930 EUR together."), Outcome::kPass);  // 3 is small
  EXPECT_EQ(Of("A desk and a chair are 1559.50 EUR."), Outcome::kPass);
  EXPECT_EQ(Of("A desk costs 939.50 EUR more than a chair."), Outcome::kPass);
  EXPECT_EQ(Of("VAT on a chair is 58.90 EUR."), Outcome::kPass);
}

TEST(Grounding, IsUnsureAboutOneStrangeNumberAndFailsMore) {
  EXPECT_EQ(Of("The total is 7777.77 EUR."), Outcome::kUnsure);
  EXPECT_EQ(Of("The total is 7777.77 EUR, of which 6543.21 are due."), Outcome::kFail);
  EXPECT_EQ(Of("It was paid on 17 June 2023, and 6543.21 EUR are due."), Outcome::kFail);
}

TEST(Grounding, FailsAStrangeIdentifier) {
  EXPECT_EQ(Of("The invoice is INV-2024/0718."), Outcome::kFail);
  EXPECT_EQ(Of("IBAN DE89370400440532013009"), Outcome::kFail);
}

TEST(Grounding, DoesNotApplyToAQuestionAlone) {
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, "How many people live in Rome?"}};
  EXPECT_FALSE(CheckGrounding({.turns = turns}, {.text = "About 2,760,000."}).has_value());
}

TEST(Grounding, IgnoresSmallNumbersOfListsAndCounts) {
  EXPECT_EQ(Of("1. two desks\n2. three chairs\n3. delivery"), Outcome::kPass);
}

TEST(Grounding, TheReasonCountsAndHoldsNoText) {
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, kInvoice}};
  const std::optional<Verdict> verdict =
      CheckGrounding({.turns = turns}, {.text = "INV-1999/12345 of 1 May 1999, 8888.88 EUR"});
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->reason,
            "Of its facts 1 number, 1 date and 1 identifier do not stand in what "
            "was given.");
}

TEST(Facts, ReadsNumbersDatesAndIdentifiers) {
  const Facts facts = FactsOf("3k, 1.234 or 2.5 million, 12%; 3/4/2024, INV-00817, 1 234 567", 100);
  std::vector<double> firsts;
  for (const Number& number : facts.numbers) firsts.push_back(number.readings.front());
  EXPECT_THAT(firsts, ElementsAre(3000, 1.234, 2.5e6, 12, 1234567));
  EXPECT_THAT(facts.numbers[1].readings, ElementsAre(1.234, 1234));
  EXPECT_TRUE(facts.numbers[3].percent);
  EXPECT_THAT(facts.dates, ElementsAre(ElementsAre(Date{2024, 4, 3}, Date{2024, 3, 4})));
  EXPECT_THAT(facts.identifiers, ElementsAre("INV00817"));
  EXPECT_THAT(FactsOf("no facts at all", 100).numbers, IsEmpty());
}

}  // namespace
}  // namespace triage::verify
