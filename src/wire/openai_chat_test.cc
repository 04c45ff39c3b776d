#include "wire/openai_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace triage::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPlain = R"({"model":"auto","messages":[{"role":"user","content":"Hi"}]})";

Error ErrorOf(std::string body, ChatLimits limits = {}) {
  llm::Request request;
  auto result = ParseChatRequest(std::move(body), limits, request);
  return result ? Error{.code = ErrorCode::kInternal, .message = "accepted"} : result.error();
}

void ExpectAccepted(std::string body, llm::Request& request) {
  const auto result = ParseChatRequest(std::move(body), {}, request);
  ASSERT_TRUE(result) << result.error().message;
}

TEST(ParseChatRequest, ReadsModelMessagesAndOffsets) {
  llm::Request request;
  ExpectAccepted(kPlain, request);
  EXPECT_EQ(request.body, kPlain);
  EXPECT_EQ(request.model, "auto");
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.text, "Hi");
  ASSERT_EQ(request.turns.size(), 1U);
  EXPECT_EQ(request.turns[0].role, llm::Role::kUser);
  EXPECT_EQ(request.turns[0].text, "Hi");
  EXPECT_THAT(request.keys, ::testing::ElementsAre(1U, 16U));
  EXPECT_EQ(request.body.substr(request.model_value.begin,
                                request.model_value.end - request.model_value.begin),
            R"("auto")");
  EXPECT_TRUE(request.stream_options_value.empty());
}

TEST(ParseChatRequest, KnowsEveryRoleAndKindOfContent) {
  llm::Request request;
  ExpectAccepted(R"( {"messages" : [
    {"role":"developer","content":"d"}, {"content":"s","role":"system"},
    {"role":"user","content":[{"type":"text","text":"a\n"},{"text":"b","type":"text"},
                              {"type":"image_url","image_url":{"url":"https://x.test/i.png"}},
                              {"type":"some_future_part","thing":[1,{"a":null}]}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",
      "function":{"name":"f","arguments":"{\"a\":1}"}}]},
    {"role":"tool","tool_call_id":"1","content":"42"}, {"role":"assistant","refusal":"no"},
    {"role":"function","name":"f","content":"\u00e9\ud83d\ude00\ud800"} ], "model":"m" } )",
                 request);
  ASSERT_EQ(request.turns.size(), 7U);
  EXPECT_EQ(request.turns[0].role, llm::Role::kSystem);
  EXPECT_EQ(request.turns[1].role, llm::Role::kSystem);
  EXPECT_EQ(request.turns[2].text, "a\nb");
  EXPECT_EQ(request.turns[3].text, "");
  EXPECT_EQ(request.turns[4].role, llm::Role::kTool);
  EXPECT_EQ(request.turns[6].text, "é😀\xEF\xBF\xBD");
  EXPECT_EQ(request.text, "d\ns\na\nb\n\n42\n\né😀\xEF\xBF\xBD");
  EXPECT_TRUE(request.needs.vision);
  EXPECT_TRUE(request.needs.tools);
}

TEST(ParseChatRequest, DerivesWhatTheModelMustBeAbleToDo) {
  llm::Request request;
  ExpectAccepted(
      R"({"model":"m","messages":[{"role":"user","content":""}],"n":2,"top_logprobs":3,"logprobs":true,)"
      R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}},)"
      R"("tools":[{"type":"function","function":{"name":"f"}}],"max_tokens":5,"max_completion_tokens":7,"temperature":0.5})",
      request);
  EXPECT_TRUE(request.needs.several_choices);
  EXPECT_TRUE(request.needs.logprobs);
  EXPECT_TRUE(request.needs.json_schema);
  EXPECT_FALSE(request.needs.json_object);
  EXPECT_TRUE(request.needs.tools);
  EXPECT_FALSE(request.needs.vision);
  EXPECT_EQ(request.max_output_tokens, 7);
}

