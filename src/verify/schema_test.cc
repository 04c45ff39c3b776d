#include "verify/schema.h"

#include <ctime>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Schema Compiled(std::string_view json) {
  Result<Schema> schema = Schema::Compile(json);
  EXPECT_TRUE(schema.has_value()) << json << ": " << (schema ? "" : schema.error().message);
  return schema ? std::move(*schema) : *Schema::Compile("true");
}

bool Follows(std::string_view json, std::string_view schema) {
  const Validation validation = Compiled(schema).Validate(json);
  EXPECT_FALSE(validation.gave_up);
  return validation.valid();
}

Error Refusal(std::string_view json) {
  Result<Schema> schema = Schema::Compile(json);
  EXPECT_FALSE(schema.has_value()) << json;
  return schema ? Error{} : schema.error();
}

FieldError OnlyError(std::string_view json, std::string_view schema) {
  const Validation validation = Compiled(schema).Validate(json);
  EXPECT_EQ(validation.errors.size(), 1U) << json;
  return validation.errors.empty() ? FieldError{} : validation.errors[0];
}

constexpr std::string_view kInvoice = R"({
  "type": "object",
  "properties": {
    "number": {"type": "string", "pattern": "^INV-[0-9]{4}$"},
    "total": {"type": "number", "minimum": 0},
    "currency": {"enum": ["EUR", "USD"]},
    "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 1}
  },
  "required": ["number", "total"],
  "additionalProperties": false,
  "$defs": {"line": {"type": "object", "properties": {"text": {"type": "string"}},
                     "required": ["text"]}}
})";

TEST(Schema, TellsWhereWhatWasExpectedAndWhatCame) {
  EXPECT_TRUE(Follows(R"({"number":"INV-0001","total":3})", kInvoice));
  EXPECT_EQ(OnlyError(R"({"number":"INV-0001","total":"3.50"})", kInvoice),
            (FieldError{"/total", "a number", "a string of 4 characters"}));
  EXPECT_EQ(OnlyError(R"({"number":"INV-0001"})", kInvoice),
            (FieldError{"/total", "a value, as it is required", "nothing"}));
  EXPECT_EQ(OnlyError(R"({"number":"INV-0001","total":1,"lines":[{"text":"a"},{}]})", kInvoice),
            (FieldError{"/lines/1/text", "a value, as it is required", "nothing"}));
  EXPECT_EQ(OnlyError(R"({"number":"INV-0001","total":1,"currency":"eur"})", kInvoice),
            (FieldError{"/currency", R"(one of "EUR", "USD")", "a string of 3 characters"}));
}

TEST(Schema, ErrorsHoldNothingOfTheAnswer) {
  const FieldError extra = OnlyError(R"({"number":"INV-0001","total":1,"my secret":1})", kInvoice);
  EXPECT_EQ(extra, (FieldError{"", "no properties but number, total, currency, lines", "1 more"}));
  EXPECT_EQ(OnlyError(R"({"my secret":{"x":1}})",
                      R"({"additionalProperties":{"properties":{"x":{"type":"string"}}}})"),
            (FieldError{"/*/x", "a string", "an integer"}));
}

TEST(Schema, TakesWholeNumbersInAnySpellingForIntegers) {
  for (const std::string_view whole : {"1", "1.0", "1e3", "-7", "123456789012345678901234567890"}) {
    EXPECT_TRUE(Follows(whole, R"({"type":"integer"})")) << whole;
  }
  for (const std::string_view other : {"1.5", "\"1\"", "true", "null"}) {
    EXPECT_FALSE(Follows(other, R"({"type":"integer"})")) << other;
  }
  EXPECT_TRUE(Follows("1.0", R"({"const":1})"));
  EXPECT_TRUE(Follows("0.3", R"({"multipleOf":0.1})"));
  EXPECT_FALSE(Follows("0.35", R"({"multipleOf":0.1})"));
}

