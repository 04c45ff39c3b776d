#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/gemini.h"
#include "wire/gemini_test_support.h"
#include "wire/json.h"

namespace triage::wire::gemini {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Conversation Read(const std::string& body) {
  Result<Conversation> read = GeminiCodec().ReadRequest(body, {});
  EXPECT_TRUE(read) << read.error().message;
  return read ? *std::move(read) : Conversation{};
}

WrittenRequest Write(const Conversation& conversation, const llm::Profile& profile = {}) {
  Result<WrittenRequest> written = GeminiCodec().WriteRequest(conversation, "m", profile);
  EXPECT_TRUE(written) << written.error().message;
  if (!written) return {};
  EXPECT_FALSE(FindJsonProblem(written->body, 64)) << written->body;
  return *std::move(written);
}

Conversation Asked(std::vector<Message> messages) {
  Conversation conversation;
  conversation.messages = std::move(messages);
  return conversation;
}

Message User(std::string text) {
  return {.role = Role::kUser, .parts = {llm::TextPart{.text = std::move(text)}}};
}

template <class Part>
const Part& PartAt(const Conversation& conversation, std::size_t message, std::size_t part) {
  return std::get<Part>(conversation.messages.at(message).parts.at(part));
}

TEST(GeminiRequest, ReadsEveryFieldOfTheReference) {
  const Conversation c = Read(ReadGolden("request_full.json"));
  ASSERT_EQ(c.messages.size(), 6U);
  EXPECT_EQ(c.messages[0].role, Role::kSystem);
  EXPECT_EQ(PartAt<llm::TextPart>(c, 0, 1).text, "Be brief.");
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 1).media_type, "image/png");
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 1).data, "iVBORw0KGgo=");
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 2).url, "https://example.com/ramp.jpg");
  EXPECT_EQ(PartAt<llm::DocumentPart>(c, 1, 3).data, "JVBERi0xLjc=");
  EXPECT_EQ(PartAt<llm::DocumentPart>(c, 1, 4).file_id,
            "https://generativelanguage.googleapis.com/v1beta/files/abc-123");
  EXPECT_EQ(PartAt<llm::OpaquePart>(c, 1, 5).type, "fileData");
  EXPECT_EQ(PartAt<llm::ThinkingPart>(c, 2, 0).signature, "c2lnLTE=");
  const auto& call = PartAt<llm::ToolCallPart>(c, 2, 1);
  EXPECT_EQ(call.id, "fc-1");
  EXPECT_EQ(call.arguments, R"({"ramp": 3, "unit": "kg"})");
  EXPECT_EQ(call.signature, "c2lnLTI=");
  EXPECT_EQ(c.messages[3].role, Role::kTool);
  const auto& weighed = PartAt<llm::ToolResultPart>(c, 3, 0);
  EXPECT_EQ(std::get<llm::TextPart>(weighed.content[0]).text, R"({"kg": 41.50, "sure": true})");
  const auto& looked = PartAt<llm::ToolResultPart>(c, 3, 1);
  EXPECT_EQ(std::get<llm::TextPart>(looked.content[0]).text, "see the picture");
  EXPECT_EQ(std::get<llm::ImagePart>(looked.content[1]).media_type, "image/webp");
  EXPECT_EQ(PartAt<llm::OpaquePart>(c, 4, 0).type, "executableCode");
  EXPECT_EQ(PartAt<llm::OpaquePart>(c, 4, 1).type, "codeExecutionResult");
  EXPECT_TRUE(PartAt<llm::ThinkingPart>(c, 4, 3).redacted);
  EXPECT_EQ(PartAt<llm::ThinkingPart>(c, 4, 3).signature, "c2lnLTM=");
  ASSERT_EQ(c.tools.size(), 3U);
  EXPECT_THAT(c.tools[0].parameters, HasSubstr(R"("$ref": "#/$defs/ramp")"));
  EXPECT_EQ(c.tools[2].name, "googleSearch");
  EXPECT_FALSE(c.tools[2].is_function());
  EXPECT_EQ(c.tool_choice->kind, llm::ToolChoice::Kind::kTool);
  EXPECT_EQ(c.tool_choice->name, "weigh");
  EXPECT_EQ(c.temperature, 0.25);
  EXPECT_EQ(c.top_k, 40);
  EXPECT_EQ(c.seed, -7);
  EXPECT_EQ(c.max_output_tokens, 2048);
  EXPECT_THAT(c.stop, ElementsAre("END"));
  EXPECT_EQ(c.response_format->kind, llm::ResponseFormat::Kind::kJsonSchema);
  EXPECT_EQ(c.top_logprobs, 3);
  EXPECT_EQ(c.reasoning.effort, "low");
  EXPECT_EQ(c.reasoning.summary, "auto");
  EXPECT_EQ(c.service_tier, "flex");
  EXPECT_TRUE(c.model.empty());
  std::vector<std::string> extra;
  for (const auto& field : c.extra) extra.push_back(field.name);
  EXPECT_THAT(extra,
              ElementsAre("generationConfig.mediaResolution", "safetySettings", "cachedContent"));
}

TEST(GeminiRequest, WritesWhatItReadWithoutLoss) {
  for (const char* name : {"request_full.json", "request_snake_case.json"}) {
    const Conversation read = Read(ReadGolden(name));
    const WrittenRequest written = Write(read);
    EXPECT_THAT(written.warnings, IsEmpty());
    EXPECT_EQ(Read(written.body), read) << written.body;
  }
}

TEST(GeminiRequest, TakesSnakeCaseAndOpenApiSchemas) {
  const Conversation c = Read(ReadGolden("request_snake_case.json"));
  ASSERT_EQ(c.messages.size(), 4U);
  EXPECT_EQ(PartAt<llm::TextPart>(c, 0, 0).text, "You count parcels.");
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 1).data, "iVBORw0KGgo=");
  EXPECT_EQ(c.tools[0].parameters,
            R"({"type":"object","properties":{"ramp":{"type":["integer","null"]},)"
            R"("type":{"type":"string","enum":["IN", "OUT"],"maxLength":3},)"
            R"("marks":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"number"}]}}},)"
            R"("required":["ramp"]})");
  EXPECT_EQ(c.response_format->schema,
            R"({"type":"object","properties":{"kg":{"type":"number"}}})");
  EXPECT_TRUE(c.reasoning.adaptive);
  // VALIDATED is more than a choice.
  EXPECT_EQ(c.tool_choice->kind, llm::ToolChoice::Kind::kAuto);
  ASSERT_EQ(c.extra.size(), 1U);
  EXPECT_EQ(c.extra[0].name, "toolConfig");
}

