#include "wire/openai_errors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace triage::wire {
namespace {

using nlohmann::json;

TEST(ErrorBody, HasOpenAisShapeAndNoDetail) {
  const Error error{.code = ErrorCode::kInvalidRequest,
                    .message = "/n: \"x\"\n",
                    .detail = "secret",
                    .field = "/n"};
  EXPECT_EQ(
      ErrorBody(error),
      R"({"error":{"message":"/n: \"x\"\n","type":"invalid_request_error","param":"/n","code":"invalid_request"}})");
}

TEST(ErrorBody, HasNullForAnUnknownField) {
  const json body = json::parse(ErrorBody({.code = ErrorCode::kUpstream, .message = "m"}));
  EXPECT_TRUE(body["error"]["param"].is_null());
  EXPECT_EQ(body["error"]["type"], "server_error");
  EXPECT_EQ(body["error"]["code"], "upstream");
}

TEST(ErrorBody, IsValidJsonForEveryCodeAndAnyBytes) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const Error error{.code = static_cast<ErrorCode>(code), .message = "\xFF\x01 ä\x7F\xE2\x82"};
    const json body = json::parse(ErrorBody(error), nullptr, false);
    ASSERT_TRUE(body.is_object()) << code;
    EXPECT_FALSE(body["error"]["type"].get<std::string>().empty());
  }
}

TEST(ErrorBody, SaysContextLengthExceededAsOpenAiDoes) {
  const json body = json::parse(
      ErrorBody({.code = ErrorCode::kContextLength, .message = "too long", .field = "messages"}));
  EXPECT_EQ(body["error"]["type"], "invalid_request_error");
  EXPECT_EQ(body["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(body["error"]["param"], "messages");
}

TEST(ErrorBody, SaysModelNotFoundAsOpenAiDoes) {
  const json body =
      json::parse(ErrorBody({.code = ErrorCode::kNotFound, .message = "m", .field = "/model"}));
  EXPECT_EQ(body["error"]["code"], "model_not_found");
}

TEST(StreamErrorEvent, IsOneDataEventWithoutDone) {
  const std::string event = StreamErrorEvent({.code = ErrorCode::kUpstream, .message = "a\nb"});
  EXPECT_TRUE(event.starts_with("data: {\"error\":"));
  EXPECT_TRUE(event.ends_with("}}\n\n"));
  EXPECT_EQ(event.find('\n'), event.size() - 2);
  EXPECT_EQ(event.find("[DONE]"), std::string::npos);
}

TEST(ModelsBody, ListsModels) {
  const std::vector<ListedModel> models = {{"auto", "triage", 1}, {"groq/\"x\"", "groq", 2}};
  const json body = json::parse(ModelsBody(models));
  EXPECT_EQ(body["object"], "list");
  ASSERT_EQ(body["data"].size(), 2U);
  EXPECT_EQ(body["data"][1]["id"], "groq/\"x\"");
  EXPECT_EQ(body["data"][1]["owned_by"], "groq");
  EXPECT_EQ(body["data"][0]["object"], "model");
  EXPECT_EQ(body["data"][1]["created"], 2);
  EXPECT_EQ(ModelsBody({}), R"({"object":"list","data":[]})");
}

TEST(JsonString, EscapesAndUnescapesToTheSameText) {
  std::string text = "ä😀\\\"/\b\f\n\r\t";
  for (char c = 1; c < 0x20; ++c) text += c;
  const std::string quoted = JsonString(text);
  EXPECT_EQ(json::parse(quoted).get<std::string>(), text);
  std::string back;
  ASSERT_TRUE(AppendUnescaped(back, std::string_view(quoted).substr(1, quoted.size() - 2)));
  EXPECT_EQ(back, text);
}

}  // namespace
}  // namespace triage::wire
