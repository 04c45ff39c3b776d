#include "detect/detectors.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detect/identifiers.h"
#include "detect/lexicon.h"

namespace triage::detect {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Reading ReadTurns(const std::vector<llm::Turn>& turns, const llm::Needs& needs = {}) {
  return Detectors::BuiltIn().Read(turns, needs);
}

Reading ReadText(std::string_view text) {
  return ReadTurns({{.role = llm::Role::kUser, .text = text}});
}

std::string_view TypeOf(std::string_view text) {
  return Name(ReadText(text).query_type);
}

TEST(Detectors, ReadTheDataThatTheProgramCarries) {
  const Result<Detectors> parsed = Detectors::Parse(
      std::string(BuiltInTopics()) + std::string(BuiltInTasks()), BuiltInIdentifiers());
  EXPECT_TRUE(parsed) << parsed.error().message;
}

TEST(Detectors, SeeIdentifiersInEveryTurn) {
  constexpr std::string_view kText = "card 4111 1111 1111 1111";
  for (const llm::Role role :
       {llm::Role::kSystem, llm::Role::kUser, llm::Role::kAssistant, llm::Role::kTool}) {
    EXPECT_TRUE(ReadTurns({{.role = role, .text = kText}}).found.Has(Finding::kCardNumber));
  }
}

TEST(Detectors, DoNotCallATopicWhatTheModelSaid) {
  constexpr std::string_view kText = "Please see a doctor about these symptoms.";
  EXPECT_FALSE(
      ReadTurns({{.role = llm::Role::kAssistant, .text = kText}}).found.Has(Finding::kHealth));
  EXPECT_TRUE(ReadTurns({{.role = llm::Role::kTool, .text = kText}}).found.Has(Finding::kHealth));
}

TEST(Detectors, WantMoreWordsInALongText) {
  const std::string one = "Someone mentioned a lawsuit. ";
  std::string book = one;
  while (book.size() < 20'000) book += "The ship sailed on across the quiet sea. ";
  EXPECT_TRUE(ReadText(one).found.Has(Finding::kLegal));
  EXPECT_FALSE(ReadText(book).found.Has(Finding::kLegal));
  book +=
      "The attorney read the contract; the plaintiff spoke of negligence, liability, damages, "
      "jurisdiction and arbitration before the supreme court.";
  EXPECT_TRUE(ReadText(book).found.Has(Finding::kLegal));
}

TEST(Detectors, FindNothingInNumbersOfOtherKinds) {
  for (const char* text :
       {"550e8400-e29b-41d4-a716-446655440000", "10.0.19045.3693", "2024-11-24T13:40:00Z",
        "978-3-16-148410-0", "GET /orders/4111111111111111/items", "#4111111111111111",
        "1.4111111111111111", "4111 1111 1111 1112", "1234567890123456789012345678901234567890"}) {
    EXPECT_THAT(ReadText(text).found.Names(), IsEmpty()) << text;
  }
}

TEST(Detectors, EndAnIbanWhereItsCountrySaysSo) {
  EXPECT_THAT(ReadText("DE89 3704 0044 0532 0130 00 AND MORE").found.Names(), ElementsAre("iban"));
}

TEST(Detectors, AskForAWordInFrontOfBareNumbers) {
  EXPECT_THAT(ReadText("ssn 536904399").found.Names(), ElementsAre("national_id"));
  EXPECT_THAT(ReadText("item 536904399").found.Names(), IsEmpty());
}

TEST(Detectors, FindFindingsInNoHarmfulBytes) {
  std::string zeros(100'000, '\0');
  std::string ones(100'000, '1');
  std::string broken;
  for (int i = 0; i < 100'000; ++i) broken += static_cast<char>(i * 37 % 256);
  for (const std::string* text : {&zeros, &ones, &broken}) {
    EXPECT_FALSE(ReadText(*text).found.Has(Finding::kIban));
  }
  EXPECT_TRUE(ReadText("").found.empty());
  EXPECT_TRUE(ReadTurns({}).found.empty());
  EXPECT_EQ(ReadTurns({}).query_type, QueryType::kUnknown);
  // Cut anywhere, also inside a character.
  const std::string text =
      "Привет, мой IBAN DE89 3704 0044 0532 0130 00, почта a@b.example.org, 糖尿病";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    ReadText(std::string_view(text).substr(0, size));
  }
}

TEST(QueryType, IsToldFromTheLastUserTurn) {
  EXPECT_EQ(TypeOf("Summarise this contract and list the termination clauses"), "summary");
  EXPECT_EQ(TypeOf("Translate this letter about our new garden furniture and the long summer "
                   "holidays into Spanish, please, and keep the tone"),
            "translation");
  EXPECT_EQ(TypeOf("Write a Python function that reverses a list"), "code");
  EXPECT_EQ(TypeOf("Prove that there are infinitely many primes"), "proof");
  EXPECT_EQ(TypeOf("Extract all names and dates from the letter below"), "extraction");
  EXPECT_EQ(TypeOf("Classify the sentiment of this review"), "classification");
  EXPECT_EQ(TypeOf("Analyse why sales fell in the north"), "analysis");
  EXPECT_EQ(TypeOf("Write a poem about autumn"), "writing");
  EXPECT_EQ(TypeOf("The ship sailed on."), "");
  EXPECT_EQ(Name(ReadTurns({{.role = llm::Role::kUser, .text = "Summarise the text"},
                            {.role = llm::Role::kAssistant, .text = "Done."},
                            {.role = llm::Role::kUser, .text = "Thanks!"}})
                     .query_type),
            "small_talk");
}

TEST(QueryType, OfASimpleQuestionNeedsTheQuestionToBeShortAndAlone) {
  EXPECT_EQ(TypeOf("What is the capital of France?"), "simple_question");
  EXPECT_EQ(TypeOf("What is 2+2?"), "simple_question");
  EXPECT_EQ(TypeOf("What is 123456*789?"), "");
  EXPECT_EQ(TypeOf("What is the integral of x^2?"), "");
  EXPECT_EQ(TypeOf("What is the best dosage of insulin?"), "");
  const llm::Turn question{.role = llm::Role::kUser, .text = "What is the capital of France?"};
  llm::Needs tools;
  tools.tools = true;
  EXPECT_EQ(Name(ReadTurns({question}, tools).query_type), "");
  EXPECT_EQ(Name(ReadTurns({{.role = llm::Role::kUser, .text = "Let us talk about atlases."},
                            {.role = llm::Role::kAssistant, .text = "Yes."},
                            question})
                     .query_type),
            "");
  const std::string book(10'000, 'x');
  EXPECT_EQ(Name(ReadTurns({{.role = llm::Role::kSystem, .text = book}, question}).query_type), "");
}

TEST(QueryType, OfAGreetingWithATaskIsTheTask) {
  EXPECT_EQ(TypeOf("Hi!"), "small_talk");
  EXPECT_EQ(TypeOf("Hello, prove Fermat's last theorem"), "proof");
  EXPECT_EQ(TypeOf("hi, can you book me a table for eight people on Friday evening"), "");
  EXPECT_EQ(TypeOf("hello\n{\"a\": 1}"), "");
}

TEST(QueryType, OfAnAnswerToTheModelIsNotSmallTalk) {
  // "Shall I rewrite the module?"
  for (const char* text : {"yes", "OK!", "no", "great"}) EXPECT_EQ(TypeOf(text), "") << text;
  EXPECT_EQ(TypeOf("ok, thank you"), "small_talk");
}

TEST(Findings, HaveNamesThatAreReadBack) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Finding::kCount); ++i) {
    const auto finding = static_cast<Finding>(i);
    EXPECT_EQ(ParseFinding(Name(finding)), finding);
  }
  std::set<std::string_view> types;
  for (std::size_t i = 1; i < static_cast<std::size_t>(QueryType::kCount); ++i) {
    EXPECT_NE(Name(static_cast<QueryType>(i)), "");
    EXPECT_TRUE(types.insert(Name(static_cast<QueryType>(i))).second);
  }
  EXPECT_FALSE(ParseFinding("card"));
}

TEST(Lexicon, SaysInWhichLineItIsWrong) {
  const auto why = [](std::string_view text) {
    const Result<Lexicon> lexicon = Lexicon::Parse(text, {"health"});
    return lexicon ? std::string() : lexicon.error().message;
  };
  EXPECT_EQ(why("# nothing\n\nhealth strong en: fever\n"), "");
  EXPECT_THAT(why("\nhealth strong en fever"), HasSubstr("line 2: LABEL STRENGTH LANGUAGE"));
  EXPECT_THAT(why("wealth strong en: gold"), HasSubstr("line 1: unknown label"));
  EXPECT_THAT(why("health big en: fever"), HasSubstr("line 1: the strength is"));
  EXPECT_THAT(why("health strong en: fe*ver"), HasSubstr("a * inside"));
  EXPECT_THAT(why("health strong en: fever,, pain"), HasSubstr("an empty term"));
}

TEST(Lexicon, FindsTheLongestTermAsAWord) {
  const Result<Lexicon> parsed =
      Lexicon::Parse("a - en: tea, tea time, über*, what's\nb strong zh: 茶\n", {"a", "b"});
  ASSERT_TRUE(parsed);
  const auto end = [&](std::string_view text) {
    const std::size_t word = text.find_first_of(" ,.");
    return parsed->Longest(text, 0, text.starts_with("茶") ? 3 : std::min(word, text.size())).end;
  };
  EXPECT_EQ(end("tea, please"), 3U);
  EXPECT_EQ(end("TEA  Time!"), 9U);
  EXPECT_EQ(end("teapot"), 0U);
  EXPECT_EQ(end("te"), 0U);
  EXPECT_EQ(end("Übergang."), std::string_view("Übergang").size());
  EXPECT_EQ(end("ÜBER"), std::string_view("ÜBER").size());
  EXPECT_EQ(end("what’s up"), std::string_view("what’s").size());
  EXPECT_EQ(end("茶tea"), 3U);
}

TEST(Identifiers, SayInWhichLineTheyAreWrong) {
  const auto why = [](std::string_view text) {
    const Result<Identifiers> parsed = Identifiers::Parse(text);
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_EQ(why("# c\ncard_number - luhn - \\d{16}\n"), "");
  EXPECT_THAT(why("card - luhn - \\d{16}"), HasSubstr("line 1: unknown label"));
  EXPECT_THAT(why("\niban - lunh - \\d{16}"), HasSubstr("line 2: unknown check"));
  EXPECT_THAT(why("phone - phone tel \\d{16}"), HasSubstr("unknown context"));
  EXPECT_THAT(why("phone - phone - (\\d"), HasSubstr("not a pattern"));
  EXPECT_THAT(why("phone - phone - (?!x)"), HasSubstr("not a pattern"));
}

}  // namespace
}  // namespace triage::detect