TEST(GeminiRequest, GivesIdsToCallsAndMatchesTheirResultsByName) {
  const Conversation c = Read(ReadGolden("request_snake_case.json"));
  EXPECT_EQ(PartAt<llm::ToolCallPart>(c, 2, 0).id, "call_1");
  EXPECT_EQ(PartAt<llm::ToolCallPart>(c, 2, 1).id, "call_2");
  EXPECT_EQ(PartAt<llm::ToolResultPart>(c, 3, 0).id, "call_1");
  EXPECT_EQ(PartAt<llm::ToolResultPart>(c, 3, 1).id, "call_2");
  EXPECT_TRUE(PartAt<llm::ToolResultPart>(c, 3, 1).is_error);
}

TEST(GeminiRequest, PutsResultsOfToolsInFrontOfWhatStandsBesideThem) {
  const Conversation c = Read(
      R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"a"}}]},
          {"role":"user","parts":[{"text":"now"},{"functionResponse":{"name":"a"}}]}]})");
  ASSERT_EQ(c.messages.size(), 3U);
  EXPECT_EQ(c.messages[1].role, Role::kTool);
  EXPECT_EQ(c.messages[2].role, Role::kUser);
}

TEST(GeminiRequest, NamesTheFieldThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "/"},
      {"{}", "/contents"},
      {R"({"contents":[]})", "/contents"},
      {R"({"contents":[{"role":"system","parts":[{"text":"a"}]}]})", "/contents/0/role"},
      {R"({"contents":[{"role":"user"}]})", "/contents/0/parts"},
      {R"({"contents":[{"role":"user","parts":[7]}]})", "/contents/0/parts/0"},
      {R"({"contents":[{"role":"user","parts":[{"text":1}]}]})", "/contents/0/parts/0/text"},
      {R"({"contents":[{"role":"user","parts":[{"functionCall":{"name":"a"}}]}]})",
       "/contents/0/parts/0/functionCall"},
      {R"({"contents":[{"role":"model","parts":[{"functionCall":{"args":{}}}]}]})",
       "/contents/0/parts/0/functionCall/name"},
      {R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"a","args":[]}}]}]})",
       "/contents/0/parts/0/functionCall/args"},
      {R"({"contents":[{"parts":[{"functionResponse":{"name":"a","response":"x"}}]}]})",
       "/contents/0/parts/0/functionResponse/response"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":{}})", "/tools"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{}]}]})",
       "/tools/0/functionDeclarations/0/name"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"temperature":"hot"}})",
       "/generationConfig/temperature"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"topK":0}})",
       "/generationConfig/topK"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"stopSequences":[1]}})",
       "/generationConfig/stopSequences/0"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],
           "generationConfig":{"thinkingConfig":{"thinkingBudget":-2}}})",
       "/generationConfig/thinkingConfig/thinkingBudget"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],
           "toolConfig":{"functionCallingConfig":{"mode":"SOME"}}})",
       "/toolConfig/functionCallingConfig/mode"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"systemInstruction":{}})",
       "/systemInstruction/parts"},
  };
  for (const auto& [body, field] : cases) {
    const auto read = GeminiCodec().ReadRequest(body, {});
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest) << body;
    EXPECT_THAT(read.error().message, testing::StartsWith(field + ": ")) << body;
  }
}

