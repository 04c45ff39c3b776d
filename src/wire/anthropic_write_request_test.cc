#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/anthropic_test_support.h"
#include "wire/test_conversation.h"

namespace triage::wire::anthropic {
namespace {

using llm::CacheHint;
using llm::Conversation;
using llm::Dialect;
using llm::Message;
using llm::Role;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

WrittenRequest Written(const Conversation& conversation, const llm::Profile& profile = {}) {
  Result<WrittenRequest> written = WriteRequest(conversation, "m", profile);
  EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message);
  return written.value_or(WrittenRequest{});
}

Message Saying(Role role, std::vector<llm::Part> parts) {
  return {.role = role, .parts = std::move(parts)};
}

Message Saying(Role role, std::string text) {
  return Saying(role, {llm::TextPart{.text = std::move(text)}});
}

// As an OpenAI client asks.
Conversation Asked(std::vector<Message> messages = {Saying(Role::kUser, "hi")}) {
  return {.messages = std::move(messages)};
}

// A question, a call, and its result.
Conversation Calling(std::vector<llm::Part> before = {}) {
  before.emplace_back(llm::ToolCallPart{.id = "call:1/x", .name = "f", .arguments = "{}"});
  return Asked({Saying(Role::kUser, "hi"), Saying(Role::kAssistant, std::move(before)),
                Saying(Role::kTool, {llm::ToolResultPart{.id = "call:1/x", .name = "f"}})});
}

llm::ResponseFormat Schema(std::string schema) {
  return {.kind = llm::ResponseFormat::Kind::kJsonSchema, .schema = std::move(schema)};
}

constexpr std::string_view kClosedSchema =
    R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}},"additionalProperties":false})";

// Writing to its own.

TEST(AnthropicRequestWriter, GivesBackTheReferencesRequest) {
  Conversation read = Read(ReadGolden("request.json"));
  const WrittenRequest written = Written(read);
  EXPECT_THAT(written.warnings, IsEmpty());
  EXPECT_THAT(written.body, HasSubstr(R"("signature":"EqQBCgIYAhIM+/==")"));
  EXPECT_THAT(written.body, HasSubstr(R"("input":{"z": 1, "a": {"location": "Kiel"}})"));
  EXPECT_THAT(written.body,
              HasSubstr(R"({"type": "web_search_20250305", "name": "web_search", "max_uses": 3})"));
  read.model = "m";
  EXPECT_TRUE(Read(written.body) == read) << written.body;

  Conversation full = Read(ReadGolden("request_full.json"));
  const WrittenRequest again = Written(full);
  EXPECT_THAT(again.warnings, ElementsAre("tools.input_examples"));
  full.model = "m";
  std::erase_if(full.extra, [](const auto& field) { return field.name != "container"; });
  EXPECT_TRUE(Read(again.body) == full) << again.body;
}

TEST(AnthropicRequestWriter, GivesBackWhatItWroteForAnyConversation) {
  for (std::uint64_t round = 0; round < 300; ++round) {
    Invention invention(round, {.dialect = kSelf,
                                .image_urls = true,
                                .documents = true,
                                .document_texts = true,
                                .cache = true,
                                .signatures = true,
                                .thinking = true,
                                .failed_results = true,
                                .top_k = true});
    Conversation asked = invention.Conversation();
    if (invention.Sometimes()) asked.reasoning = {.budget_tokens = 1024, .enabled = true};
    if (invention.Sometimes()) asked.reasoning.effort = "high";
    if (asked.reasoning.budget_tokens) asked.tool_choice.reset();
    if (invention.Sometimes()) asked.user = invention.Word();
    if (invention.Sometimes()) asked.service_tier = "auto";
    if (invention.Sometimes()) asked.extra.push_back({"container", R"({"id": "c"})"});
    if (invention.Sometimes())
      asked.tools.push_back({.name = "web_search",
                             .json = R"({"type": "web_search_20250305","name":"web_search"})",
                             .origin = kSelf});
    if (!asked.tools.empty() && invention.Sometimes()) asked.parallel_tool_calls = false;
    if (asked.parallel_tool_calls && !asked.tool_choice) asked.tool_choice = llm::ToolChoice{};
    asked.messages.back().parts.emplace_back(
        llm::OpaquePart{.origin = kSelf, .type = "hologram", .json = R"({"type":"hologram"})"});
    const WrittenRequest written = Written(asked);
    const bool open = asked.reasoning.budget_tokens && asked.messages.back().role == Role::kTool;
    if (!open) {
      EXPECT_THAT(written.warnings, IsEmpty());
      asked.model = "m";
      EXPECT_TRUE(Read(written.body) == asked) << round << ": " << written.body;
    }
    EXPECT_EQ(Written(Read(written.body)).body, written.body);
  }
}

