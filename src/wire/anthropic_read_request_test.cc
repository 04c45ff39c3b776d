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

std::string WithBlock(std::string_view block) {
  return Body(R"({"role":"user","content":[)" + std::string(block) + "]}");
}

WrittenRequest Written(const Conversation& conversation, const llm::Profile& profile = {}) {
  Result<WrittenRequest> written = WriteRequest(conversation, "m", profile);
  EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message);
  return written.value_or(WrittenRequest{});
}

TEST(AnthropicRequestReader, ReadsTheReferencesRequestInTheCanonicalForm) {
  const Conversation read = Read(ReadGolden("request_full.json"));
  ASSERT_EQ(read.messages.size(), 6U);
  EXPECT_EQ(read.messages[0].role, Role::kSystem);
  EXPECT_EQ(std::get<llm::TextPart>(read.messages[0].parts[1]).cache, CacheHint::kOneHour);

  const auto& asked = read.messages[1].parts;
  ASSERT_EQ(asked.size(), 10U);
  const auto& manifest = std::get<llm::DocumentPart>(asked[0]);
  EXPECT_EQ(manifest.data, "JVBERi0=");
  EXPECT_EQ(manifest.title, "Manifest");
  EXPECT_EQ(manifest.context, "of the Dagmar");
  EXPECT_TRUE(manifest.citations);
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[1]).text, "Crane 2 is closed.");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[1]).cache, CacheHint::kFiveMinutes);
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[2]).url, "https://harbour.example/plan.pdf");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[3]).file_id, "file_011plan");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[4]).text, "Pier A\n\nPier B");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[5]).media_type, "image/png");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[6]).url, "https://harbour.example/crane.jpg");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[7]).file_id, "file_012crane");
  EXPECT_EQ(std::get<llm::OpaquePart>(asked[8]).type, "search_result");

  const auto& said = read.messages[2].parts;
  ASSERT_EQ(said.size(), 7U);
  EXPECT_EQ(std::get<llm::ThinkingPart>(said[0]).signature, "EqoBCkgIARAB+/===");
  EXPECT_EQ(std::get<llm::ThinkingPart>(said[1]).signature, "EmwKAhgBEgy3va3pzix/LafPsn4a==");
  EXPECT_EQ(std::get<llm::TextPart>(said[2]).citations.at(0).document, 1);
  EXPECT_EQ(std::get<llm::OpaquePart>(said[3]).type, "server_tool_use");
  EXPECT_EQ(std::get<llm::ToolCallPart>(said[5]).arguments, R"({"name": "Dagmar",  "at": 1.50})");

  EXPECT_EQ(read.messages[3].role, Role::kTool);
  const auto& ship = std::get<llm::ToolResultPart>(read.messages[3].parts[0]);
  EXPECT_EQ(ship.name, "ship");
  ASSERT_EQ(ship.content.size(), 4U);
  EXPECT_EQ(std::get<llm::TextPart>(ship.content[3]).text,
            "Ships (https://ships.example)\n\nDagmar, 41 m");
  EXPECT_TRUE(std::get<llm::ToolResultPart>(read.messages[3].parts[1]).is_error);

  EXPECT_EQ(read.tools[0].strict, true);
  EXPECT_EQ(read.tools[1].cache, CacheHint::kOneHour);
  EXPECT_FALSE(read.tools[2].is_function());
  EXPECT_EQ(read.parallel_tool_calls, false);
  EXPECT_EQ(
      read.reasoning,
      (llm::Reasoning{
          .effort = "medium", .budget_tokens = 2048, .enabled = true, .summary = "summarized"}));
  EXPECT_EQ(read.response_format->kind, llm::ResponseFormat::Kind::kJsonSchema);
  EXPECT_EQ(read.user, "u-77");
  EXPECT_EQ(read.metadata, "") << "there is nothing else in it";
  EXPECT_EQ(read.extra,
            (std::vector<llm::ExtraField>{{"tools.input_examples", R"([{"name": "Dagmar"}])"},
                                          {"container", R"("container_01")"}}));
}

