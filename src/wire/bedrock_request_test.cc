#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/bedrock.h"
#include "wire/bedrock_test_support.h"
#include "wire/json.h"

namespace triage::wire::bedrock {
namespace {

using llm::CacheHint;
using llm::Conversation;
using llm::Message;
using llm::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kClaude = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view kNova = "amazon.nova-pro-v1:0";

Conversation Read(const std::string& body) {
  Result<Conversation> read = BedrockCodec().ReadRequest(body, {});
  EXPECT_TRUE(read) << read.error().message;
  return read ? *std::move(read) : Conversation{};
}

WrittenRequest Write(const Conversation& conversation, std::string_view model = kClaude,
                     const llm::Profile& profile = {}) {
  Result<WrittenRequest> written = BedrockCodec().WriteRequest(conversation, model, profile);
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

TEST(BedrockRequest, ReadsEveryFieldOfTheReference) {
  const Conversation c = Read(ReadGolden("request_full.json"));
  ASSERT_EQ(c.messages.size(), 5U);
  EXPECT_EQ(c.messages[0].role, Role::kSystem);
  EXPECT_EQ(PartAt<llm::TextPart>(c, 0, 0).cache, CacheHint::kOneHour);
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 1).media_type, "image/jpeg");
  EXPECT_EQ(PartAt<llm::ImagePart>(c, 1, 2).file_id, "s3://depot/ramp.png");
  const auto& note = PartAt<llm::DocumentPart>(c, 1, 3);
  EXPECT_EQ(note.title, "Delivery note");
  EXPECT_EQ(note.context, "of May");
  EXPECT_TRUE(note.citations);
  const auto& text = PartAt<llm::DocumentPart>(c, 1, 4);
  EXPECT_EQ(text.title, "");
  EXPECT_EQ(text.text, "five parcels");
  EXPECT_EQ(text.cache, CacheHint::kFiveMinutes);
  EXPECT_EQ(PartAt<llm::ThinkingPart>(c, 2, 0).signature, "c2lnLTE=");
  EXPECT_TRUE(PartAt<llm::ThinkingPart>(c, 2, 1).redacted);
  EXPECT_EQ(PartAt<llm::ToolCallPart>(c, 2, 2).arguments, R"({"ramp": 3, "unit": "kg"})");
  EXPECT_EQ(c.messages[3].role, Role::kTool);
  const auto& weighed = PartAt<llm::ToolResultPart>(c, 3, 0);
  EXPECT_EQ(weighed.name, "weigh");
  EXPECT_EQ(std::get<llm::TextPart>(weighed.content[0]).text, R"({"kg": 41.50})");
  const auto& looked = PartAt<llm::ToolResultPart>(c, 3, 1);
  EXPECT_TRUE(looked.is_error);
  EXPECT_EQ(looked.content.size(), 2U);
  EXPECT_EQ(looked.cache, CacheHint::kFiveMinutes);
  EXPECT_EQ(PartAt<llm::OpaquePart>(c, 4, 1).type, "guardContent");
  ASSERT_EQ(c.tools.size(), 3U);
  EXPECT_EQ(c.tools[0].strict, true);
  EXPECT_EQ(c.tools[1].cache, CacheHint::kFiveMinutes);
  EXPECT_EQ(c.tools[2].name, "systemTool");
  EXPECT_EQ(c.tool_choice->kind, llm::ToolChoice::Kind::kRequired);
  EXPECT_EQ(c.response_format->schema,
            R"({"type":"object","properties":{"parcels":{"type":"integer"}}})");
  EXPECT_EQ(c.response_format->name, "count");
  EXPECT_EQ(c.max_output_tokens, 4096);
  EXPECT_EQ(c.top_k, 40);
  EXPECT_EQ(c.reasoning.budget_tokens, 2048);
  EXPECT_EQ(c.metadata, R"({"team": "depot"})");
  EXPECT_EQ(c.service_tier, "flex");
  std::vector<std::string> extra;
  for (const auto& field : c.extra) extra.push_back(field.name);
  EXPECT_THAT(extra, ElementsAre("additionalModelRequestFields.anthropic_beta",
                                 "additionalModelResponseFieldPaths", "guardrailConfig"));
}

TEST(BedrockRequest, WritesWhatItReadWithoutLoss) {
  const Conversation read = Read(ReadGolden("request_full.json"));
  const WrittenRequest written = Write(read);
  EXPECT_THAT(written.warnings, IsEmpty());
  EXPECT_EQ(Read(written.body), read) << written.body;
}

TEST(BedrockRequest, NamesTheFieldThatIsWrong) {
  const std::string user = R"({"role":"user","content":[{"text":"a"}]})";
  const auto with = [&](const std::string& member) {
    return "{\"messages\":[" + user + "]," + member + "}";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "/"},
      {"{}", "/messages"},
      {R"({"messages":[]})", "/messages"},
      {R"({"messages":[{"role":"system","content":[{"text":"a"}]}]})", "/messages/0/role"},
      {R"({"messages":[{"role":"user","content":"a"}]})", "/messages/0/content"},
      {R"({"messages":[{"role":"user","content":[{}]}]})", "/messages/0/content/0"},
      {R"({"messages":[{"role":"user","content":[{"text":1}]}]})", "/messages/0/content/0"},
      {R"({"messages":[{"role":"user","content":[{"toolUse":{"toolUseId":"a","name":"f"}}]}]})",
       "/messages/0/content/0"},
      {R"({"messages":[{"role":"user","content":[{"toolResult":{}}]}]})",
       "/messages/0/content/0/toolResult/toolUseId"},
      {R"({"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"a",
           "content":[{"video":{}}]}}]}]})",
       "/messages/0/content/0/toolResult/content/0"},
      {with(R"("system":"be brief")"), "/system"},
      {with(R"("inferenceConfig":{"temperature":1.5})"), "/inferenceConfig/temperature"},
      {with(R"("inferenceConfig":{"maxTokens":0})"), "/inferenceConfig/maxTokens"},
      {with(R"("inferenceConfig":{"stopSequences":"x"})"), "/inferenceConfig/stopSequences"},
      {with(R"("toolConfig":{})"), "/toolConfig/tools"},
      {with(R"("toolConfig":{"tools":[{"toolSpec":{"inputSchema":{"json":{}}}}]})"),
       "/toolConfig/tools/0/toolSpec/name"},
      {with(R"("toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]})"),
       "/toolConfig/tools/0/toolSpec/inputSchema"},
      {with(R"("toolConfig":{"tools":[],"toolChoice":{"none":{}}})"), "/toolConfig/toolChoice"},
      {with(R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":
            {"schema":"{"}}}})"),
       "/outputConfig/textFormat"},
      {with(R"("requestMetadata":{"a":1})"), "/requestMetadata/a"},
  };
  for (const auto& [body, field] : cases) {
    const auto read = BedrockCodec().ReadRequest(body, {});
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest) << body;
    EXPECT_THAT(read.error().message, testing::StartsWith(field + ": ")) << body;
  }
}