TEST(Schema, KnowsTheKeywordsOf2020AndTheirOlderSpellings) {
  EXPECT_TRUE(
      Follows(R"([1,"a",true])", R"({"prefixItems":[{"type":"integer"},{"type":"string"}]})"));
  EXPECT_FALSE(Follows(R"([1,"a",true])",
                       R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})"));
  EXPECT_FALSE(
      Follows(R"([1,"a",true])",
              R"({"items":[{"type":"integer"},{"type":"string"}],"additionalItems":false})"));
  EXPECT_FALSE(Follows(R"({"a":1})", R"({"dependentRequired":{"a":["b"]}})"));
  EXPECT_FALSE(Follows(R"({"a":1})", R"({"dependencies":{"a":["b"]}})"));
  EXPECT_FALSE(Follows(R"({"a":1})", R"({"dependentSchemas":{"a":{"minProperties":2}}})"));
  EXPECT_FALSE(Follows(R"([1,2,3])", R"({"contains":{"const":2},"minContains":2})"));
  EXPECT_TRUE(Follows(R"([])", R"({"contains":{"const":2},"minContains":0})"));
  EXPECT_FALSE(Follows("5", R"({"minimum":5,"exclusiveMinimum":true})"));
  EXPECT_FALSE(Follows("5", R"({"exclusiveMinimum":5})"));
  EXPECT_FALSE(Follows(R"({"a":1,"b":2})",
                       R"({"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false})"));
  EXPECT_FALSE(Follows(R"([1,2])", R"({"prefixItems":[true],"unevaluatedItems":false})"));
  EXPECT_FALSE(Follows(R"({"a":1})", R"({"if":{"required":["a"]},"then":{"required":["b"]}})"));
  EXPECT_FALSE(Follows(R"([1,1.0])", R"({"uniqueItems":true})"));
  EXPECT_FALSE(Follows(R"({"ab":1})", R"({"propertyNames":{"maxLength":1}})"));
  EXPECT_FALSE(Follows("1", R"({"not":{"type":"integer"}})"));
}

TEST(Schema, CountsCharactersNotBytes) {
  EXPECT_TRUE(Follows("\"äöü\"", R"({"maxLength":3})"));
  EXPECT_FALSE(Follows("\"\\u00e4\"", R"({"minLength":2})"));
}

TEST(Schema, FormatsAreAnnotations) {
  EXPECT_TRUE(Follows("\"no date\"", R"({"type":"string","format":"date"})"));
}

TEST(Schema, ExplainsAlternativesByTheOneThatComesNearest) {
  EXPECT_EQ(OnlyError(R"({"a":{"b":"x"}})",
                      R"({"properties":{"a":{"anyOf":[{"type":"null"},
                          {"type":"object","properties":{"b":{"type":"integer"}}}]}}})"),
            (FieldError{"/a/b", "an integer", "a string of 1 character"}));
  EXPECT_EQ(OnlyError(R"({"a":[]})", R"({"properties":{"a":{"anyOf":[{"type":"null"},
                                        {"type":"string"}]}}})"),
            (FieldError{"/a", "a string or null", "an array of 0 items"}));
  EXPECT_THAT(OnlyError("3", R"({"oneOf":[{"type":"integer"},{"minimum":2}]})").expected,
              HasSubstr("just one of 2"));
}

TEST(Schema, RecursionEndsWithTheAnswer) {
  const std::string_view tree = R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object",
    "properties":{"next":{"$ref":"#/$defs/node"}},"required":["v"]}}})";
  EXPECT_TRUE(Follows(R"({"v":1,"next":{"v":2}})", tree));
  EXPECT_EQ(OnlyError(R"({"v":1,"next":{"v":2,"next":{}}})", tree).pointer, "/next/next/v");
}

