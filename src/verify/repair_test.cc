#include "verify/repair.h"

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::verify {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kNothing = "(nothing)";

std::string Mended(std::string_view text, std::string_view schema = {}) {
  std::optional<Schema> compiled;
  if (!schema.empty()) compiled = *Schema::Compile(schema);
  const std::optional<Repaired> repaired = Repair(text, compiled ? &*compiled : nullptr);
  if (repaired) EXPECT_FALSE(repaired->what.empty());
  return repaired ? repaired->json : std::string(kNothing);
}

TEST(Repair, LeavesAloneWhatIsInOrder) {
  EXPECT_EQ(Mended(R"({"a":1})"), kNothing);
  EXPECT_EQ(Mended("[1, 2]\n"), kNothing);
  EXPECT_EQ(Mended(R"({"a":1})", R"({"required":["a"]})"), kNothing);
}

TEST(Repair, TakesAwayFencesAndProse) {
  EXPECT_EQ(Mended("```json\n{\"a\": 1}\n```"), R"({"a":1})");
  EXPECT_EQ(Mended("Sure! Here it is:\n```json\n{\"a\": 1}\n```\nAnything else?"), R"({"a":1})");
  EXPECT_EQ(Mended("The answer is {\"a\": [1, 2]} as you can see [1]."), R"({"a":[1,2]})");
  EXPECT_EQ(Mended("With \\(x\\in\\{1,2\\}\\) we get\n```json\n{\"a\": 1}\n```"), R"({"a":1})");
  EXPECT_EQ(Mended("{\"code\": \"```x```\"} is it"), R"({"code":"```x```"})");
}

TEST(Repair, SetsRightWhatModelsWriteLoosely) {
  EXPECT_EQ(Mended(R"({"a": [1, 2,], "b": {},})"), R"({"a":[1,2],"b":{}})");
  EXPECT_EQ(Mended(R"({'a': 'it\'s', 'b': 'say "x"', 'c': 'don't'})"),
            R"({"a":"it's","b":"say \"x\"","c":"don't"})");
  EXPECT_EQ(Mended("{'a': True, 'b': False, 'c': None}"), R"({"a":true,"b":false,"c":null})");
  EXPECT_EQ(Mended("{a: 1, $b_c: 2}"), R"({"a":1,"$b_c":2})");
  EXPECT_EQ(Mended("{\"a\": 1, // one\n /* two */ \"b\": 2 # three\n}"), R"({"a":1,"b":2})");
  EXPECT_EQ(Mended("{“a”: “x”}"), R"({"a":"x"})");
  EXPECT_EQ(Mended("{\"a\": \"one\ntwo\"}"), R"({"a":"one\u000atwo"})");
  EXPECT_EQ(Mended(R"~({"a": "\( x \sqrt{2} \)"})~"), R"~({"a":"\\( x \\sqrt{2} \\)"})~");
}

TEST(Repair, SaysWhatItDid) {
  const std::optional<Repaired> repaired = Repair("```\n{'a': 1,}\n```", nullptr);
  ASSERT_TRUE(repaired.has_value());
  EXPECT_THAT(repaired->what,
              ElementsAre("took away a markdown fence", "took single quotes for double ones",
                          "took out a trailing comma"));
}

TEST(Repair, NeverCompletesNorGuesses) {
  for (const std::string_view text :
       {R"({"a": 1)", R"({"a": "cut o)", "```json\n{\"a\": [1, 2", R"({"a": "b"os""})",
        R"({"a": 1 "b": 2})", R"({"a": 01})", R"({"a": 1_000})", R"({"a": NaN})",
        R"({"a": undefined})", R"({"a" 1})", R"({"a": 1, "a": 2})", "", "no JSON at all",
        R"(Either {"a": 1} or {"a": 2}.)", "{x}", R"({"a": "\x41"})", "{\"a\": \"\xff\"}",
        "{\"a\": 1 /* no end"}) {
    EXPECT_EQ(Mended(text), kNothing) << text;
  }
}

TEST(Repair, NumbersAndKeysKeepTheirOrderAndDigits) {
  EXPECT_EQ(Mended(R"({"z": 1.10, "a": 12345678901234567890123, "m": -0.0e-5,})"),
            R"({"z":1.10,"a":12345678901234567890123,"m":-0.0e-5})");
}

constexpr std::string_view kPerson = R"({"type":"object","properties":{
  "name":{"type":"string"}, "age":{"type":"integer"}, "member":{"type":"boolean"},
  "plan":{"enum":["Free","Pro"]}, "tags":{"type":"array","items":{"type":"string"}},
  "size":{"anyOf":[{"type":"number"},{"type":"null"}]}, "id":{"type":["string","number"]}},
  "required":["name"],"additionalProperties":false})";

TEST(Repair, TakesValuesForWhatTheSchemaWants) {
  EXPECT_EQ(Mended(R"({"name":"A","age":"12"})", kPerson), R"({"name":"A","age":12})");
  EXPECT_EQ(Mended(R"({"name":5})", kPerson), R"({"name":"5"})");
  EXPECT_EQ(Mended(R"({"name":"A","member":"True"})", kPerson), R"({"name":"A","member":true})");
  EXPECT_EQ(Mended(R"({"name":"A","plan":"pro"})", kPerson), R"({"name":"A","plan":"Pro"})");
  EXPECT_EQ(Mended(R"({"name":"A","tags":"x"})", kPerson), R"({"name":"A","tags":["x"]})");
  EXPECT_EQ(Mended(R"({"name":"A","tags":[1,"x"]})", kPerson), R"({"name":"A","tags":["1","x"]})");
  EXPECT_EQ(Mended(R"({"name":"A","age":null})", kPerson), R"({"name":"A"})");
  EXPECT_EQ(Mended(R"({"name":"A","size":"2.5"})", kPerson), R"({"name":"A","size":2.5})");
  EXPECT_EQ(Mended(R"({"name":"A","tags":"[\"x\",\"y\"]"})", kPerson),
            R"({"name":"A","tags":["x","y"]})");
}

TEST(Repair, GivesNothingThatTheSchemaForbids) {
  EXPECT_EQ(Mended(R"({"name":"A","age":"twelve"})", kPerson), kNothing);
  EXPECT_EQ(Mended(R"({"name":"A","age":"007"})", kPerson), kNothing);
  EXPECT_EQ(Mended(R"({"name":null})", kPerson), kNothing);
  EXPECT_EQ(Mended(R"({"age":3})", kPerson), kNothing);
  EXPECT_EQ(Mended(R"({"name":"A","more":1})", kPerson), kNothing);
  EXPECT_EQ(Mended("```json\n[1]\n```", kPerson), kNothing);
}

TEST(Repair, ChoosesAmongSeveralValuesTheOneThatFollowsTheSchema) {
  EXPECT_EQ(Mended(R"(Given {"x": 1} the result is {"name": "A"}.)", kPerson), R"({"name":"A"})");
  EXPECT_EQ(Mended(R"(Either {"name": "A"} or {"name": "B"}.)", kPerson), kNothing);
}

TEST(Repair, GarbageOfAMegabyteEndsSoon) {
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  const std::string unit[] = {"{",   "[",   "{\"a\":", "[{'",    "{\"a\":[1,", "```json\n{", "“",
                              "/*{", "{a:", "\\",      "{\"\\u", "[\"",        "}{",         "]["};
  for (const std::string& piece : unit) {
    std::string text;
    while (text.size() < (1U << 20)) text += piece;
    EXPECT_EQ(Mended(text, kPerson), kNothing) << piece;
  }
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
}

TEST(Repair, AnswersWithManyWrongValuesEndSoon) {
  std::string text = R"({"name":"A","tags":[)";
  for (int i = 0; i < 50'000; ++i) text += (i == 0 ? "" : ",") + std::to_string(i);
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  Mended(text + "]}", kPerson);
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
}

TEST(MergeFields, TakesTheNamedFieldsOfThePatchAndKeepsTheRest) {
  const std::vector<std::string> names = {"b", "d"};
  const Result<Merged> merged =
      MergeFields(R"({"a": 1.10, "b": "x", "c": [1, 2]})", R"({"d": 4, "b": "y", "a": 9})", names);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->json, R"({"a":1.10,"b":"y","c":[1, 2],"d":4})");
  EXPECT_THAT(merged->taken, ElementsAre("b", "d"));
}

TEST(MergeFields, RefusesWhatIsNoObjectAndPatchesThatLackAField) {
  const std::vector<std::string> names = {"b"};
  EXPECT_EQ(MergeFields(R"({"a":1})", R"({"a":2})", names).error().field, "/b");
  EXPECT_FALSE(MergeFields("[]", R"({"b":2})", names).has_value());
  EXPECT_FALSE(MergeFields(R"({"a":1})", "b", names).has_value());
}

TEST(ReaskText, TellsPlaceExpectedAndGotInAtMostTenLines) {
  Verdict verdict{.check = "json_schema", .outcome = Outcome::kFail, .reason = "It does not."};
  for (int i = 0; i < 10; ++i) {
    verdict.errors.push_back({"/a" + std::to_string(i), "a number", "null"});
  }
  const std::vector<Verdict> verdicts = {verdict};
  const std::string text = ReaskText(verdicts);
  EXPECT_THAT(text, HasSubstr("/a0: expected a number, got null\n"));
  EXPECT_THAT(text, HasSubstr("more such errors"));
  EXPECT_LE(std::ranges::count(text, '\n'), 10);
}

TEST(ReaskText, IsEmptyWhenNothingFailed) {
  const std::vector<Verdict> verdicts = {
      {.check = "fences", .outcome = Outcome::kUnsure, .reason = "Perhaps."}, {.check = "empty"}};
  EXPECT_EQ(ReaskText(verdicts), "");
}

TEST(FieldsText, NamesTheFieldsAsJson) {
  const std::vector<std::string> names = {"total", "due \"date\""};
  EXPECT_THAT(FieldsText(names), HasSubstr(R"("total", "due \"date\"")"));
}

}  // namespace
}  // namespace triage::verify