TEST(GeminiRequest, HoldsLimits) {
  const std::string body =
      R"({"contents":[{"parts":[{"text":"a"},{"text":"b"}]},{"parts":[{"text":"c"}]}]})";
  EXPECT_EQ(GeminiCodec().ReadRequest(body, {.max_body_bytes = 10}).error().code,
            ErrorCode::kTooLarge);
  EXPECT_FALSE(GeminiCodec().ReadRequest(body, {.max_messages = 1}));
  EXPECT_FALSE(GeminiCodec().ReadRequest(body, {.max_parts = 2}));
  EXPECT_TRUE(GeminiCodec().ReadRequest(body, {.max_messages = 2, .max_parts = 3}));
  EXPECT_FALSE(GeminiCodec().ReadRequest("{\"contents\":" + std::string(100, '['), {}));
}

TEST(GeminiRequest, SignsCallsThatNoGeminiModelMadeOncePerStep) {
  llm::ToolCallPart first{.id = "a", .name = "weigh", .arguments = "{}", .signature = "foreign"};
  llm::ToolCallPart second{.id = "b", .name = "weigh", .arguments = "{\"x\":1}"};
  const WrittenRequest written =
      Write(Asked({User("hi"), {.role = Role::kAssistant, .parts = {first, second}}}));
  EXPECT_THAT(written.body,
              HasSubstr(R"({"functionCall":{"id":"a","name":"weigh","args":{}},)"
                        R"("thoughtSignature":"skip_thought_signature_validator"},)"
                        R"({"functionCall":{"id":"b","name":"weigh","args":{"x":1}}}])"));
  EXPECT_THAT(written.body, Not(HasSubstr("foreign")));
}

TEST(GeminiRequest, LeavesOutIdsWhereTheEndpointRefusesThem) {
  llm::Profile profile;
  profile.refuses = {"functionCall.id"};
  const WrittenRequest written =
      Write(Asked({{.role = Role::kAssistant,
                    .parts = {llm::ToolCallPart{.id = "a", .name = "weigh", .arguments = "{}"}}},
                   {.role = Role::kTool, .parts = {llm::ToolResultPart{.id = "a"}}}}),
            profile);
  EXPECT_THAT(written.body, Not(HasSubstr(R"("id")")));
  EXPECT_THAT(written.body, HasSubstr(R"({"functionResponse":{"name":"weigh","response":{}}})"));
}

TEST(GeminiRequest, DropsWhatIsAnotherProvidersAndSaysSo) {
  Conversation c =
      Asked({User("hi"),
             {.role = Role::kAssistant,
              .parts = {llm::ThinkingPart{
                            .text = "hm", .signature = "s", .origin = llm::Dialect::kAnthropic},
                        llm::OpaquePart{.origin = llm::Dialect::kAnthropic,
                                        .type = "server_tool_use",
                                        .json = "{}"}}},
             {.role = Role::kUser,
              .parts = {llm::TextPart{.text = "go on", .cache = llm::CacheHint::kOneHour},
                        llm::ImagePart{.file_id = "file-1"}}}});
  c.user = "u";
  c.metadata = "{}";
  c.parallel_tool_calls = false;
  c.extra = {{"store", "true"}};
  c.seed = 1LL << 40;
  const WrittenRequest written = Write(c);
  EXPECT_EQ(written.body, R"({"contents":[{"role":"user","parts":[{"text":"hi"}]},)"
                          R"({"role":"user","parts":[{"text":"go on"}]}]})");
  EXPECT_THAT(written.warnings,
              ElementsAre("thinking of another provider", "server_tool_use", "cache_control",
                          "image of another provider's file", "seed of more than 32 bits", "store",
                          "parallel_tool_calls", "user", "metadata"));
}

TEST(GeminiRequest, SendsSystemTextBetweenTurnsWhereItStands) {
  const WrittenRequest written =
      Write(Asked({{.role = Role::kSystem, .parts = {llm::TextPart{.text = "first"}}},
                   User("hi"),
                   {.role = Role::kSystem, .parts = {llm::TextPart{.text = "later"}}}}));
  EXPECT_EQ(written.body, R"({"systemInstruction":{"parts":[{"text":"first"}]},)"
                          R"("contents":[{"role":"user","parts":[{"text":"hi"}]},)"
                          R"({"role":"user","parts":[{"text":"later"}]}]})");
  EXPECT_THAT(written.warnings, ElementsAre("system text between turns, sent as the user's"));
}