TEST(Schema, FindsAnchorsAndEmbeddedDocuments) {
  EXPECT_FALSE(
      Follows("1", R"({"$ref":"#text","$defs":{"a":{"$anchor":"text","type":"string"}}})"));
  EXPECT_FALSE(Follows("1", R"({"$id":"https://example.com/root","$ref":"item",
    "$defs":{"a":{"$id":"item","type":"string"}}})"));
  EXPECT_FALSE(Follows("1", R"({"$ref":"#/$defs/a~1b%25","$defs":{"a/b%":{"type":"string"}}})"));
}

TEST(Schema, WhatIsWrongInASchemaIsToldWithThePointerToTheKeyword) {
  struct Case {
    std::string_view schema;
    std::string_view field;
  };

  for (const Case& wrong : {
           Case{R"({"type":"strng"})", "/type"},
           Case{R"({"type":[]})", "/type"},
           Case{R"({"properties":{"a":{"type":["string","nul"]}}})", "/properties/a/type/1"},
           Case{R"({"properties":{"a":{"minLength":-1}}})", "/properties/a/minLength"},
           Case{R"({"minItems":"1"})", "/minItems"},
           Case{R"({"minimum":"1"})", "/minimum"},
           Case{R"({"multipleOf":0})", "/multipleOf"},
           Case{R"({"required":true})", "/required"},
           Case{R"({"required":["a",1]})", "/required/1"},
           Case{R"({"items":{"pattern":"("}})", "/items/pattern"},
           Case{R"({"patternProperties":{"[":{}}})", "/patternProperties/["},
           Case{R"({"properties":[]})", "/properties"},
           Case{R"({"properties":{"a":5}})", "/properties/a"},
           Case{R"({"anyOf":[]})", "/anyOf"},
           Case{R"({"enum":[]})", "/enum"},
           Case{R"({"enum":"a"})", "/enum"},
           Case{R"({"uniqueItems":1})", "/uniqueItems"},
           Case{R"({"$ref":"#/$defs/none"})", "/$ref"},
           Case{R"({"$ref":"https://example.com/schema"})", "/$ref"},
           Case{R"({"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}}})", "/$defs/a"},
           Case{R"({"$ref":"#"})", ""},
           Case{R"({"$defs":{"a":{"type":7}}})", "/$defs/a/type"},
           Case{"[]", ""},
           Case{"{", ""},
           Case{"", ""},
       }) {
    const Error error = Refusal(wrong.schema);
    EXPECT_EQ(error.field, wrong.field) << wrong.schema;
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest);
    EXPECT_THAT(error.message, HasSubstr("JSON schema"));
  }
}

TEST(Schema, PatternsThatRe2CannotRunAreListedAsUnchecked) {
  const Schema schema = Compiled(R"({"properties":{"a":{"pattern":"^(?!x).*$"}}})");
  EXPECT_THAT(schema.unchecked(), ElementsAre("/properties/a/pattern"));
  EXPECT_TRUE(schema.Validate(R"({"a":"xyz"})").valid());
  EXPECT_THAT(Compiled(R"({"pattern":"^\\u00e4\\/[^\\d]$"})").unchecked(), IsEmpty());
  EXPECT_TRUE(Follows("\"ä/b\"", R"({"pattern":"^\\u00e4\\/[^\\d]$"})"));
}

TEST(Schema, RefusesWhatIsNoJsonOrNotOneValue) {
  const Schema schema = Compiled("{}");
  for (const std::string_view text :
       {"", "{", "{} {}", "{'a':1}", R"({"a":1,})", "NaN", "\xff", R"({"a":1,"a":2})"}) {
    const Validation validation = schema.Validate(text);
    EXPECT_FALSE(validation.is_json) << text;
    EXPECT_FALSE(validation.valid()) << text;
  }
}

TEST(Schema, ListsAtMostTenErrorsAndSaysThatThereAreMore) {
  std::string array = "[";
  for (int i = 0; i < 30; ++i) array += i == 0 ? "\"a\"" : ",\"a\"";
  const Validation validation = Compiled(R"({"items":{"type":"integer"}})").Validate(array + "]");
  EXPECT_EQ(validation.errors.size(), kMostErrors);
  EXPECT_TRUE(validation.more_errors);
}

TEST(Schema, TheHashKnowsTheTextButNotItsWhiteSpace) {
  EXPECT_EQ(Compiled(R"({"type":"string"})").hash(), Compiled("{ \"type\" :\n\"string\" }").hash());
  EXPECT_NE(Compiled(R"({"type":"string"})").hash(), Compiled(R"({"type":"number"})").hash());
}

TEST(Schema, ASubSchemaHasJustTheFieldsThatAreAskedForAndKeepsDefinitions) {
  const Schema schema = Compiled(kInvoice);
  EXPECT_THAT(schema.properties(), ElementsAre("number", "total", "currency", "lines"));
  EXPECT_THAT(schema.required(), ElementsAre("number", "total"));
  const std::vector<std::string> names = {"lines"};
  const Result<Schema> part = schema.SubSchema(names);
  ASSERT_TRUE(part.has_value());
  EXPECT_TRUE(part->Validate(R"({"lines":[{"text":"a"}]})").valid());
  EXPECT_FALSE(part->Validate(R"({"lines":[{}]})").valid());
  EXPECT_FALSE(part->Validate(R"({})").valid());
  EXPECT_FALSE(part->Validate(R"({"lines":[{"text":"a"}],"total":1})").valid());
  const std::vector<std::string> unknown = {"none"};
  EXPECT_EQ(schema.SubSchema(unknown).error().field, "/none");
}

TEST(Schema, ASubSchemaFollowsTheReferenceOfTheTopLevel) {
  const Schema schema = Compiled(R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"object",
    "properties":{"x":{"type":"integer"},"y":{"type":"string"}}}}})");
  EXPECT_THAT(schema.properties(), ElementsAre("x", "y"));
  const std::vector<std::string> names = {"x"};
  const Result<Schema> part = schema.SubSchema(names);
  ASSERT_TRUE(part.has_value());
  EXPECT_FALSE(part->Validate(R"({"x":"1"})").valid());
  EXPECT_TRUE(part->Validate(R"({"x":1})").valid());
}

TEST(Schema, NoSubSchemaWhereReferencesLeadOutsideTheDefinitions) {
  const Schema schema = Compiled(R"({"properties":{"a":{"type":"string"},
                                     "b":{"$ref":"#/properties/a"}}})");
  const std::vector<std::string> names = {"b"};
  EXPECT_EQ(schema.SubSchema(names).error().code, ErrorCode::kUnsupported);
}