TEST(ParseChatRequest, TellsImagesByUrlFromImagesInTheRequest) {
  const auto needs = [](const std::string& part) {
    llm::Request request;
    ExpectAccepted(R"({"model":"m","messages":[{"role":"user","content":[)" + part + "]}]}",
                   request);
    return request.needs;
  };
  const std::string data = std::string(R"("data:image/png;base64,)") + std::string(99, 'A') + '"';
  for (const std::string& image : std::vector<std::string>{
           data, R"({"detail":"low","url":)" + data + "}",
           R"({"url":"dat\u0061:image/png;base64,A"})", R"({"detail":"url","url":"data:,"})"}) {
    const llm::Needs got = needs(R"({"image_url":)" + image + R"(,"type":"image_url"})");
    EXPECT_TRUE(got.vision) << image;
    EXPECT_FALSE(got.image_urls) << image;
  }
  for (const std::string image :
       {R"("https://e.com/a.png")", R"({"url":"https://e.com/data:a","detail":"data:"})"}) {
    const llm::Needs got = needs(R"({"type":"image_url","image_url":)" + image + "}," +
                                 R"({"type":"image_url","image_url":)" + data + "}");
    EXPECT_TRUE(got.image_urls) << image;
  }
  EXPECT_FALSE(needs(R"({"type":"text","text":"x"})").vision);
}

TEST(ParseChatRequest, KnowsThatFilesAreDocuments) {
  llm::Request request;
  ExpectAccepted(
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0="}}]}]})",
      request);
  EXPECT_TRUE(request.needs.documents);
  EXPECT_FALSE(request.needs.vision);
}

TEST(ParseChatRequest, TreatsNullAndDefaultsAsNotGiven) {
  llm::Request request;
  ExpectAccepted(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"n":1,"tools":null,"stream":null,)"
      R"("max_tokens":null,"response_format":{"type":"text"},"logprobs":false,"top_logprobs":0,)"
      R"("metadata":null,"user":null,"stream_options":null,"temperature":null})",
      request);
  EXPECT_FALSE(request.needs.several_choices || request.needs.logprobs || request.needs.tools ||
               request.needs.json_schema || request.needs.json_object || request.stream);
  EXPECT_EQ(request.max_output_tokens, 0);
  EXPECT_THAT(request.context.user, IsEmpty());
}

TEST(ParseChatRequest, TakesContextFromMetadata) {
  llm::Request request;
  ExpectAccepted(
      R"({"user":"fallback","metadata":{"user":"ann","team":"t","feature":"f","session":"s",)"
      R"("impact":"high","error_tolerance":"low","sensitivity":"restricted","min-tier":"balanced",)"
      R"("max_tier":"frontier","verify":"basic","latency-ms":"250","other":{"k":1}},)"
      R"("model":"m","messages":[{"role":"user","content":"x"}]})",
      request);
  const llm::Context& context = request.context;
  EXPECT_EQ(context.user, "ann");
  EXPECT_EQ(context.team, "t");
  EXPECT_EQ(context.feature, "f");
  EXPECT_EQ(context.session, "s");
  EXPECT_EQ(context.impact, llm::Impact::kHigh);
  EXPECT_EQ(context.error_tolerance, llm::Tolerance::kLow);
  EXPECT_EQ(context.sensitivity, "restricted");
  EXPECT_EQ(context.min_tier, "balanced");
  EXPECT_EQ(context.max_tier, "frontier");
  EXPECT_EQ(context.verify, "basic");
  EXPECT_EQ(context.latency, std::chrono::milliseconds(250));
}

TEST(ParseChatRequest, UsesTheUserFieldWhenMetadataNamesNone) {
  llm::Request request;
  ExpectAccepted(
      R"({"user":"bob","metadata":{"team":"t"},"model":"m","messages":[{"role":"user","content":"x"}]})",
      request);
  EXPECT_EQ(request.context.user, "bob");
}

struct BadCase {
  std::string body;
  std::string field;
  std::string message;
};

std::string WithMessages(std::string_view messages) {
  return R"({"model":"m","messages":)" + std::string(messages) + "}";
}

std::string WithField(std::string_view field) {
  return R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + std::string(field) + "}";
}