TEST(BedrockRequest, HoldsLimits) {
  const std::string body =
      R"({"messages":[{"role":"user","content":[{"text":"a"},{"text":"b"}]}]})";
  EXPECT_EQ(BedrockCodec().ReadRequest(body, {.max_body_bytes = 10}).error().code,
            ErrorCode::kTooLarge);
  EXPECT_FALSE(BedrockCodec().ReadRequest(body, {.max_messages = 0}));
  EXPECT_FALSE(BedrockCodec().ReadRequest(body, {.max_parts = 1}));
  EXPECT_TRUE(BedrockCodec().ReadRequest(body, {.max_parts = 2}));
}

TEST(BedrockRequest, MakesTurnsAlternateWithResultsOfToolsInFront) {
  const WrittenRequest written =
      Write(Asked({User("hi"),
                   User("there"),
                   {.role = Role::kAssistant,
                    .parts = {llm::ToolCallPart{.id = "call/1", .name = "f", .arguments = "{}"}}},
                   {.role = Role::kSystem, .parts = {llm::TextPart{.text = "be brief"}}},
                   {.role = Role::kTool, .parts = {llm::ToolResultPart{.id = "call/1"}}},
                   User("go on")}));
  EXPECT_EQ(
      written.body,
      R"({"messages":[{"role":"user","content":[{"text":"hi"},{"text":"there"}]},)"
      R"({"role":"assistant","content":[{"toolUse":{"toolUseId":"call_1","name":"f","input":{}}}]},)"
      R"({"role":"user","content":[{"toolResult":{"toolUseId":"call_1","content":[]}},)"
      R"({"text":"be brief"},{"text":"go on"}]}],)"
      R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]}})");
  EXPECT_THAT(written.warnings, ElementsAre("system text between turns, sent as the user's",
                                            "tools of earlier turns were declared"));
}