TEST(Schema, FailingFieldsAreTopLevelPropertiesUnlessTheWholeIsWrong) {
  const Schema schema = Compiled(kInvoice);
  EXPECT_THAT(FailingFields(schema.Validate(R"({"number":"x","total":1,"lines":[{},{}]})")),
              ElementsAre("number", "lines"));
  EXPECT_THAT(FailingFields(schema.Validate("[]")), IsEmpty());
  EXPECT_THAT(FailingFields(schema.Validate(R"({"number":"x","total":1,"more":1})")), IsEmpty());
}

TEST(Schema, HostileSchemasAndAnswersEndSoon) {
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  // Alternatives within alternatives: 10^20 ways.
  std::string wide = R"({"$defs":{"a20":true)";
  for (int i = 0; i < 20; ++i) {
    const std::string next =
        R"({"properties":{"x":{"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"}}}";
    wide += ",\"a" + std::to_string(i) + R"(":{"anyOf":[)";
    for (int k = 0; k < 10; ++k) wide += (k == 0 ? "" : ",") + next;
    wide += "]}";
  }
  wide.replace(wide.find("true"), 4, "false");
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += R"({"x":)";
  deep += "1" + std::string(30, '}');
  const Validation validation = Compiled(wide + R"(},"$ref":"#/$defs/a0"})").Validate(deep);
  EXPECT_TRUE(validation.gave_up);
  EXPECT_FALSE(validation.valid());
  // A long chain of references, deep nesting on both sides, a large answer.
  std::string chain = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 2000; ++i) {
    chain += "\"a" + std::to_string(i) + R"(":{"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"},";
  }
  EXPECT_EQ(Refusal(chain + "\"a2000\":true}}").code, ErrorCode::kTooLarge);
  EXPECT_FALSE(Schema::Compile(std::string(100'000, '[')).has_value());
  EXPECT_FALSE(Compiled("{}").Validate(std::string(1 << 20, '[')).is_json);
  std::string array = "[0";
  for (int i = 0; i < 200'000; ++i) array += "," + std::to_string(i % 1000);
  EXPECT_FALSE(
      Compiled(R"({"items":{"type":"string"},"uniqueItems":true})").Validate(array + "]").valid());
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

TEST(Schema, RefusesSchemasThatAreTooLargeOrHaveTooManyPatterns) {
  EXPECT_EQ(Refusal("{\"title\":\"" + std::string(Schema::kMostBytes, 'a') + "\"}").code,
            ErrorCode::kTooLarge);
  std::string many = R"({"properties":{)";
  for (int i = 0; i < 300; ++i) {
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"pattern":"a"})";
  }
  EXPECT_EQ(Refusal(many + "}}").code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace triage::verify