TEST(GeminiRequest, AsksForThinkingInTheWayThatTheModelKnows) {
  Conversation c = Asked({User("hi")});
  c.reasoning.effort = "medium";
  EXPECT_THAT(Write(c).body, HasSubstr(R"("thinkingConfig":{"thinkingLevel":"MEDIUM"})"));
  llm::Profile older;
  older.refuses = {"thinkingLevel"};
  EXPECT_THAT(Write(c, older).body, HasSubstr(R"("thinkingConfig":{"thinkingBudget":8192})"));
  c.reasoning = {.effort = "max"};
  EXPECT_THAT(Write(c).warnings, ElementsAre("effort max lowered to high"));
  c.reasoning = {.effort = "none"};
  EXPECT_THAT(Write(c).body, HasSubstr(R"("thinkingConfig":{"thinkingBudget":0})"));
  // Anthropic's clients want to see what they have asked for.
  c.reasoning = {.budget_tokens = 5000, .enabled = true};
  EXPECT_THAT(Write(c).body,
              HasSubstr(R"("thinkingConfig":{"includeThoughts":true,"thinkingBudget":5000})"));
  c.reasoning = {.effort = "high", .budget_tokens = 5000};
  EXPECT_THAT(Write(c).warnings, ElementsAre("effort beside a thinking budget"));
}

TEST(GeminiRequest, HonoursWhatTheEndpointRefuses) {
  Conversation c = Asked({User("hi")});
  c.tools = {{.name = "f", .parameters = "{}"}};
  c.temperature = 1.5;
  c.logprobs = true;
  c.stop = {"1", "2", "3", "4", "5", "6"};
  llm::Profile profile;
  profile.refuses = {"responseLogprobs", "parametersJsonSchema"};
  profile.max_temperature = 1;
  const WrittenRequest written = Write(c, profile);
  EXPECT_EQ(written.body,
            R"({"tools":[{"functionDeclarations":[{"name":"f","parameters":{}}]}],)"
            R"("contents":[{"role":"user","parts":[{"text":"hi"}]}],)"
            R"("generationConfig":{"temperature":1,"stopSequences":["1","2","3","4","5"]}})");
  EXPECT_THAT(written.warnings, ElementsAre("temperature lowered to 1",
                                            "stop sequences beyond the fifth", "responseLogprobs"));
}

TEST(GeminiRequest, WritesResultsAsObjects) {
  const auto written = [](std::string text, bool is_error) {
    llm::ToolResultPart result{.id = "a", .name = "f", .content = {}, .is_error = is_error};
    result.content.emplace_back(llm::TextPart{.text = std::move(text)});
    return Write(Asked({{.role = Role::kTool, .parts = {std::move(result)}}})).body;
  };
  EXPECT_THAT(written(R"({"kg": 1.50})", false), HasSubstr(R"("response":{"kg": 1.50}})"));
  EXPECT_THAT(written(R"({"kg":1})", true), HasSubstr(R"("response":{"error":"{\"kg\":1}"})"));
  EXPECT_THAT(written("12 kg", false), HasSubstr(R"("response":{"output":"12 kg"}})"));
  EXPECT_THAT(written("[1]", false), HasSubstr(R"("response":{"output":"[1]"}})"));
  // What would be read back as something else is wrapped.
  EXPECT_THAT(written(R"({"output":"x"})", false),
              HasSubstr(R"("response":{"output":"{\"output\":\"x\"}"}})"));
  EXPECT_THAT(written(R"({"a":1,"a":2})", false), HasSubstr(R"("response":{"output":)"));
}

TEST(GeminiRequest, RepairsArgumentsThatAreNoObject) {
  const WrittenRequest written = Write(
      Asked({{.role = Role::kAssistant,
              .parts = {llm::ToolCallPart{.id = "a", .name = "f", .arguments = "{\"cut\": "}}}}));
  EXPECT_THAT(written.body, HasSubstr(R"("args":{})"));
  EXPECT_THAT(written.warnings, ElementsAre("arguments of a tool call that are no JSON object"));
}

TEST(GeminiRequest, RefusesSeveralChoices) {
  Conversation c = Asked({User("hi")});
  c.choices = 2;
  EXPECT_EQ(GeminiCodec().WriteRequest(c, "m", {}).error().code, ErrorCode::kUnsupported);
}

TEST(GeminiRequest, HasATurnEvenWhenThereAreInstructionsOnly) {
  const WrittenRequest written =
      Write(Asked({{.role = Role::kSystem, .parts = {llm::TextPart{.text = "Tell a joke."}}}}));
  EXPECT_THAT(written.body, HasSubstr(R"("contents":[{"role":"user","parts":[{"text":)"));
  EXPECT_THAT(written.warnings, ElementsAre("a user turn was put behind the instructions"));
}

}  // namespace
}  // namespace triage::wire::gemini