TEST(BedrockRequest, BeginsWithAUserAndNeverSendsBlankText) {
  const WrittenRequest written =
      Write(Asked({{.role = Role::kAssistant, .parts = {llm::TextPart{.text = "Hello."}}},
                   User(" \n"),
                   {.role = Role::kAssistant, .parts = {llm::TextPart{.text = "Well?"}}}}));
  EXPECT_THAT(written.body, testing::StartsWith(R"({"messages":[{"role":"user","content":[)"));
  EXPECT_THAT(written.body, Not(HasSubstr(R"("text":" )")));
  EXPECT_THAT(written.warnings, ElementsAre("a user turn was put in front"));
}

TEST(BedrockRequest, NamesDocumentsAsTheApiTakesThem) {
  const auto document = [](std::string title) {
    return llm::DocumentPart{
        .data = "JVBERi0=", .media_type = "application/pdf", .title = std::move(title)};
  };
  const WrittenRequest written = Write(
      Asked({{.role = Role::kUser,
              .parts = {document("Ünote_May.pdf"), document(""), document("note May pdf")}}}));
  EXPECT_THAT(written.body, HasSubstr(R"("name":"note May pdf")"));
  EXPECT_THAT(written.body, HasSubstr(R"("name":"document-1")"));
  EXPECT_THAT(written.body, HasSubstr(R"("name":"note May pdf-2")"));
  EXPECT_THAT(written.body, HasSubstr(R"({"text":"See the document."})"));
  EXPECT_THAT(written.warnings, ElementsAre("a text was put beside a document"));
}

TEST(BedrockRequest, TakesSignaturesOfAnthropicsOwnApiForItsModels) {
  Conversation c =
      Asked({User("hi"),
             {.role = Role::kAssistant,
              .parts = {llm::ThinkingPart{
                            .text = "hm", .signature = "s", .origin = llm::Dialect::kAnthropic},
                        llm::TextPart{.text = "Yes."}}},
             User("why?")});
  EXPECT_THAT(Write(c, kClaude).body,
              HasSubstr(R"({"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}})"));
  const WrittenRequest other = Write(c, kNova);
  EXPECT_THAT(other.body, Not(HasSubstr("reasoningContent")));
  EXPECT_THAT(other.warnings, ElementsAre("thinking of another provider"));
  std::get<llm::ThinkingPart>(c.messages[1].parts[0]).origin = llm::Dialect::kGemini;
  EXPECT_THAT(Write(c, kClaude).warnings, ElementsAre("thinking of another provider"));
}

TEST(BedrockRequest, DropsWhatIsAnotherProvidersAndSaysSo) {
  Conversation c = Asked(
      {{.role = Role::kUser,
        .parts = {llm::TextPart{.text = "look"}, llm::ImagePart{.url = "https://example.com/a.png"},
                  llm::ImagePart{.data = "aGk=", .media_type = "image/tiff"},
                  llm::DocumentPart{.file_id = "file-1"},
                  llm::OpaquePart{
                      .origin = llm::Dialect::kOpenAiChat, .type = "input_audio", .json = "{}"}}}});
  c.tools = {{.name = "web_search", .json = "{}"}};
  c.seed = 1;
  c.frequency_penalty = 0.5;
  c.logprobs = true;
  c.user = "u";
  c.metadata = R"({"note":"umläute"})";
  c.parallel_tool_calls = false;
  c.service_tier = "scale";
  c.extra = {{"store", "true"}};
  const WrittenRequest written = Write(c);
  EXPECT_EQ(written.body, R"({"messages":[{"role":"user","content":[{"text":"look"}]}]})");
  EXPECT_THAT(
      written.warnings,
      ElementsAre("image by URL", "image of type image/tiff", "document of another provider's file",
                  "input_audio", "tool web_search", "parallel_tool_calls", "metadata",
                  "service_tier scale", "frequency_penalty", "seed", "logprobs", "user", "store"));
}

TEST(BedrockRequest, AsksForThinkingOnlyWhereTheModelTakesIt) {
  Conversation c = Asked({User("hi")});
  c.reasoning.effort = "low";
  c.top_k = 5;
  c.temperature = 0.5;
  const WrittenRequest claude = Write(c, kClaude);
  EXPECT_EQ(
      claude.body,
      R"({"messages":[{"role":"user","content":[{"text":"hi"}]}],)"
      R"("inferenceConfig":{"maxTokens":10240},)"
      R"("additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2048}}})");
  EXPECT_THAT(claude.warnings, ElementsAre("temperature beside thinking", "top_k beside thinking"));
  const WrittenRequest nova = Write(c, kNova);
  EXPECT_EQ(nova.body, R"({"messages":[{"role":"user","content":[{"text":"hi"}]}],)"
                       R"("inferenceConfig":{"temperature":0.5}})");
  EXPECT_THAT(nova.warnings, ElementsAre("thinking", "top_k"));
}

TEST(BedrockRequest, KeepsTheBudgetOfThinkingBelowTheLimit) {
  Conversation c = Asked({User("hi")});
  c.reasoning = {.budget_tokens = 5000, .enabled = true};
  c.max_output_tokens = 3000;
  EXPECT_THAT(Write(c).body, HasSubstr(R"("budget_tokens":2999)"));
  EXPECT_THAT(Write(c).warnings, ElementsAre("thinking budget lowered to 2999"));
  c.max_output_tokens = 800;
  EXPECT_THAT(Write(c).body, Not(HasSubstr("thinking")));
  EXPECT_THAT(Write(c).warnings, ElementsAre("thinking: max_tokens leaves no room for it"));
}

