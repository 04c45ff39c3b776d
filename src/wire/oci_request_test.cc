#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/oci_test_support.h"

namespace triage::wire::oci {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;
using nlohmann::json;

constexpr std::string_view kCompartment = "ocid1.compartment.oc1..aaaaexample";

llm::Profile Configured() {
  llm::Profile profile;
  profile.oci_compartment = kCompartment;
  return profile;
}

Conversation Read(std::string_view body) {
  Result<Conversation> read = OciCodec().ReadRequest(body, {});
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return read.value_or(Conversation{});
}

WrittenRequest Write(const Conversation& conversation, std::string_view model = "xai.grok-4",
                     const llm::Profile& profile = Configured()) {
  Result<WrittenRequest> written = OciCodec().WriteRequest(conversation, model, profile);
  EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message);
  return written.value_or(WrittenRequest{});
}

json Chat(const WrittenRequest& written) {
  return json::parse(written.body)["chatRequest"];
}

Conversation Says(llm::Part part, llm::Dialect origin = llm::Dialect::kOpenAiChat) {
  Conversation conversation{.origin = origin};
  Message message{.role = Role::kUser, .parts = {}};
  message.parts.push_back(std::move(part));
  conversation.messages.push_back(std::move(message));
  return conversation;
}

std::string With(std::string_view members) {
  return R"({"compartmentId":"c","servingMode":{"servingType":"ON_DEMAND","modelId":"m"},)"
         R"("chatRequest":{"apiFormat":"GENERIC","messages":[{"role":"USER","content":[)"
         R"({"type":"TEXT","text":"x"}]}])" +
         std::string(members) + "}}";
}

TEST(OciRequest, EveryFieldOfTheReferenceIsReadIntoItsPlace) {
  const Conversation c = Read(ReadGolden("request_full.json"));
  EXPECT_EQ(c.origin, llm::Dialect::kOci);
  EXPECT_EQ(c.model, "meta.llama-3.3-70b-instruct");
  EXPECT_TRUE(c.stream);
  EXPECT_TRUE(c.include_usage);
  ASSERT_EQ(c.messages.size(), 7U);
  EXPECT_EQ(c.messages[0].role, Role::kSystem);
  EXPECT_FALSE(c.messages[0].developer);
  EXPECT_TRUE(c.messages[1].developer);
  EXPECT_EQ(c.messages[1].name, "ops");
  ASSERT_EQ(c.messages[2].parts.size(), 5U);
  const auto& png = std::get<llm::ImagePart>(c.messages[2].parts[1]);
  EXPECT_EQ(png.media_type, "image/png");
  EXPECT_EQ(png.data, "iVBORw0KGgo=");
  EXPECT_EQ(png.detail, "auto");
  EXPECT_EQ(std::get<llm::ImagePart>(c.messages[2].parts[2]).url,
            "https://images.example/dock.jpg");
  EXPECT_EQ(std::get<llm::DocumentPart>(c.messages[2].parts[3]).media_type, "application/pdf");
  EXPECT_EQ(std::get<llm::OpaquePart>(c.messages[2].parts[4]).type, "AUDIO");
  ASSERT_EQ(c.messages[3].parts.size(), 3U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(c.messages[3].parts[0]).text, "Two docks, two calls.");
  EXPECT_EQ(std::get<llm::ToolCallPart>(c.messages[3].parts[1]).arguments,
            R"({"dock": 1, "b": [ 2 ]})");
  EXPECT_EQ(c.messages[4].role, Role::kTool);
  ASSERT_EQ(c.messages[4].parts.size(), 2U) << "all results of one turn in one message";
  EXPECT_EQ(std::get<llm::ToolResultPart>(c.messages[4].parts[1]).name, "count");
  ASSERT_EQ(c.tools.size(), 2U);
  EXPECT_EQ(c.tools[1].parameters, "");
  EXPECT_EQ(c.tool_choice->name, "count");
  EXPECT_EQ(c.parallel_tool_calls, true);
  EXPECT_EQ(c.response_format->name, "parcels");
  EXPECT_EQ(c.response_format->strict, true);
  EXPECT_EQ(c.reasoning.effort, "low");
  EXPECT_EQ(c.verbosity, "high");
  EXPECT_EQ(c.service_tier, "priority");
  EXPECT_EQ(c.metadata, R"({"shift": "early"})");
  EXPECT_EQ(c.max_output_tokens, 600);
  EXPECT_EQ(c.temperature, 0.25);
  EXPECT_EQ(c.top_p, 0.75);
  EXPECT_EQ(c.top_k, 40);
  EXPECT_EQ(c.frequency_penalty, 0.5);
  EXPECT_EQ(c.presence_penalty, -0.5);
  EXPECT_EQ(c.seed, 11);
  EXPECT_EQ(c.choices, 1);
  EXPECT_EQ(c.logprobs, true);
  EXPECT_EQ(c.top_logprobs, 3);
  EXPECT_EQ(c.stop, (std::vector<std::string>{"END", "\n\n"}));
  ASSERT_EQ(c.extra.size(), 1U);
  EXPECT_EQ(c.extra[0].name, "logitBias");
  EXPECT_EQ(c.extra[0].json, R"({"6395": 2, "8134": 0.5})");
}