TEST(AnthropicRequestWriter, LeavesSystemTextBetweenTheTurnsToModelsThatTakeIt) {
  const Conversation read = Read(Body(
      R"({"role":"user","content":"a"},{"role":"system","content":"Be brief."},{"role":"assistant","content":"b"})",
      R"("system":"Be kind.")"));
  const WrittenRequest written = Written(read);
  EXPECT_THAT(written.warnings, IsEmpty());
  EXPECT_THAT(written.body, HasSubstr(R"("system":"Be kind.")"));
  EXPECT_THAT(written.body,
              HasSubstr(R"({"role":"system","content":[{"type":"text","text":"Be brief."}]})"));
}

TEST(AnthropicRequestWriter, DropsThinkingThatCameBackWithoutASignature) {
  // This gateway gave it out, with another provider's words.
  const Conversation read = Read(Body(
      R"({"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"b"}]},{"role":"user","content":"c"})"));
  const WrittenRequest written = Written(read);
  EXPECT_THAT(written.warnings, ElementsAre("thinking of another provider"));
  EXPECT_THAT(written.body, Not(HasSubstr("hm")));
}

TEST(AnthropicRequestWriter, DropsExtrasThatTheEndpointRefuses) {
  Conversation read = Read(With(R"("container":"c","top_k":5,"output_config":{"effort":"low"})"));
  const WrittenRequest written =
      Written(read, {.refuses = {"container", "top_k", "output_config"}});
  EXPECT_THAT(written.warnings, UnorderedElementsAre("container", "top_k", "output_config"));
  EXPECT_THAT(written.body, Not(HasSubstr("container")));
  EXPECT_THAT(written.body, Not(HasSubstr("top_k")));
}

// Translating turns.

TEST(AnthropicRequestWriter, PutsResultsInFrontOfTheUserTurnAndJoinsTurnsOfOneRole) {
  Conversation conversation = Calling();
  conversation.messages.insert(conversation.messages.begin() + 2, Saying(Role::kUser, "wait"));
  conversation.messages.push_back(Saying(Role::kUser, "and?"));
  const std::string body = Written(conversation).body;
  EXPECT_THAT(
      body,
      HasSubstr(
          R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1_x"},{"type":"text","text":"wait"},{"type":"text","text":"and?"}]})"));
  EXPECT_THAT(body, HasSubstr(R"("id":"call_1_x")"));
}

TEST(AnthropicRequestWriter, JoinsTurnsWhoseBetweenHadNothingToSay) {
  const WrittenRequest written = Written(Asked(
      {Saying(Role::kUser, "a"),
       Saying(Role::kAssistant,
              {llm::ThinkingPart{.text = "hm", .origin = Dialect::kGemini},
               llm::OpaquePart{.origin = Dialect::kGemini, .type = "code", .json = "{}"},
               llm::TextPart{}}),
       Saying(Role::kUser, {llm::ImagePart{.file_id = "f", .origin = Dialect::kOpenAiResponses}}),
       Saying(Role::kUser, "b")}));
  EXPECT_THAT(written.body,
              HasSubstr(R"("messages":[{"role":"user","content":[)"
                        R"({"type":"text","text":"a"},{"type":"text","text":"b"}]}])"));
  EXPECT_THAT(written.warnings,
              ElementsAre("thinking of another provider", "code", "image by file id"));
}

TEST(AnthropicRequestWriter, PutsAUserTurnInFrontOfAnAssistantsAndSaysSo) {
  const WrittenRequest written =
      Written(Asked({Saying(Role::kAssistant, "Hello!"), Saying(Role::kUser, "hi")}));
  EXPECT_THAT(written.warnings, ElementsAre("a user turn was put in front"));
  EXPECT_THAT(written.body, HasSubstr(R"("messages":[{"role":"user",)"));
  const WrittenRequest alone = Written(Asked({Saying(Role::kSystem, "Be kind.")}));
  EXPECT_THAT(alone.warnings, ElementsAre("a user turn was put behind the instructions"));
}

