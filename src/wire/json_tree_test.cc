#include "wire/json_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::wire {
namespace {

TEST(JsonTree, KeepsTheBytesOfEveryValue) {
  JsonTree tree;
  const std::string text = R"( {"a" : { "z":1, "b" :[ 1.50 , 2e3,[] ,{ } ] } , "t":"x\n"} )";
  ASSERT_TRUE(tree.Parse(text));
  EXPECT_EQ(tree.root()["a"].raw(), R"({ "z":1, "b" :[ 1.50 , 2e3,[] ,{ } ] })");
  EXPECT_EQ(tree.root().At({"a", "b"}).raw(), "[ 1.50 , 2e3,[] ,{ } ]");
  EXPECT_EQ(tree.root()["t"].raw(), R"("x\n")");
  EXPECT_EQ(tree.root()["t"].text(), "x\n");
  EXPECT_EQ(text.substr(tree.OffsetOf(tree.root()["t"].raw()), 5), R"("x\n")");
}

TEST(JsonTree, WalksElementsAndMembersInOrder) {
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(R"({"b":[1,[2,3],{"x":null}],"a":true,"c":{}})"));
  std::vector<std::string> keys;
  for (JsonValue member : tree.root()) keys.emplace_back(member.key());
  EXPECT_THAT(keys, testing::ElementsAre("b", "a", "c"));
  std::vector<std::string> raws;
  for (JsonValue element : tree.root()["b"]) raws.emplace_back(element.raw());
  EXPECT_THAT(raws, testing::ElementsAre("1", "[2,3]", R"({"x":null})"));
  EXPECT_EQ(tree.root()["b"].size(), 3U);
  EXPECT_EQ(tree.root()["c"].size(), 0U);
  EXPECT_EQ(tree.root()["c"].begin(), tree.root()["c"].end());
}

TEST(JsonTree, AnswersForWhatIsNotThere) {
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(R"({"a":"text"})"));
  const JsonValue absent = tree.root()["no"]["such"]["thing"];
  EXPECT_FALSE(absent.present());
  EXPECT_TRUE(absent.null());
  EXPECT_EQ(absent.text(), "");
  EXPECT_EQ(absent.integer(), std::nullopt);
  EXPECT_EQ(absent.size(), 0U);
  EXPECT_EQ(tree.root()["a"]["x"].present(), false);
}

TEST(JsonTree, ReadsNumbersThatFit) {
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(R"([1,1.0,1e3,1.5,99999999999999999999,-9223372036854775808,"1",true])"));
  std::vector<std::optional<std::int64_t>> values;
  for (JsonValue each : tree.root()) values.push_back(each.integer());
  EXPECT_THAT(values, testing::ElementsAre(1, 1, 1000, std::nullopt, std::nullopt,
                                           std::numeric_limits<std::int64_t>::min(), std::nullopt,
                                           std::nullopt));
}

TEST(JsonTree, NamesThePlaceOfAValue) {
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(R"({"m":[{},{"a/b":[0,{"~":1}]}]})"));
  JsonValue deep = *++tree.root()["m"].begin();
  deep = *++deep["a/b"].begin();
  EXPECT_EQ(deep["~"].Pointer(), "/m/1/a~1b/1/~0");
}

TEST(JsonTree, ReadsDocumentsThatAreOneScalar) {
  JsonTree tree;
  ASSERT_TRUE(tree.Parse(" \"a\\u00e9\" "));
  EXPECT_EQ(tree.root().text(), "a\xC3\xA9");
  ASSERT_TRUE(tree.Parse("12"));
  EXPECT_EQ(tree.root().integer(), 12);
}

TEST(JsonTree, RefusesWhatIsNotJson) {
  JsonTree tree;
  for (const char* text : {"",           " ",          "{",          "}",
                           "{\"a\":}",   "{\"a\" 1}",  "[1,]",       "{\"a\":1}x",
                           "{\"a\":01}", "\"\\q\"",    "[\"\\x\"]",  "nul",
                           "{\"a\":1,}", "[1 2]",      "{'a':1}",    "\xEF\xBB\xBF{}",
                           "[\"\xFF\"]", "[\"a\nb\"]", "[1.]",       "{\"a\":\"b\":1}",
                           "[NaN]",      "[tru]",      "{\"a\":[1}", "[]]"}) {
    const Result<void> parsed = tree.Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidRequest);
    EXPECT_FALSE(tree.root().present());
  }
}

TEST(JsonTree, RefusesAKeyGivenTwiceAndSaysWhere) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(R"({"a":[{"k":1,"j":2,"\u006b":3}]})");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().field, "/a/0/k");
}

TEST(JsonTree, SaysWhereAKeyIsGivenTwiceBehindOtherElements) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(R"([0,{"a":1},[[],{"b":1,"b":2}],3])");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().field, "/2/1/b");
}

TEST(JsonTree, RefusesNestingDeeperThanAllowed) {
  JsonTree tree;
  EXPECT_TRUE(tree.Parse("[[[[]]]]", 4));
  EXPECT_FALSE(tree.Parse("[[[[[]]]]]", 4));
}

}  // namespace
}  // namespace triage::wire