TEST(ParseChatRequest, NamesTheFieldAtFault) {
  const std::vector<BadCase> cases = {
      {"{}", "/model", "missing"},
      {R"({"model":"m"})", "/messages", "missing"},
      {R"({"model":3,"messages":[]})", "/model", "string"},
      {R"({"model":"","messages":[]})", "/model", "empty"},
      {R"({"model":")" + std::string(300, 'a') + R"(","messages":[]})", "/model", "256"},
      {WithMessages("[]"), "/messages", "at least one"},
      {WithMessages("{}"), "/messages", "array"},
      {WithMessages("[3]"), "/messages/0", "object"},
      {WithMessages(R"([{"role":"user","content":"x"},{"role":"robot","content":"x"}])"),
       "/messages/1/role", R"(unknown role "robot")"},
      {WithMessages(R"([{"content":"x"}])"), "/messages/0/role", "one of system"},
      {WithMessages(R"([{"role":1,"content":"x"}])"), "/messages/0/role", "one of system"},
      {WithMessages(R"([{"role":"user"}])"), "/messages/0/content", "missing"},
      {WithMessages(R"([{"role":"user","content":null}])"), "/messages/0/content", "missing"},
      {WithMessages(R"([{"role":"user","content":5}])"), "/messages/0/content",
       "string or an array"},
      {WithMessages(R"([{"role":"user","content":["x"]}])"), "/messages/0/content/0", "object"},
      {WithMessages(R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text"}]}])"),
       "/messages/0/content/1/text", "string"},
      {WithMessages(R"([{"role":"user","content":[{"text":"a"}]}])"), "/messages/0/content/0/type",
       "string"},
      {WithMessages(R"([{"role":"user","content":[{"type":"image_url"}]}])"),
       "/messages/0/content/0/image_url", "url"},
      {WithMessages(R"([{"role":"user","role":"system","content":"x"}])"), "/messages/0/role",
       "more than once"},
      {WithMessages(R"([{"role":"user","content":"x","content":"y"}])"), "/messages/0/content",
       "more than once"},
      {WithField(R"("stream":"yes")"), "/stream", "true or false"},
      {WithField(R"("stream_options":[])"), "/stream_options", "object"},
      {WithField(R"("stream_options":{"include_usage":1})"), "/stream_options/include_usage",
       "true"},
      {WithField(R"("max_tokens":0)"), "/max_tokens", "from 1"},
      {WithField(R"("max_tokens":1.5)"), "/max_tokens", "whole"},
      {WithField(R"("max_tokens":99999999999999999999)"), "/max_tokens", "from 1"},
      {WithField(R"("max_completion_tokens":"5")"), "/max_completion_tokens", "whole number"},
      {WithField(R"("n":-1)"), "/n", "from 1 to 128"},
      {WithField(R"("tools":{})"), "/tools", "array"},
      {WithField(R"("tools":[{"type":"web_search"},"x"])"), "/tools/1", "object"},
      {WithField(R"("tools":[{"function":{"name":"f"}}])"), "/tools/0/type", "string"},
      {WithField(R"("tools":[{"type":"function"}])"), "/tools/0/function", "missing"},
      {WithField(R"("tools":[{"type":"function","function":"f"}])"), "/tools/0/function",
       "missing"},
      {WithField(R"("tools":[{"type":"function","function":{"name":""}}])"),
       "/tools/0/function/name", "name the function"},
      {WithField(R"("tools":[{"function":{"name":"f","parameters":[]},"type":"function"}])"),
       "/tools/0/function/parameters", "JSON Schema"},
      {WithField(R"("functions":[{"name":"f"},{"parameters":{}}])"), "/functions/1/name",
       "name the function"},
      {WithField(R"("response_format":"json")"), "/response_format", "object"},
      {WithField(R"("response_format":{})"), "/response_format/type", "missing"},
      {WithField(R"("temperature":"hot")"), "/temperature", "number"},
      {WithField(R"("logprobs":2)"), "/logprobs", "true or false"},
      {WithField(R"("user":7)"), "/user", "string"},
      {WithField(R"("metadata":[])"), "/metadata", "object"},
      {WithField(R"("metadata":{"impact":"huge"})"), "/metadata/impact", "critical"},
      {WithField(R"("metadata":{"latency-ms":-4})"), "/metadata/latency-ms", "milliseconds"},
      {WithField(R"("metadata":{"team":4})"), "/metadata/team", "string"},
      {WithField(R"("model":"other")"), "/model", "more than once"},
      {WithField(R"("mod\u0065l":"other")"), "/model", "more than once"},
      {WithField(R"("a/b":1,"a/b":2)"), "/a~1b", "more than once"},
  };
  for (const BadCase& bad : cases) {
    const Error error = ErrorOf(bad.body);
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest) << bad.body;
    EXPECT_EQ(error.field, bad.field) << bad.body;
    EXPECT_THAT(error.message, HasSubstr(bad.message)) << bad.body;
  }
}