TEST(AnthropicRequestWriter, MovesSystemTextBetweenTheTurnsToTheFront) {
  const WrittenRequest written =
      Written(Asked({Saying(Role::kSystem, "One."), Saying(Role::kUser, "a"),
                     Saying(Role::kSystem, "Two."), Saying(Role::kUser, "b")}));
  EXPECT_THAT(written.warnings,
              ElementsAre("system text between the turns was moved to the front"));
  EXPECT_THAT(
      written.body,
      HasSubstr(R"("system":[{"type":"text","text":"One."},{"type":"text","text":"Two."}])"));
  EXPECT_THAT(written.body,
              HasSubstr(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])"));
}

TEST(AnthropicRequestWriter, NeverEndsABegunAnswerInWhiteSpace) {
  const WrittenRequest written =
      Written(Asked({Saying(Role::kUser, "a"), Saying(Role::kAssistant, "The sum is \n")}));
  EXPECT_THAT(written.body, HasSubstr(R"("text":"The sum is"})"));
  EXPECT_THAT(written.warnings, ElementsAre("white space at the end of the last turn"));
  EXPECT_THAT(Written(Asked({Saying(Role::kUser, "a"), Saying(Role::kAssistant, " ")})).body,
              Not(HasSubstr("assistant")));
}

TEST(AnthropicRequestWriter, MarksTheLastFourPlacesForTheCacheAndNoMore) {
  Conversation conversation = Asked();
  conversation.messages[0].parts.clear();
  for (const char* text : {"1", "2", "3", "4", "5"}) {
    conversation.messages[0].parts.emplace_back(
        llm::TextPart{.text = text, .cache = CacheHint::kFiveMinutes});
  }
  conversation.tools.push_back({.name = "f", .cache = CacheHint::kOneHour});
  const WrittenRequest written = Written(conversation);
  EXPECT_THAT(written.warnings, ElementsAre("cache_control of more than four places"));
  EXPECT_THAT(written.body, HasSubstr(R"({"type":"text","text":"2"},{"type":"text","text":"3",)"
                                      R"("cache_control":{"type":"ephemeral"}})"));
  EXPECT_THAT(written.body, HasSubstr(R"("cache_control":{"type":"ephemeral","ttl":"1h"})"));
}

TEST(AnthropicRequestWriter, SaysWhatItCannotCarry) {
  Conversation conversation = Asked();
  conversation.messages[0].name = "ada";
  conversation.messages[0].parts.emplace_back(
      llm::DocumentPart{.data = "eA==", .media_type = "text/csv"});
  conversation.messages[0].parts.emplace_back(
      llm::ImagePart{.url = "https://a.example/b.png", .detail = "high"});
  conversation.temperature = 1.7;
  conversation.seed = 5;
  conversation.frequency_penalty = 1;
  conversation.presence_penalty = 1;
  conversation.logprobs = true;
  conversation.top_logprobs = 2;
  conversation.verbosity = "low";
  conversation.stop = {"\n", "END"};
  conversation.service_tier = "flex";
  conversation.metadata = R"({"a":"b"})";
  conversation.extra.push_back({.name = "logit_bias", .json = "{}"});
  conversation.tools.push_back(
      {.name = "web_search_preview", .json = "{}", .origin = Dialect::kOpenAiResponses});
  const WrittenRequest written = Written(conversation);
  EXPECT_THAT(written.warnings, ElementsAre("name", "document of type text/csv", "image detail",
                                            "tool web_search_preview", "temperature lowered to 1",
                                            "stop sequences of white space", "frequency_penalty",
                                            "presence_penalty", "seed", "logprobs", "top_logprobs",
                                            "verbosity", "metadata", "service_tier", "logit_bias"));
  EXPECT_THAT(written.body, HasSubstr(R"("temperature":1)"));
  EXPECT_THAT(written.body, HasSubstr(R"("stop_sequences":["END"])"));
  conversation.choices = 2;
  EXPECT_EQ(WriteRequest(conversation, "m", {}).error().code, ErrorCode::kUnsupported);
}