TEST(BedrockRequest, LeavesThinkingOutBesideAToolThatMustBeCalled) {
  Conversation c = Asked({User("hi")});
  c.tools = {{.name = "f", .parameters = R"({"type":"object"})"}};
  c.tool_choice = {.kind = llm::ToolChoice::Kind::kTool, .name = "f"};
  c.reasoning.effort = "high";
  const WrittenRequest written = Write(c);
  EXPECT_THAT(written.body, HasSubstr(R"("toolChoice":{"tool":{"name":"f"}})"));
  EXPECT_THAT(written.body, Not(HasSubstr("thinking")));
  EXPECT_THAT(written.warnings, ElementsAre("thinking beside a tool that must be called"));
}

TEST(BedrockRequest, LeavesOutToolsThatMayNotBeCalled) {
  Conversation c = Asked({User("hi")});
  c.tools = {{.name = "f"}};
  c.tool_choice = {.kind = llm::ToolChoice::Kind::kNone};
  EXPECT_THAT(Write(c).body, Not(HasSubstr("toolConfig")));
  EXPECT_THAT(Write(c).warnings, IsEmpty());
  c.messages.push_back({.role = Role::kAssistant,
                        .parts = {llm::ToolCallPart{.id = "a", .name = "f", .arguments = "{"}}});
  c.messages.push_back({.role = Role::kTool, .parts = {llm::ToolResultPart{.id = "a"}}});
  const WrittenRequest written = Write(c);
  EXPECT_THAT(written.body, HasSubstr(R"("toolConfig":{"tools":[{"toolSpec":{"name":"f")"));
  EXPECT_THAT(written.body, Not(HasSubstr("toolChoice")));
  EXPECT_THAT(written.warnings,
              ElementsAre("arguments of a tool call that are no JSON object", "tool_choice none"));
}

TEST(BedrockRequest, ForcesAToolWhereThereIsNoStructuredOutput) {
  Conversation c = Asked({User("hi")});
  c.response_format = {.kind = llm::ResponseFormat::Kind::kJsonSchema,
                       .name = "count",
                       .schema = R"({"type":"object"})"};
  EXPECT_THAT(Write(c).body, HasSubstr(R"("outputConfig":{"textFormat":{"type":"json_schema",)"
                                       R"("structure":{"jsonSchema":{"schema":)"
                                       R"("{\"type\":\"object\"}","name":"count"}}}})"));
  llm::Profile older;
  older.structured_output = false;
  const WrittenRequest written = Write(c, kClaude, older);
  EXPECT_THAT(written.body, Not(HasSubstr("outputConfig")));
  EXPECT_THAT(written.body, HasSubstr(R"("name":"triage_structured_answer")"));
  EXPECT_THAT(written.body,
              HasSubstr(R"("toolChoice":{"tool":{"name":"triage_structured_answer"}})"));
}

TEST(BedrockRequest, HonoursWhatTheEndpointRefuses) {
  Conversation c = Asked(
      {{.role = Role::kSystem, .parts = {llm::TextPart{.text = "s", .cache = CacheHint::kOneHour}}},
       User("hi")});
  c.temperature = 1.5;
  c.top_p = 0.5;
  c.stop = {"END", " "};
  llm::Profile profile;
  profile.refuses = {"cachePoint", "topP"};
  const WrittenRequest written = Write(c, kNova, profile);
  EXPECT_EQ(written.body,
            R"({"system":[{"text":"s"}],"messages":[{"role":"user","content":[{"text":"hi"}]}],)"
            R"("inferenceConfig":{"temperature":1,"stopSequences":["END"]}})");
  EXPECT_THAT(written.warnings, ElementsAre("cachePoint", "temperature lowered to 1", "topP",
                                            "stop sequences of white space"));
}

TEST(BedrockRequest, AsksWhichStopSequenceEndedTheAnswer) {
  Conversation c = Asked({User("hi")});
  c.stop = {"END"};
  EXPECT_THAT(Write(c, kClaude).body,
              HasSubstr(R"("additionalModelResponseFieldPaths":["/stop_sequence"])"));
  EXPECT_THAT(Write(c, kNova).body, Not(HasSubstr("additionalModelResponseFieldPaths")));
}

TEST(BedrockRequest, RefusesSeveralChoices) {
  Conversation c = Asked({User("hi")});
  c.choices = 2;
  EXPECT_EQ(BedrockCodec().WriteRequest(c, kClaude, {}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace triage::wire::bedrock
