#include "wire/client_request.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::wire {
namespace {

using llm::Dialect;
using llm::Role;
using testing::HasSubstr;

/// An Anthropic request with `rest` in it.
std::string Message(std::string_view rest, std::string_view content = R"("x")") {
  return R"({"model":"auto","max_tokens":9,"messages":[{"role":"user","content":)" +
         std::string(content) + "}]" + std::string(rest) + "}";
}

void Read(Dialect dialect, std::string body, llm::Request& request) {
  const Result<void> read = ReadClientRequest(dialect, std::move(body), {}, request);
  ASSERT_TRUE(read) << read.error().message;
}

Error ErrorOf(std::string body, const ReadLimits& limits = {}) {
  llm::Request request;
  const Result<void> read =
      ReadClientRequest(Dialect::kAnthropic, std::move(body), limits, request);
  return read ? Error{.code = ErrorCode::kInternal, .message = "accepted"} : read.error();
}

TEST(ClientRequest, MeasuresWhatIsNoText) {
  const std::string image =
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}})";
  const std::string call =
      R"("tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}])";
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  llm::Request chat;
  Read(Dialect::kOpenAiChat,
       R"({"messages":[{"role":"user","content":[{"type":"text","text":"t"},)" + image + "," +
           image + R"(,{"type":"file","file":{"file_data":"data:application/pdf;base64,)" +
           std::string(4'000, 'A') + R"("}},{"type":"file","file":{"file_id":"f"}}]},)" +
           R"({"role":"assistant",)" + call +
           R"(,"content":null},{"role":"tool","content":"r"}],)" + tools + R"(,"model":"auto"})",
       chat);
  EXPECT_EQ(chat.extras.images, 2);
  EXPECT_EQ(chat.extras.documents, 2);
  EXPECT_NEAR(static_cast<double>(chat.extras.document_bytes), 4'000, 120);
  EXPECT_NEAR(static_cast<double>(chat.extras.json_bytes),
              static_cast<double>(call.size() + tools.size()), 6);

  llm::Request message;
  Read(
      Dialect::kAnthropic,
      R"({"model":"auto","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://a/b.png"}},)"
      R"({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":")" +
          std::string(4'000, 'A') +
          R"("}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}}]},)"
          R"({"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"a":1}}]},)"
          R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"image","source":{"type":"url","url":"https://a/c.png"}}]}]}],)"
          R"("tools":[{"name":"f","description":"what it does","input_schema":{"type":"object"}}]})",
      message);
  EXPECT_EQ(message.extras.images, 2);
  EXPECT_EQ(message.extras.documents, 1);
  EXPECT_EQ(message.extras.document_bytes, 4'000);
  EXPECT_EQ(message.extras.json_bytes, 8 + 30);
}

TEST(ClientRequest, TellsTheSameOfAConversationInEitherDialect) {
  llm::Request chat;
  Read(
      Dialect::kOpenAiChat,
      R"({"model":"auto","messages":[{"role":"system","content":"s"},{"role":"user","content":"a\u00e9"},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"r"}],"stream":true,"max_tokens":9,)"
      R"("tools":[{"type":"function","function":{"name":"f"}}]})",
      chat);
  llm::Request message;
  Read(
      Dialect::kAnthropic,
      R"({"model":"auto","system":"s","messages":[{"role":"user","content":"a\u00e9"},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r"}]}],"stream":true,"max_tokens":9,)"
      R"("tools":[{"name":"f","input_schema":{}}]})",
      message);
  EXPECT_EQ(chat.dialect, Dialect::kOpenAiChat);
  EXPECT_EQ(message.dialect, Dialect::kAnthropic);
  EXPECT_EQ(message.model, "auto");
  EXPECT_EQ(message.text, chat.text);
  ASSERT_EQ(message.turns.size(), chat.turns.size());
  for (std::size_t i = 0; i < chat.turns.size(); ++i) {
    EXPECT_EQ(message.turns[i].role, chat.turns[i].role) << i;
    EXPECT_EQ(message.turns[i].text, chat.turns[i].text) << i;
  }
  EXPECT_TRUE(message.stream && chat.stream);
  EXPECT_EQ(message.max_output_tokens, chat.max_output_tokens);
  EXPECT_TRUE(message.needs.tools && chat.needs.tools);
}

TEST(ClientRequest, FindsTheModelInTheClientsBytes) {
  llm::Request request;
  const std::string body = R"({"max_tokens":9, "messages":[{"role":"user","content":"\"model\""}],)"
                           R"("metadata":{"model":"no"}, "model" : "auto"})";
  Read(Dialect::kAnthropic, body, request);
  EXPECT_EQ(request.body, body);
  EXPECT_EQ(request.body.substr(request.model_value.begin,
                                request.model_value.end - request.model_value.begin),
            R"("auto")");
}