TEST(AnthropicRequestWriter, SendsOneOfTemperatureAndTopP) {
  Conversation conversation = Asked();
  conversation.temperature = 0.5;
  conversation.top_p = 1;
  EXPECT_THAT(Written(conversation).warnings, IsEmpty()) << "1 is what it is without";
  conversation.top_p = 0.5;
  const WrittenRequest written = Written(conversation);
  EXPECT_THAT(written.warnings, ElementsAre("top_p beside temperature"));
  EXPECT_THAT(written.body, Not(HasSubstr("top_p")));
}

TEST(AnthropicRequestWriter, GivesALimitWhereTheClientGaveNone) {
  EXPECT_THAT(Written(Asked(), {.default_max_tokens = 777}).body, HasSubstr(R"("max_tokens":777)"));
}

// Translating tools.

TEST(AnthropicRequestWriter, MakesEverySchemaOfAToolOneOfAnObject) {
  Conversation conversation = Asked();
  conversation.tools = {{.name = "a"},
                        {.name = "b", .parameters = R"({"properties": {"z": {} }})"},
                        {.name = "c", .parameters = R"({"type": "object",  "x":1})"},
                        {.name = "d", .parameters = R"({"type":"object","anyOf":[{}],"x":1})"}};
  const WrittenRequest written = Written(conversation);
  EXPECT_THAT(written.body, HasSubstr(R"({"name":"a","input_schema":{"type":"object"}})"));
  EXPECT_THAT(written.body,
              HasSubstr(R"("input_schema":{"type":"object","properties":{"z": {} }})"));
  EXPECT_THAT(written.body, HasSubstr(R"("input_schema":{"type": "object",  "x":1})"))
      << "as it came";
  EXPECT_THAT(written.body, HasSubstr(R"("input_schema":{"type":"object","x":1}})"));
  EXPECT_THAT(written.warnings, ElementsAre("a part of the schema of tool d"));
}

TEST(AnthropicRequestWriter, MakesToolsStrictWhereTheEndpointCan) {
  Conversation conversation = Asked();
  conversation.tools = {{.name = "a", .parameters = std::string(kClosedSchema), .strict = true}};
  EXPECT_THAT(Written(conversation).body, HasSubstr(R"("strict":true)"));
  EXPECT_THAT(Written(conversation, {.structured_output = false}).warnings,
              ElementsAre("strict tools"));
  conversation.tools[0].parameters = R"({"type":"object","properties":{"n":{"minimum":1}}})";
  EXPECT_THAT(Written(conversation).warnings, ElementsAre("strict tools"));
}

TEST(AnthropicRequestWriter, DeclaresTheToolsOfEarlierCalls) {
  const WrittenRequest written = Written(Calling());
  EXPECT_THAT(written.body, HasSubstr(R"("tools":[{"name":"f","input_schema":{"type":"object"}}],)"
                                      R"("tool_choice":{"type":"none"})"));
  EXPECT_THAT(written.warnings, ElementsAre("tools of earlier turns were declared"));
}

TEST(AnthropicRequestWriter, TranslatesTheChoiceOfTools) {
  using Kind = llm::ToolChoice::Kind;
  Conversation conversation = Asked();
  conversation.tools = {{.name = "f"}};
  const std::pair<Kind, const char*> choices[] = {{Kind::kAuto, R"({"type":"auto"})"},
                                                  {Kind::kRequired, R"({"type":"any"})"},
                                                  {Kind::kNone, R"({"type":"none"})"},
                                                  {Kind::kTool, R"({"type":"tool","name":"f"})"}};
  for (const auto& [kind, json] : choices) {
    conversation.tool_choice = {.kind = kind, .name = kind == Kind::kTool ? "f" : ""};
    EXPECT_THAT(Written(conversation).body, HasSubstr(R"("tool_choice":)" + std::string(json)));
  }
  conversation.tool_choice.reset();
  EXPECT_THAT(Written(conversation).body, Not(HasSubstr("tool_choice")));
  conversation.parallel_tool_calls = false;
  EXPECT_THAT(Written(conversation).body,
              HasSubstr(R"("tool_choice":{"type":"auto","disable_parallel_tool_use":true})"));
}

// Translating the answer's form.