TEST(ParseChatRequest, SaysAtWhichByteTheJsonIsBroken) {
  const std::vector<BadCase> cases = {
      {"", "", "the text is empty at byte 0"},
      {"   ", "", "the text is empty"},
      {"hello", "", "at byte 0"},
      {kPlain + "x", "", "follows the JSON value at byte 60"},
      {kPlain + kPlain, "", "follows the JSON value at byte 60"},
      {kPlain.substr(0, kPlain.size() - 1), "", "but the text ends at byte 59"},
      {kPlain.substr(0, 30), "", "text ends"},
      {R"({"model":"m",})", "", "expected a key in double quotes at byte 13"},
      {R"({"model" "m"})", "", "expected ':' at byte 9"},
      {R"({"model":"m" "x":1})", "", "expected ',' or '}' at byte 13"},
      {WithField(R"("x":[1,])"), "", "expected a JSON value"},
      {WithField(R"("x":tru)"), "", "expected a JSON value"},
      {WithField(R"("x":01)"), "", "expected a JSON value"},
      {WithField(R"("x":.5)"), "", "expected a JSON value"},
      {WithField(R"("x":+1)"), "", "expected a JSON value"},
      {WithField(R"("x":NaN)"), "", "expected a JSON value"},
      {WithField(R"("x":{"y":[1}})"), "", "expected ',' or ']'"},
      {WithField(R"("x":"\q")"), "", "unknown escape"},
      {WithField(R"("x":"\u12G4")"), "", "unknown escape"},
      {WithField("\"x\":\"a\nb\""), "", "control character"},
      {WithField("\"x\":\"\xFF\""), "", "invalid UTF-8 at byte"},
      {WithField("\"x\":\"\xED\xA0\x80\""), "", "invalid UTF-8 at byte"},
      {WithField("\"x\":\"\xC0\xAF\""), "", "invalid UTF-8 at byte"},
      {WithField(R"("x":)" + std::string(64, '[') + std::string(64, ']')), "", "nested too deeply"},
      {WithField(R"("x":)" + std::string(100'000, '[')), "", "nested too deeply"},
      {WithMessages(R"([{"role":"user","content":"\x"}])"), "", "unknown escape"},
      {"\xEF\xBB\xBF" + kPlain, "", "at byte 0"},
  };
  for (const BadCase& bad : cases) {
    const Error error = ErrorOf(bad.body);
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest) << bad.body.substr(0, 100);
    EXPECT_THAT(error.message, HasSubstr(bad.message)) << bad.body.substr(0, 100);
  }
}

TEST(ParseChatRequest, WantsAnObject) {
  for (const char* body : {"[]", "3", "null", "\"x\"", "[{\"model\":\"m\"}]"}) {
    EXPECT_THAT(ErrorOf(body).message, HasSubstr("must be one JSON object")) << body;
  }
}

TEST(ParseChatRequest, AllowsNestingUpToTheLimit) {
  llm::Request request;
  ExpectAccepted(WithField(R"("x":)" + std::string(63, '[') + std::string(63, ']')), request);
}

TEST(ParseChatRequest, BoundsSizes) {
  EXPECT_EQ(ErrorOf(kPlain, {.max_body_bytes = 10}).code, ErrorCode::kTooLarge);
  EXPECT_EQ(
      ErrorOf(WithMessages(R"([{"role":"user","content":"x"},{"role":"user","content":"y"}])"),
              {.max_messages = 1})
          .field,
      "/messages");
  std::string many = R"({"model":"m")";
  for (int i = 0; i < 300; ++i) many += ",\"k" + std::to_string(i) + "\":1";
  EXPECT_THAT(ErrorOf(many + "}").message, HasSubstr("more than 256 fields"));
}

TEST(ParseChatRequest, RefusesEveryPrefixOfAValidBody) {
  const std::string body =
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[)"
      R"({"role":"user","content":[{"type":"text","text":"a\u00e9b"}]}],"x":{"y":[1,-2.5e3,null]}})";
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_EQ(ErrorOf(body.substr(0, length)).code, ErrorCode::kInvalidRequest) << length;
  }
  llm::Request request;
  ExpectAccepted(body, request);
}

TEST(ParseChatResponse, SplitsUsageIntoDisjointClasses) {
  const auto summary = ParseChatResponse(
      R"({"id":"1","model":"llama-1","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"length"}],)"
      R"("usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,)"
      R"("prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":30}}})");
  ASSERT_TRUE(summary);
  const llm::Usage expected{.fresh_input = 60, .cache_read = 40, .output = 20, .reasoning = 30};
  EXPECT_EQ(summary->usage, expected);
  EXPECT_EQ(summary->finish, llm::FinishReason::kLength);
  EXPECT_EQ(summary->served_model, "llama-1");
  EXPECT_TRUE(summary->complete);
}