TEST(AnthropicRequestReader, RefusesWhatIsWrongWithPointerAndRemedy) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"max_tokens":1,"messages":[{"role":"user","content":"x"}]})",
       "/model: is missing; send \"auto\" or a model's name."},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}]})",
       "/max_tokens: is missing; say how long the answer may be."},
      {R"({"model":"m","max_tokens":null,"messages":[{"role":"user","content":"x"}]})",
       "/max_tokens: is missing; say how long the answer may be."},
      {R"({"model":"m","max_tokens":1})",
       "/messages: is missing or empty; send at least one message."},
      {Body(""), "/messages: is missing or empty; send at least one message."},
      {Body(R"({"role":"robot","content":"x"})"), "/messages/0/role: must be user or assistant."},
      {Body(R"({"role":"user","content":5})"),
       "/messages/0/content: must be a string or an array of content blocks."},
      {Body(R"(7)"), "/messages/0: must be an object with role and content."},
      {WithBlock(R"({"type":"text"})"), "/messages/0/content/0/text: must be a string."},
      {WithBlock(R"({"text":"x"})"),
       "/messages/0/content/0/type: must be a string such as \"text\"."},
      {WithBlock(R"({"type":"image","source":{"type":"x"}})"),
       "/messages/0/content/0/source: must be of type base64, url or file."},
      {WithBlock(R"({"type":"image","source":{"type":"base64","data":"x"}})"),
       "/messages/0/content/0/source: must have media_type and data."},
      {WithBlock(R"({"type":"document","source":{"type":"text"}})"),
       "/messages/0/content/0/source: is empty."},
      {WithBlock(R"({"type":"tool_result"})"),
       "/messages/0/content/0/tool_use_id: must be a string."},
      {WithBlock(R"({"type":"tool_result","tool_use_id":"a","is_error":"no"})"),
       "/messages/0/content/0/is_error: must be true or false."},
      {WithBlock(R"({"type":"tool_use","id":"a","name":"f","input":{}})"),
       "/messages/0/content/0: calls of tools belong to assistant messages."},
      {Body(R"({"role":"assistant","content":[{"type":"tool_result","tool_use_id":"a"}]})"),
       "/messages/0/content/0: results of tools belong to user messages."},
      {Body(R"({"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f"}]})"),
       "/messages/0/content/0/input: must be an object."},
      {Body(R"({"role":"assistant","content":[{"type":"thinking","thinking":5}]})"),
       "/messages/0/content/0/thinking: must be a string."},
      {WithBlock(R"({"type":"text","text":"x","cache_control":{"type":"eternal"}})"),
       "/messages/0/content/0/cache_control: must be an object of type ephemeral."},
      {WithBlock(R"({"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1d"}})"),
       "/messages/0/content/0/cache_control/ttl: must be 5m or 1h."},
      {With(R"("max_tokens":0)"), ""},
      {With(R"("temperature":1.5)"), "/temperature: must be a number from 0 to 1."},
      {With(R"("top_p":"1")"), "/top_p: must be a number from 0 to 1."},
      {With(R"("top_k":1.5)"), "/top_k: must be a whole number from 0 to 1000000."},
      {With(R"("stream":"yes")"), "/stream: must be true or false."},
      {With(R"("system":5)"), "/system: must be a string or an array of text blocks."},
      {With(R"("system":[{"type":"image"}])"), "/system/0: must be a text block."},
      {With(R"("stop_sequences":"END")"), "/stop_sequences: must be an array of strings."},
      {With(R"("tools":[{"name":"f"}])"), "/tools/0/input_schema: must be a JSON Schema object."},
      {With(R"("tools":[{"name":"f","input_schema":{"type":"string"}}])"),
       "/tools/0/input_schema/type: must be \"object\"."},
      {With(R"("tools":[{"input_schema":{}}])"), "/tools/0/name: is missing; name the tool."},
      {With(R"("tool_choice":{"type":"some"})"),
       "/tool_choice/type: must be auto, any, tool or none."},
      {With(R"("tool_choice":{"type":"tool"})"), "/tool_choice/name: is missing; name the tool."},
      {With(R"("thinking":{"type":"enabled","budget_tokens":1000})"),
       "/thinking/budget_tokens: must be a whole number of at least 1024."},
      {With(R"("thinking":{"type":"enabled"})"),
       "/thinking/budget_tokens: must be a whole number of at least 1024."},
      {With(R"("thinking":{"type":"maybe"})"),
       "/thinking/type: must be enabled, disabled or adaptive."},
      {With(R"("output_config":{"format":{"type":"xml"}})"),
       "/output_config/format/type: must be json_schema."},
      {With(R"("metadata":{"user_id":5})"), "/metadata/user_id: must be a string."},
      {"[]", "the body: must be a JSON object."},
  };
  for (const auto& [body, message] : cases) {
    if (message.empty()) {
      EXPECT_FALSE(ReadRequest(body, {}, true)) << body;  // a key given twice
      continue;
    }
    const Result<Conversation> read = ReadRequest(body, {}, true);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(read.error().message, message);
  }
  EXPECT_FALSE(ReadRequest("{\"model\":\"\xFF\"}", {}, true));
  EXPECT_FALSE(ReadRequest(std::string(100, '['), {}, true));
}