TEST(AnthropicRequestWriter, AsksForASchemaNativelyWhereTheEndpointTakesIt) {
  Conversation conversation = Asked();
  conversation.response_format = Schema(std::string(kClosedSchema));
  EXPECT_THAT(Written(conversation).body,
              HasSubstr(R"("output_config":{"format":{"type":"json_schema","schema":)" +
                        std::string(kClosedSchema) + "}}"));
  for (const llm::Profile& profile :
       {llm::Profile{.structured_output = false}, llm::Profile{.refuses = {"output_config"}}}) {
    EXPECT_THAT(Written(conversation, profile).body,
                HasSubstr(R"("name":"triage_structured_answer")"));
  }
}

TEST(AnthropicRequestWriter, ForcesAToolForSchemasThatTheOutputFormatRefuses) {
  Conversation conversation = Asked();
  conversation.response_format = Schema(R"({"type":"object", "b":1,"a":2})");
  const std::string body = Written(conversation).body;
  EXPECT_THAT(body, HasSubstr(R"("input_schema":{"type":"object", "b":1,"a":2})"));
  EXPECT_THAT(
      body,
      HasSubstr(
          R"("tool_choice":{"type":"tool","name":"triage_structured_answer","disable_parallel_tool_use":true})"));
  conversation.response_format = Schema(R"({"type":"array","items":{"type":"string"}})");
  EXPECT_THAT(Written(conversation).body, HasSubstr("output_config"));
  const auto refused = WriteRequest(conversation, "m", {.structured_output = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().field, "/response_format");
}

TEST(AnthropicRequestWriter, LetsToolsBeCalledBeforeTheForcedAnswer) {
  using Kind = llm::ToolChoice::Kind;
  Conversation conversation = Asked();
  conversation.response_format = {.kind = llm::ResponseFormat::Kind::kJsonObject};
  conversation.tools = {{.name = "f"}};
  EXPECT_THAT(Written(conversation).body, HasSubstr(R"("tool_choice":{"type":"any"})"));
  conversation.tool_choice = {.kind = Kind::kNone};
  EXPECT_THAT(Written(conversation).body,
              HasSubstr(R"("tool_choice":{"type":"tool","name":"triage_structured_answer")"));
  conversation.tool_choice = {.kind = Kind::kRequired};
  EXPECT_THAT(Written(conversation).body, Not(HasSubstr("triage_structured_answer")))
      << "this turn is to call one of the client's";
}

// Translating thinking.

TEST(AnthropicRequestWriter, KeepsThinkingAndItsLimitsTogether) {
  Conversation conversation = Asked();
  conversation.reasoning.effort = "high";
  conversation.max_output_tokens = 4000;
  conversation.temperature = 0.5;
  conversation.top_k = 4;
  WrittenRequest written = Written(conversation);
  EXPECT_THAT(written.body, HasSubstr(R"("thinking":{"type":"enabled","budget_tokens":3999})"));
  EXPECT_THAT(written.warnings,
              ElementsAre("thinking budget lowered to 3999", "temperature beside thinking",
                          "top_k beside thinking"));
  EXPECT_THAT(written.body, Not(HasSubstr("temperature")));
  conversation.max_output_tokens = 500;
  written = Written(conversation);
  EXPECT_THAT(written.body, Not(HasSubstr("thinking")));
  EXPECT_THAT(written.warnings, Contains("thinking: max_tokens leaves no room for it"));
  EXPECT_THAT(written.body, HasSubstr(R"("temperature":0.5)"));
  conversation.max_output_tokens.reset();
  EXPECT_THAT(Written(conversation, {.default_max_tokens = 1000}).body,
              HasSubstr(R"("max_tokens":17384)"))
      << "room for the answer and for thinking";
}

TEST(AnthropicRequestWriter, ThinksByEffortWhereTheModelWantsIt) {
  Conversation conversation = Asked();
  conversation.reasoning = {.effort = "xhigh", .summary = "auto"};
  const llm::Profile profile{.adaptive_thinking = true};
  EXPECT_THAT(Written(conversation, profile).body,
              HasSubstr(R"("thinking":{"type":"adaptive","display":"summarized"},)"
                        R"("output_config":{"effort":"xhigh"})"));
  conversation.reasoning = {.budget_tokens = 9000};
  EXPECT_THAT(Written(conversation, profile).body, HasSubstr(R"({"effort":"medium"})"));
  conversation.reasoning = {.effort = "none"};
  EXPECT_THAT(Written(conversation, profile).body, Not(HasSubstr("thinking")));
}

TEST(AnthropicRequestWriter, ForgoesThinkingForWhatCannotBeHadBesideIt) {
  using Kind = llm::ToolChoice::Kind;
  const auto forgone = [](Conversation conversation) {
    conversation.reasoning.effort = "low";
    const WrittenRequest written = Written(conversation, {.structured_output = false});
    EXPECT_THAT(written.body, Not(HasSubstr("budget_tokens")));
    return written.warnings;
  };
  Conversation conversation = Asked();
  conversation.response_format = Schema(std::string(kClosedSchema));
  EXPECT_THAT(forgone(conversation), ElementsAre("thinking beside this response format"));
  conversation = Asked();
  conversation.tools = {{.name = "f"}};
  conversation.tool_choice = {.kind = Kind::kRequired};
  EXPECT_THAT(forgone(conversation), ElementsAre("thinking beside this tool_choice"));
  EXPECT_THAT(forgone(Asked({Saying(Role::kUser, "a"), Saying(Role::kAssistant, "b")})),
              ElementsAre("thinking beside a begun answer"));
}

TEST(AnthropicRequestWriter, ForgoesThinkingWhereCallsUnderWayBeganWithoutIt) {
  const std::string why = "thinking: the calls under way began without it";
  Conversation conversation = Calling();
  conversation.tools = {{.name = "f"}};
  conversation.reasoning.effort = "low";
  EXPECT_THAT(Written(conversation).warnings, ElementsAre(why));
  EXPECT_THAT(Written(conversation, {.adaptive_thinking = true}).warnings, IsEmpty());

  conversation = Calling({llm::ThinkingPart{.text = "hm", .signature = "Eq", .origin = kSelf}});
  conversation.tools = {{.name = "f"}};
  conversation.reasoning.effort = "low";
  EXPECT_THAT(Written(conversation).warnings, IsEmpty());
  EXPECT_THAT(Written(conversation).body, HasSubstr("budget_tokens"));

  // Once the answer has been given, nobody asks for the thinking in front of it.
  conversation = Calling();
  conversation.tools = {{.name = "f"}};
  conversation.reasoning.effort = "low";
  conversation.messages.push_back(Saying(Role::kAssistant, "So."));
  conversation.messages.push_back(Saying(Role::kUser, "And?"));
  EXPECT_THAT(Written(conversation).warnings, IsEmpty());
}

// Schemas.

TEST(AnthropicSchema, FitsTheOutputFormatWhenItHasNothingElse) {
  const char* good[] = {
      R"({"type":"object","properties":{},"additionalProperties":false})",
      R"({"type":"array","items":{"type":"string","format":"date"},"minItems":1})",
      R"({"anyOf":[{"type":"null"},{"enum":["a",1,null]}],"title":"t","description":"d"})",
      R"({"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/A"}},"additionalProperties":false,"$defs":{"A":{"type":"integer","const":4}}})",
  };
  for (const char* schema : good) EXPECT_TRUE(FitsOutputFormat(schema)) << schema;
  const char* bad[] = {
      R"({"type":"object"})",
      R"({"type":"object","properties":{}})",
      R"({"type":"object","additionalProperties":true})",
      R"({"type":"integer","minimum":1})",
      R"({"type":"string","pattern":"a+"})",
      R"({"type":"string","format":"iban"})",
      R"({"type":"array","items":{"type":"string"},"minItems":2})",
      R"({"oneOf":[{"type":"string"}]})",
      R"({"enum":[{"a":1}]})",
      R"({"$ref":"https://example.com/schema"})",
      R"({"$ref":"#/$defs/missing"})",
      R"({"$ref":"#/$defs/A","$defs":{"A":{"type":"array","items":{"$ref":"#/$defs/A"}}}})",
      R"(true)",
      R"({"type":)",
  };
  for (const char* schema : bad) EXPECT_FALSE(FitsOutputFormat(schema)) << schema;
}

}  // namespace
}  // namespace triage::wire::anthropic
