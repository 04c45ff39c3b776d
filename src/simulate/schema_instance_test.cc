#include "simulate/schema_instance.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulate/schema_rules.h"

namespace triage::simulate {
namespace {

TEST(SchemaInstances, HaveTheRequiredPropertiesInTheOrderOfTheSchema) {
  EXPECT_EQ(MinimalInstance(R"({"type":"object","properties":{"city":{"type":"string"},
      "days":{"type":"integer"},"note":{"type":"string"}},"required":["days","city"]})"),
            R"({"city":"text","days":1})");
}

TEST(SchemaInstances, OfNoRequiredPropertyAreEmpty) {
  EXPECT_EQ(MinimalInstance(R"({"type":"object","properties":{"a":{"type":"string"}}})"), "{}");
  EXPECT_EQ(MinimalInstance(R"({"type":"object"})"), "{}");
}

TEST(SchemaInstances, NestObjectsAndArrays) {
  EXPECT_EQ(
      MinimalInstance(
          R"({"type":"object","required":["list","deep"],"properties":{"list":{"type":"array","minItems":2,
          "items":{"type":"number"}},"deep":{"type":"object","required":["on"],"properties":{"on":{"type":"boolean"}}}}})"),
      R"({"list":[1,1],"deep":{"on":true}})");
}

TEST(SchemaInstances, TakeTheFirstValueOfAnEnumAndTheConstant) {
  EXPECT_EQ(MinimalInstance(R"({"enum":["b","a"]})"), R"("b")");
  EXPECT_EQ(MinimalInstance(R"({"const":{"x":1}})"), R"({"x":1})");
}

TEST(SchemaInstances, FollowReferencesAndAlternatives) {
  EXPECT_EQ(
      MinimalInstance(
          R"({"$ref":"#/$defs/a~1b","$defs":{"a/b":{"anyOf":[{"type":"null"},{"type":"integer","minimum":7}]}}})"),
      "7");
  EXPECT_EQ(
      MinimalInstance(
          R"({"allOf":[{"$ref":"#/$defs/x"},{"properties":{"b":{"type":"null"}},"required":["b"]}],
          "$defs":{"x":{"type":"object","properties":{"a":{"type":["null","string"]}},"required":["a"]}}})"),
      R"({"a":"text","b":null})");
}

TEST(SchemaInstances, KeepBoundsLengthsAndFormats) {
  EXPECT_EQ(MinimalInstance(R"({"type":"integer","exclusiveMinimum":4})"), "5");
  EXPECT_EQ(MinimalInstance(R"({"type":"integer","maximum":-3})"), "-3");
  EXPECT_EQ(MinimalInstance(R"({"type":"number","maximum":0.5})"), "0.5");
  EXPECT_EQ(MinimalInstance(R"({"type":"integer","multipleOf":5})"), "5");
  EXPECT_EQ(MinimalInstance(R"({"type":"string","minLength":6})"), R"("textxx")");
  EXPECT_EQ(MinimalInstance(R"({"type":"string","maxLength":2})"), R"("te")");
  EXPECT_EQ(MinimalInstance(R"({"type":"string","format":"date"})"), R"("2026-01-01")");
}

TEST(SchemaInstances, OfAnEndlessSchemaEnd) {
  const std::string text = MinimalInstance(
      R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/$defs/n"}}}}})");
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
}

TEST(SchemaInstances, OfNoSchemaAreAnEmptyObject) {
  EXPECT_EQ(MinimalInstance(""), "{}");
  EXPECT_EQ(MinimalInstance("[1"), "{}");
  EXPECT_EQ(MinimalInstance("true"), "{}");
}

TEST(StrictSchemas, MustCloseEachObjectAndRequireAll) {
  EXPECT_EQ(
      StrictSchemaProblem(
          R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false})"),
      std::nullopt);
  EXPECT_NE(StrictSchemaProblem(
                R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})"),
            std::nullopt);
  EXPECT_NE(
      StrictSchemaProblem(
          R"({"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false})"),
      std::nullopt);
  EXPECT_NE(
      StrictSchemaProblem(
          R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}},"required":["a"],"additionalProperties":false})"),
      std::nullopt);
  EXPECT_NE(StrictSchemaProblem(R"({"type":"string"})"), std::nullopt);
  EXPECT_NE(StrictSchemaProblem(""), std::nullopt);
}

TEST(OpenApiSchemas, NameTheKeywordThatIsOutside) {
  wire::JsonTree tree;
  ASSERT_TRUE(tree.Parse(
      R"([{"type":"object","properties":{"$ref":{"type":"string"}}},{"type":"array","items":{"additionalProperties":false}}])"));
  auto each = tree.root().begin();
  EXPECT_EQ(KeyOutsideOpenApi(*each), std::nullopt) << "a property may have any name";
  ++each;
  EXPECT_EQ(KeyOutsideOpenApi(*each), "additionalProperties");
}

}  // namespace
}  // namespace triage::simulate