TEST(ParseChatResponse, CountsReasoningBesideTheCompletionWhenTheTotalSaysSo) {
  const auto summary = ParseChatResponse(
      R"({"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,)"
      R"("total_tokens":22,"completion_tokens_details":{"reasoning_tokens":7}}})");
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->usage->output, 5);
  EXPECT_EQ(summary->usage->reasoning, 7);
}

TEST(ParseChatResponse, SurvivesUnknownAndOddValues) {
  const auto summary = ParseChatResponse(
      R"({"choices":[{"finish_reason":"model_context_window_exceeded"}],"error":null,)"
      R"("usage":{"prompt_tokens":10,"completion_tokens":-5,"prompt_tokens_details":null,)"
      R"("completion_tokens_details":{"reasoning_tokens":1e99}}})");
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->finish, llm::FinishReason::kUnknown);
  EXPECT_EQ(summary->usage->fresh_input, 10);
  EXPECT_EQ(summary->usage->output, 0);
  EXPECT_FALSE(ParseChatResponse(R"({"choices":[{}]})")->usage.has_value());
}

TEST(ParseChatResponse, RefusesWhatIsNoChatCompletion) {
  for (const char* body :
       {"", "<html></html>", "[]", "{}", "{\"choices\":[]}", "{\"choices\":[{}]",
        "{\"choices\":[{}]} x", "null", R"({"choices":[{"finish_reason":"error"}]})"}) {
    const auto summary = ParseChatResponse(body);
    ASSERT_FALSE(summary) << body;
    EXPECT_EQ(summary.error().code, ErrorCode::kUpstream) << body;
  }
  EXPECT_EQ(ParseChatResponse(R"({"error":{"message":"overloaded"}})").error().message,
            "overloaded");
}