TEST(OciRequest, WhatIsReadIsWrittenAgainWithAllItSays) {
  for (const std::string name : {"request_full.json", "request_dedicated.json"}) {
    const std::string body = ReadGolden(name);
    const Conversation read = Read(body);
    const WrittenRequest written = Write(read, read.model);
    EXPECT_EQ(json::parse(written.body), json::parse(body)) << name;
    EXPECT_EQ(written.warnings, std::vector<std::string>{}) << name;
    EXPECT_EQ(Write(read, read.model).body, written.body) << "deterministic";
  }
}

TEST(OciRequest, SchemasAndArgumentsKeepTheirBytes) {
  const std::string body = Write(Read(ReadGolden("request_full.json"))).body;
  EXPECT_NE(body.find(R"({"type": "object", "properties": {"dock": {"type": "integer"}, "b")"),
            std::string::npos);
  EXPECT_NE(body.find(R"("arguments":"{\"dock\": 1, \"b\": [ 2 ]}")"), std::string::npos);
}

TEST(OciRequest, AnEndpointIsAskedInDedicatedMode) {
  const Conversation c = Says(llm::TextPart{.text = "x"});
  const json on_demand = json::parse(Write(c, "meta.llama-4").body)["servingMode"];
  EXPECT_EQ(on_demand, (json{{"servingType", "ON_DEMAND"}, {"modelId", "meta.llama-4"}}));
  const std::string endpoint = "ocid1.generativeaiendpoint.oc1.x.y";
  const json dedicated = json::parse(Write(c, endpoint).body)["servingMode"];
  EXPECT_EQ(dedicated, (json{{"servingType", "DEDICATED"}, {"endpointId", endpoint}}));
}

TEST(OciRequest, RefusesWhatMustNotBeDroppedInSilence) {
  const auto refusal = [](const Conversation& c, std::string_view model,
                          const llm::Profile& profile) {
    Result<WrittenRequest> written = OciCodec().WriteRequest(c, model, profile);
    EXPECT_FALSE(written.has_value());
    if (written) return std::string();
    EXPECT_EQ(written.error().code, ErrorCode::kUnsupported);
    return written.error().message;
  };
  Conversation c = Says(llm::TextPart{.text = "x"});
  EXPECT_NE(refusal(c, "cohere.command-a-03-2025", Configured()).find("Cohere"), std::string::npos);
  EXPECT_NE(refusal(c, "m", llm::Profile{}).find("compartment"), std::string::npos);
  c.choices = 2;
  EXPECT_NE(refusal(c, "m", Configured()).find("n:"), std::string::npos);
}

TEST(OciRequest, NamesWhatItCannotSay) {
  Conversation c;
  c.origin = llm::Dialect::kAnthropic;
  c.user = "u";
  c.reasoning = {.budget_tokens = 4000, .enabled = true, .summary = "auto"};
  c.temperature = 1.9;
  c.verbosity = "endless";
  c.extra = {{"logit_bias", "{}"}};
  c.tools = {{.name = "search", .json = "{}", .origin = llm::Dialect::kAnthropic},
             {.name = "f", .strict = true, .cache = llm::CacheHint::kOneHour}};
  Message user{.role = Role::kUser, .parts = {}};
  user.parts = {
      llm::TextPart{.text = "a", .cache = llm::CacheHint::kFiveMinutes},
      llm::ImagePart{.file_id = "file-1"}, llm::ImagePart{.url = "https://a", .detail = "original"},
      llm::DocumentPart{.text = "plain", .title = "t", .context = "c", .citations = true},
      llm::OpaquePart{.origin = llm::Dialect::kAnthropic, .type = "container", .json = "{}"}};
  Message assistant{.role = Role::kAssistant, .parts = {}};
  assistant.parts = {llm::ThinkingPart{.text = "hm", .signature = "s"},
                     llm::ToolCallPart{.id = "1", .name = "f", .arguments = "{}"}};
  Message tool{.role = Role::kTool, .parts = {}};
  tool.parts = {llm::ToolResultPart{.id = "1", .is_error = true}};
  c.messages = {user, assistant, tool};
  llm::Profile profile = Configured();
  profile.max_temperature = 1;
  const WrittenRequest written = Write(c, "m", profile);
  EXPECT_EQ(
      written.warnings,
      (std::vector<std::string>{
          "cache_control", "image of another provider's file", "detail of an image",
          "document sent as text", "title of a document", "context of a document", "citations",
          "container", "thinking of another provider", "is_error of a tool's result", "tool search",
          "strict of a tool", "thinking budget sent as effort medium", "summary of reasoning",
          "temperature lowered to 1", "verbosity endless", "user", "logit_bias"}))
      << json(written.warnings).dump();
  const json chat = Chat(written);
  EXPECT_EQ(chat["temperature"], 1);
  EXPECT_EQ(chat["reasoningEffort"], "MEDIUM");
  EXPECT_EQ(chat["tools"].size(), 1U);
  EXPECT_EQ(chat["messages"][0]["content"].size(), 3U);
  EXPECT_EQ(chat["messages"][0]["content"][2]["text"], "plain");
  EXPECT_FALSE(chat["messages"][1].contains("reasoningContent"));
  EXPECT_TRUE(chat["messages"][1]["content"].is_null()) << "beside tool calls, not an empty list";
  EXPECT_FALSE(chat.contains("verbosity"));
}

TEST(OciRequest, AMessageOfWhichNothingIsLeftIsLeftOut) {
  Conversation c = Says(llm::TextPart{.text = "a"});
  Message thought{.role = Role::kAssistant, .parts = {}};
  thought.parts = {llm::ThinkingPart{.text = "x", .origin = llm::Dialect::kAnthropic}};
  c.messages.push_back(thought);
  const WrittenRequest written = Write(c);
  EXPECT_EQ(Chat(written)["messages"].size(), 1U);
  EXPECT_EQ(written.warnings, (std::vector<std::string>{"thinking of another provider"}));
}

TEST(OciRequest, ToolChoiceGoesWithItsTools) {
  Conversation c = Says(llm::TextPart{.text = "a"});
  c.tools = {{.name = "web", .json = "{}", .origin = llm::Dialect::kOpenAiResponses}};
  c.tool_choice = {.kind = llm::ToolChoice::Kind::kRequired};
  c.parallel_tool_calls = false;
  const json chat = Chat(Write(c));
  EXPECT_FALSE(chat.contains("tools") || chat.contains("toolChoice"));
  EXPECT_FALSE(chat.contains("isParallelToolCalls"));
}

TEST(OciRequest, TheProfileSaysWhatTheEndpointTakes) {
  Conversation c = Says(llm::TextPart{.text = "a"});
  c.messages[0].role = Role::kSystem;
  c.messages[0].developer = true;
  c.max_output_tokens = 5;
  c.seed = 1;
  c.top_k = 2;
  c.stream = true;
  llm::Profile profile = Configured();
  profile.developer_role = false;
  profile.max_tokens_field = "maxCompletionTokens";
  profile.refuses = {"seed"};
  profile.stream_usage = false;
  WrittenRequest written = Write(c, "m", profile);
  json chat = Chat(written);
  EXPECT_EQ(chat["messages"][0]["role"], "SYSTEM");
  EXPECT_EQ(chat["maxCompletionTokens"], 5);
  EXPECT_FALSE(chat.contains("maxTokens") || chat.contains("seed") ||
               chat.contains("streamOptions"));
  EXPECT_EQ(written.warnings, (std::vector<std::string>{"seed"}));
  profile = Configured();
  profile.accepts = {"maxTokens"};
  written = Write(c, "m", profile);
  EXPECT_EQ(written.warnings, (std::vector<std::string>{"topK", "seed"}));
}

TEST(OciRequest, WordsForEffortAreThoseOfTheReference) {
  Conversation c = Says(llm::TextPart{.text = "a"});
  c.reasoning.effort = "xhigh";
  EXPECT_EQ(Chat(Write(c))["reasoningEffort"], "HIGH");
  EXPECT_EQ(Write(c).warnings, (std::vector<std::string>{"effort xhigh lowered to high"}));
  c.reasoning = {.enabled = false};
  EXPECT_FALSE(Chat(Write(c)).contains("reasoningEffort"));
  EXPECT_EQ(Write(c).warnings, (std::vector<std::string>{"thinking disabled"}));
}

struct Bad {
  std::string body;
  std::string_view pointer;
  std::string_view message;
};

TEST(OciRequest, BadRequestsAreToldWhereAndWhatToDo) {
  const std::string deep = With(R"(,"metadata":)" + std::string(70, '[') + std::string(70, ']'));
  const std::string dedicated =
      R"({"compartmentId":"c","servingMode":{"servingType":"DEDICATED"},"chatRequest":{}})";
  const std::vector<Bad> cases = {
      {"[]", "", "must be a JSON object"},
      {"{}", "/compartmentId", "is required"},
      {R"({"compartmentId":"c"})", "/servingMode", "name a model"},
      {R"({"compartmentId":"c","servingMode":{"servingType":"LATER"},"chatRequest":{}})",
       "/servingMode/servingType", "ON_DEMAND or DEDICATED"},
      {dedicated, "/servingMode/endpointId", "OCID of an endpoint"},
      {R"({"compartmentId":"c","model":"x"})", "/model", "is not known"},
      {R"({"compartmentId":"c","servingMode":{"servingType":"ON_DEMAND","modelId":"m"},)"
       R"("chatRequest":{"apiFormat":"GENERIC","messages":[]}})",
       "/chatRequest/messages", "at least one message"},
      {With(R"(,"temperature":"warm")"), "/chatRequest/temperature", "number from 0 to 2"},
      {With(R"(,"maxTokens":0)"), "/chatRequest/maxTokens", "from 1"},
      {With(R"(,"isStream":1)"), "/chatRequest/isStream", "true or false"},
      {With(R"(,"stop":"END")"), "/chatRequest/stop", "list of strings"},
      {With(R"(,"stop":[1])"), "/chatRequest/stop/0", "must be a string"},
      {With(R"(,"tools":[{"type":"FUNCTION"}])"), "/chatRequest/tools/0/name", "is required"},
      {With(R"(,"tools":[{"type":"FUNCTION","name":"f","parameters":"{}"}])"),
       "/chatRequest/tools/0/parameters", "JSON Schema object"},
      {With(R"(,"toolChoice":{"type":"ANY"})"), "/chatRequest/toolChoice/type",
       "AUTO, NONE, REQUIRED or FUNCTION"},
      {With(R"(,"toolChoice":{"type":"FUNCTION"})"), "/chatRequest/toolChoice/name", ""},
      {With(R"(,"responseFormat":{"type":"XML"})"), "/chatRequest/responseFormat/type", ""},
      {With(R"(,"responseFormat":{"type":"JSON_SCHEMA"})"),
       "/chatRequest/responseFormat/jsonSchema", "a name and a schema"},
      {With(R"(,"seed":1,"seed":2)"), "/chatRequest/seed", "given twice"},
      {deep, "", ""},
      {"{\"compartmentId\":\"\xff\"}", "", ""},
      {"", "", ""},
      {"{", "", ""}};
  for (const auto& [body, pointer, message] : cases) {
    Result<Conversation> read = OciCodec().ReadRequest(body, {});
    ASSERT_FALSE(read.has_value()) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest) << body;
    EXPECT_EQ(read.error().field, pointer) << body << " " << read.error().message;
    EXPECT_NE(read.error().message.find(message), std::string::npos) << read.error().message;
  }
}

TEST(OciRequest, BadMessagesAreToldWhereAndWhatToDo) {
  const auto error = [](std::string_view message) {
    Result<Conversation> read = OciCodec().ReadRequest(
        R"({"compartmentId":"c","servingMode":{"servingType":"ON_DEMAND","modelId":"m"},)"
        R"("chatRequest":{"apiFormat":"GENERIC","messages":[)" +
            std::string(message) + "]}}",
        {});
    return read ? std::string("none") : read.error().message;
  };
  EXPECT_EQ(error(R"({"role":"CHATBOT","content":[]})"),
            "/chatRequest/messages/0/role: must be SYSTEM, DEVELOPER, USER, ASSISTANT or TOOL.");
  EXPECT_EQ(error(R"({"role":"USER","content":"hello"})"),
            "/chatRequest/messages/0/content: must be a list of content objects.");
  EXPECT_EQ(error(R"({"role":"USER","content":[]})"),
            "/chatRequest/messages/0/content: must not be empty.");
  EXPECT_EQ(error(R"({"role":"USER","content":[{"type":"TEXT"}]})"),
            "/chatRequest/messages/0/content/0: must be a content object with a type and what "
            "belongs to it.");
  EXPECT_EQ(error(R"({"role":"TOOL","content":[]})"),
            "/chatRequest/messages/0/toolCallId: is required.");
  EXPECT_EQ(error(R"({"role":"ASSISTANT","content":[],"toolCalls":[{"id":"1"}]})"),
            "/chatRequest/messages/0/toolCalls/0: must be a tool call with id, name and "
            "arguments.");
  EXPECT_EQ(error(R"({"role":"ASSISTANT","content":"hm"})"),
            "/chatRequest/messages/0/content: must be a list of content objects or null.");
}

TEST(OciRequest, CoheresFormatIsRefusedByName) {
  Result<Conversation> read = OciCodec().ReadRequest(
      R"({"compartmentId":"c","servingMode":{"servingType":"ON_DEMAND","modelId":"cohere.x"},)"
      R"("chatRequest":{"apiFormat":"COHERE","message":"hi"}})",
      {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(read.error().field, "/chatRequest/apiFormat");
}

TEST(OciRequest, LimitsAreKept) {
  ReadLimits limits;
  limits.max_body_bytes = 10;
  EXPECT_EQ(OciCodec().ReadRequest(With(""), limits).error().code, ErrorCode::kTooLarge);
  limits = {};
  limits.max_messages = 6;
  EXPECT_FALSE(OciCodec().ReadRequest(ReadGolden("request_full.json"), limits).has_value());
  limits = {};
  limits.max_parts = 8;
  EXPECT_FALSE(OciCodec().ReadRequest(ReadGolden("request_full.json"), limits).has_value());
  limits = {};
  limits.max_fields = 5;
  EXPECT_FALSE(OciCodec().ReadRequest(ReadGolden("request_full.json"), limits).has_value());
  limits = {};
  limits.max_output_tokens = 100;
  EXPECT_FALSE(OciCodec().ReadRequest(ReadGolden("request_full.json"), limits).has_value());
}

TEST(OciRequest, NullsAndUnknownFieldsAreNoErrors) {
  const Conversation c = Read(With(R"(,"temperature":null,"tools":null,"isEcho":true,"x y":[1])"));
  EXPECT_FALSE(c.temperature);
  ASSERT_EQ(c.extra.size(), 2U);
  const json chat = Chat(Write(c));
  EXPECT_EQ(chat["isEcho"], true);
  EXPECT_EQ(chat["x y"], json::array({1}));
}

TEST(OciRequest, TheNewerLimitCountsWhereBothAreGiven) {
  EXPECT_EQ(Read(With(R"(,"maxTokens":5,"maxCompletionTokens":7)")).max_output_tokens, 7);
  EXPECT_EQ(Read(With(R"(,"maxCompletionTokens":7,"maxTokens":5)")).max_output_tokens, 7);
}

llm::Part Shown(Invention& some) {
  switch (some.Below(5)) {
    case 0:
      return llm::ImagePart{.data = "QUJD",
                            .media_type = "image/png",
                            .detail = some.Sometimes() ? "low" : "",
                            .origin = llm::Dialect::kOci};
    case 1:
      return llm::ImagePart{.url = "https://a.example/" + some.Word(),
                            .origin = llm::Dialect::kOci};
    case 2:
      return llm::DocumentPart{
          .data = "QUJD", .media_type = "application/pdf", .origin = llm::Dialect::kOci};
    case 3: return some.Opaque();
    default: return llm::TextPart{.text = some.Text()};
  }
}

// A conversation that the dialect can express, in canonical form.
Conversation Invented(Invention& some) {
  Conversation c;
  c.origin = llm::Dialect::kOci;
  c.model = "m." + some.Word();
  c.stream = some.Sometimes();
  c.include_usage = c.stream;
  for (std::size_t i = 0, n = 1 + some.Below(4); i < n; ++i) {
    Message message{.role = some.Sometimes() ? Role::kUser : Role::kSystem, .parts = {}};
    message.developer = message.role == Role::kSystem && some.Sometimes();
    if (some.Sometimes()) message.name = some.Word();
    for (std::size_t p = 0, m = 1 + some.Below(3); p < m; ++p) message.parts.push_back(Shown(some));
    c.messages.push_back(std::move(message));
    Message said{.role = Role::kAssistant, .parts = some.Said()};
    Message results{.role = Role::kTool, .parts = {}};
    for (const llm::Part& part : said.parts) {
      const auto* call = std::get_if<llm::ToolCallPart>(&part);
      if (call == nullptr) continue;
      llm::ToolResultPart result{.id = call->id, .name = call->name};
      result.content.emplace_back(llm::TextPart{.text = some.Text()});
      results.parts.emplace_back(std::move(result));
    }
    c.messages.push_back(std::move(said));
    if (!results.parts.empty()) c.messages.push_back(std::move(results));
  }
  for (std::size_t i = some.Below(3); i > 0; --i) {
    c.tools.push_back({.name = some.Word(),
                       .description = some.Sometimes() ? some.Text() : "",
                       .parameters = some.Sometimes() ? some.Json() : "",
                       .origin = llm::Dialect::kOci});
  }
  if (some.Sometimes()) c.tool_choice = {.kind = llm::ToolChoice::Kind::kTool, .name = some.Word()};
  if (some.Sometimes()) c.parallel_tool_calls = some.Sometimes();
  if (some.Sometimes()) {
    c.response_format = {
        .kind = llm::ResponseFormat::Kind::kJsonSchema, .name = some.Word(), .schema = some.Json()};
    if (some.Sometimes()) c.response_format->strict = some.Sometimes();
  }
  if (some.Sometimes()) c.reasoning.effort = some.Sometimes() ? "none" : "high";
  if (some.Sometimes()) c.max_output_tokens = 1 + static_cast<std::int64_t>(some.Below(9999));
  if (some.Sometimes()) c.temperature = static_cast<double>(some.Below(2000)) / 1000;
  if (some.Sometimes()) c.top_p = static_cast<double>(some.Below(1000)) / 1000;
  if (some.Sometimes()) c.top_k = static_cast<std::int64_t>(some.Below(100)) - 1;
  if (some.Sometimes()) c.frequency_penalty = static_cast<double>(some.Below(4000)) / 1000 - 2;
  if (some.Sometimes()) c.presence_penalty = static_cast<double>(some.Below(4000)) / 1000 - 2;
  if (some.Sometimes()) c.seed = static_cast<std::int64_t>(some.Below(1'000'000)) - 500'000;
  if (some.Sometimes()) c.choices = 1;
  if (some.Sometimes()) {
    c.logprobs = true;
    c.top_logprobs = 1 + static_cast<std::int64_t>(some.Below(5));
  }
  for (std::size_t i = some.Below(3); i > 0; --i) c.stop.push_back(some.Text());
  if (some.Sometimes()) c.service_tier = "auto";
  if (some.Sometimes()) c.verbosity = "medium";
  if (some.Sometimes()) c.metadata = some.Json();
  for (std::size_t i = some.Below(3); i > 0; --i) {
    c.extra.push_back({.name = "x" + std::to_string(i) + some.Word(), .json = some.Json()});
  }
  return c;
}

TEST(OciRequest, WhatTheDialectCanExpressComesBackAsItWas) {
  Invention some(2026);
  for (int round = 0; round < 500; ++round) {
    const Conversation c = Invented(some);
    const WrittenRequest written = Write(c, c.model);
    ASSERT_TRUE(written.warnings.empty()) << written.warnings.front();
    const Conversation again = Read(written.body);
    ASSERT_EQ(again, c) << written.body;
  }
}

}  // namespace
}  // namespace triage::wire::oci