TEST(AnthropicRequestReader, KeepsToItsLimits) {
  const std::string body = Body(
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}]},{"role":"user","content":"x"})");
  EXPECT_EQ(ReadRequest(body, {.max_body_bytes = 20}, true).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ReadRequest(body, {.max_messages = 1}, true).error().field, "/messages");
  EXPECT_EQ(ReadRequest(body, {.max_parts = 2}, true).error().field,
            "/messages/0/content/0/content");
  EXPECT_FALSE(ReadRequest(body, {.max_fields = 2}, true));
  EXPECT_EQ(ReadRequest(body, {.max_output_tokens = 8}, true).error().field, "/max_tokens");
  EXPECT_TRUE(ReadRequest(body, {}, true));
}

TEST(AnthropicRequestReader, CountsTokensWithoutALimit) {
  const std::string_view body = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  EXPECT_TRUE(ReadRequest(body, {}, false));
  EXPECT_FALSE(ReadRequest(body, {}, true));
}

TEST(AnthropicRequestReader, GathersAllResultsBehindTheirCalls) {
  const Conversation read = Read(Body(
      R"({"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"g","input":{}}]},)"
      R"({"role":"user","content":[{"type":"text","text":"here"},{"type":"tool_result","tool_use_id":"a"}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"2"}]})"));
  ASSERT_EQ(read.messages.size(), 3U);
  EXPECT_EQ(read.messages[1].role, Role::kTool);
  ASSERT_EQ(read.messages[1].parts.size(), 2U);
  EXPECT_EQ(std::get<llm::ToolResultPart>(read.messages[1].parts[1]).name, "g");
  EXPECT_EQ(read.messages[2].role, Role::kUser);
}

TEST(AnthropicRequestReader, TakesNullForAbsent) {
  const Conversation read = Read(With(
      R"("system":null,"tools":null,"temperature":null,"stream":null,"thinking":null,"x":null)"));
  EXPECT_EQ(read.messages.size(), 1U);
  EXPECT_EQ(read.temperature, std::nullopt);
  EXPECT_THAT(read.extra, IsEmpty());
}

TEST(AnthropicRequestReader, KeepsBlocksThatItDoesNotKnow) {
  const Conversation read = Read(WithBlock(R"({"type":"hologram","depth": 3})"));
  const auto& part = std::get<llm::OpaquePart>(read.messages.at(0).parts.at(0));
  EXPECT_EQ(part.type, "hologram");
  EXPECT_EQ(part.json, R"({"type":"hologram","depth": 3})");
  EXPECT_THAT(Written(read).body, HasSubstr(part.json));
}

}  // namespace
}  // namespace triage::wire::anthropic