TEST(ParseErrorBody, ReadsEveryProvidersShape) {
  const auto message = [](std::string_view body) {
    return ParseErrorBody(400, "application/json", body).message;
  };
  EXPECT_EQ(message(R"({"error":{"message":"bad","type":"t","param":null,"code":1}})"), "bad");
  EXPECT_EQ(
      message(R"({"type":"error","error":{"type":"x","message":"anthropic"},"request_id":"r"})"),
      "anthropic");
  EXPECT_EQ(message(R"([{"error":{"code":400,"message":"google","status":"INVALID"}}])"), "google");
  EXPECT_EQ(message(R"({"error":"ollama"})"), "ollama");
  EXPECT_EQ(message(R"({"detail":"vllm"})"), "vllm");
  EXPECT_EQ(message(R"({"object":"error","message":"old vllm"})"), "old vllm");
  EXPECT_EQ(message("  plain text\r\n"), "plain text");
  EXPECT_EQ(message("a\x01\nb"), "a  b");
  EXPECT_EQ(message(""), "The provider answered with status 400.");
  EXPECT_EQ(message("{\"error\":"), "The provider answered with status 400.");
  EXPECT_EQ(message("[]"), "The provider answered with status 400.");
  EXPECT_EQ(message(std::string(100'000, '[')), "The provider answered with status 400.");
}

TEST(ParseErrorBody, NeverReadsPages) {
  EXPECT_EQ(ParseErrorBody(502, "text/html; charset=utf-8", R"({"error":"x"})").message,
            "The provider answered with status 502.");
  EXPECT_EQ(ParseErrorBody(502, "application/json", "<html>secret</html>").message,
            "The provider answered with status 502.");
}

TEST(ParseErrorBody, CutsLongMessagesBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "ä";
  const Error error = ParseErrorBody(500, "text/plain", "x" + text);
  EXPECT_LE(error.message.size(), 300U);
  EXPECT_EQ(error.message.size() % 2, 1U);
}

TEST(ParseErrorBody, ChoosesTheCodeByStatus) {
  const auto code = [](int status) { return ParseErrorBody(status, "", "").code; };
  EXPECT_EQ(code(429), ErrorCode::kRateLimited);
  EXPECT_EQ(code(400), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code(404), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code(413), ErrorCode::kTooLarge);
  EXPECT_EQ(code(422), ErrorCode::kInvalidRequest);
  EXPECT_EQ(code(401), ErrorCode::kUpstream);
  EXPECT_EQ(code(403), ErrorCode::kUpstream);
  EXPECT_EQ(code(500), ErrorCode::kUpstream);
  EXPECT_EQ(code(529), ErrorCode::kUpstream);
  EXPECT_EQ(code(302), ErrorCode::kUpstream);
  EXPECT_EQ(ParseErrorBody(503, "", "").upstream_status, 503);
}

TEST(ParseErrorBody, KnowsARequestThatIsTooLongForItsModel) {
  const auto code = [](int status, std::string_view body) {
    return ParseErrorBody(status, "application/json", body).code;
  };
  EXPECT_EQ(code(400, R"({"error":{"message":"Zu lang.","code":"context_length_exceeded"}})"),
            ErrorCode::kContextLength);
  EXPECT_EQ(code(400, R"({"type":"error","error":{"type":"invalid_request_error",)"
                      R"("message":"prompt is too long: 200049 tokens > 200000 maximum"}})"),
            ErrorCode::kContextLength);
  EXPECT_EQ(code(400, R"([{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"The input )"
                      R"(token count (9) exceeds the maximum number of tokens allowed (8)."}}])"),
            ErrorCode::kContextLength);
  EXPECT_EQ(code(400, R"({"message":"Input is too long for requested model."})"),
            ErrorCode::kContextLength);
  EXPECT_EQ(code(500, R"({"error":{"code":500,"message":"the request exceeds the available )"
                      R"(context size","type":"exceed_context_size_error"}})"),
            ErrorCode::kContextLength);
  // Limits of a minute are limits, whatever words they use.
  EXPECT_EQ(code(429, R"({"error":{"message":"prompt is too long"}})"), ErrorCode::kRateLimited);
  EXPECT_EQ(code(413, R"x({"error":{"message":"Request too large: tokens per minute (TPM)"}})x"),
            ErrorCode::kTooLarge);
}

TEST(FindJsonProblem, AgreesWithTheFastReaderOnMutatedBodies) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"a\u00e9b"}],"x":{"y":[1,-2.5e3,null,"ä"]}})";
  for (std::size_t at = 0; at < body.size(); ++at) {
    for (char c : std::string_view("{}[]\",:\\0e \n\xFFt")) {
      std::string mutated = body;
      mutated[at] = c;
      llm::Request request;
      const auto result = ParseChatRequest(mutated, {}, request);
      const bool valid = !FindJsonProblem(mutated, 64);
      EXPECT_EQ(nlohmann::json::accept(mutated), valid) << mutated;
      if (result) EXPECT_TRUE(valid) << mutated;
      if (!result && valid) EXPECT_THAT(result.error().message, ::testing::Not(HasSubstr("JSON")));
    }
  }
}

}  // namespace
}  // namespace triage::wire