TEST(ClientRequest, DerivesWhatTheModelMustBeAbleToDo) {
  llm::Request plain;
  Read(Dialect::kAnthropic, Message(""), plain);
  EXPECT_FALSE(plain.needs.tools || plain.needs.vision || plain.needs.documents ||
               plain.needs.json_schema);
  llm::Request image;
  Read(Dialect::kAnthropic,
       Message("", R"([{"type":"image","source":{"type":"url","url":"https://e.com/a.png"}}])"),
       image);
  EXPECT_TRUE(image.needs.vision && image.needs.image_urls);
  llm::Request document;
  Read(
      Dialect::kAnthropic,
      Message(
          R"(,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}})",
          R"([{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}])"),
      document);
  EXPECT_TRUE(document.needs.documents && document.needs.json_schema);
}

TEST(ClientRequest, TakesContextFromMetadataAndKeepsItFromTheProvider) {
  llm::Request request;
  Read(
      Dialect::kAnthropic,
      Message(
          R"(,"metadata":{"user_id":"u","team":"t","impact":"high","latency_ms":1500,"verify":null})"),
      request);
  EXPECT_EQ(request.context.user, "u");
  EXPECT_EQ(request.context.team, "t");
  EXPECT_EQ(request.context.impact, llm::Impact::kHigh);
  EXPECT_EQ(request.context.latency, std::chrono::milliseconds(1500));
  EXPECT_TRUE(request.rewrite);
  const Result<WrittenRequest> written = TranslateRequest(request, Dialect::kAnthropic, "m", {});
  ASSERT_TRUE(written);
  EXPECT_THAT(written->body, HasSubstr(R"("metadata":{"user_id":"u"})"));
  llm::Request own;
  Read(Dialect::kAnthropic, Message(R"(,"metadata":{"user_id":"u"})"), own);
  EXPECT_FALSE(own.rewrite);
}

TEST(ClientRequest, NamesTheFieldAtFault) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("impact":"huge")", "/metadata/impact"},
      {R"("impact":5)", "/metadata/impact"},
      {R"("team":4)", "/metadata/team"},
      {R"("team":["t"])", "/metadata/team"},
      {R"("latency_ms":-4)", "/metadata/latency_ms"},
      {R"("latency_ms":true)", "/metadata/latency_ms"}};
  for (const auto& [member, pointer] : cases) {
    const Error error = ErrorOf(Message(R"(,"metadata":{)" + member + "}"));
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest) << member;
    EXPECT_EQ(error.field, pointer);
    EXPECT_THAT(error.message, HasSubstr(pointer));
  }
}

TEST(ClientRequest, RefusesEveryPrefixOfAValidBody) {
  const std::string body = Message(R"(,"system":[{"type":"text","text":"\u00e9\\"}])");
  for (std::size_t cut = 0; cut < body.size(); ++cut)
    EXPECT_EQ(ErrorOf(body.substr(0, cut)).code, ErrorCode::kInvalidRequest) << cut;
}

TEST(ClientRequest, HoldsItsLimits) {
  EXPECT_EQ(ErrorOf(Message(""), {.max_body_bytes = 20}).code, ErrorCode::kTooLarge);
  EXPECT_EQ(ErrorOf(Message(""), {.max_messages = 0}).field, "/messages");
  EXPECT_EQ(ErrorOf(Message(""), {.max_fields = 2}).code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(ErrorOf(Message(""), {.max_output_tokens = 8}).field, "/max_tokens");
  const std::string two = R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])";
  EXPECT_EQ(ErrorOf(Message("", two), {.max_parts = 1}).field, "/messages/0/content");
  const std::string deep = std::string(70, '[') + std::string(70, ']');
  EXPECT_EQ(ErrorOf(Message(R"(,"x":)" + deep)).code, ErrorCode::kInvalidRequest);
}

TEST(ClientRequest, IsTranslatedForAProviderOfAnotherDialect) {
  llm::Request request;
  Read(Dialect::kAnthropic, Message(R"(,"top_k":5)"), request);
  const Result<WrittenRequest> written = TranslateRequest(request, Dialect::kOpenAiChat, "m", {});
  ASSERT_TRUE(written);
  EXPECT_THAT(written->body, HasSubstr(R"("max_completion_tokens":9)"));
  EXPECT_THAT(written->warnings, testing::ElementsAre("top_k"));
}

}  // namespace
}  // namespace triage::wire
