#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/responses_test_support.h"

namespace triage::wire {
namespace {

using llm::Answer;
using llm::FinishReason;
using llm::PartKind;
using llm::StreamEvent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Kind = StreamEvent::Kind;

constexpr llm::Dialect kSelf = llm::Dialect::kOpenAiResponses;
const AnswerContext kContext{.id = "01JEXCHANGE", .model = "served", .created = 1764000009};

// What is wrong with the order of events; empty = nothing.
std::string Problem(const std::vector<StreamEvent>& events) {
  if (events.empty() || events.front().kind != Kind::kStart) return "no kStart in front";
  std::map<int, PartKind> open;
  int parts = 0;
  bool finished = false;
  for (std::size_t i = 1; i < events.size(); ++i) {
    const StreamEvent& event = events[i];
    if (event.kind == Kind::kStart) return "kStart twice";
    if (event.kind == Kind::kEnd) return i + 1 == events.size() && finished ? "" : "early kEnd";
    if (event.kind == Kind::kUsage) continue;
    if (event.kind == Kind::kFinish) {
      if (!open.empty()) return "kFinish with open parts";
      finished = true;
    } else if (event.kind == Kind::kPartStart) {
      if (event.part != parts++) return "part out of order";
      for (const auto& [number, kind] : open) {
        if (kind != PartKind::kToolCall || event.part_kind != PartKind::kToolCall)
          return "parts overlap";
      }
      open[event.part] = event.part_kind;
    } else if (!open.contains(event.part)) {
      return "delta of a part that is not open";
    } else if (event.kind == Kind::kPartEnd) {
      open.erase(event.part);
    }
  }
  return "no kEnd";
}

// The response object of a stream's last event.
std::string LastResponse(std::string_view stream) {
  JsonTree tree;
  EXPECT_TRUE(tree.Parse(NamedEvents(stream).back().data).has_value());
  return std::string(tree.root()["response"].raw());
}

std::string Data(std::initializer_list<std::string_view> events) {
  std::string stream;
  for (std::string_view event : events) stream.append("data: ").append(event).append("\n\n");
  return stream;
}

Error Failure(std::string_view stream) {
  const Result<std::vector<StreamEvent>> read = ReadStream(stream);
  EXPECT_FALSE(read.has_value());
  return read ? Error{} : read.error();
}

TEST(ResponsesStreamReader, SaysTheSameAsTheWholeAnswer) {
  for (const char* name : {"stream_tools.sse", "stream_web_search.sse", "stream_refusal.sse",
                           "stream_incomplete.sse"}) {
    const std::string stream = ReadGolden(name);
    const Result<std::vector<StreamEvent>> events = ReadStream(stream);
    ASSERT_TRUE(events.has_value()) << name << ": " << events.error().message;
    EXPECT_EQ(Problem(*events), "") << name;
    const Result<Answer> streamed = AnswerOfStream(stream);
    const Result<Answer> whole = OpenAiResponsesCodec().ReadAnswer(LastResponse(stream));
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(*streamed, *whole) << name;
  }
}

TEST(ResponsesStreamReader, MakesUpForEventsThatAServerDoesNotSend) {
  // Without deltas, without content parts, and with nothing but the last event.
  for (const std::string_view only : {"response.output_item.done", "response.content_part.done",
                                      "response.output_text.done", "response.completed"}) {
    std::string stream;
    for (const NamedEvent& event : NamedEvents(ReadGolden("stream_web_search.sse"))) {
      const bool needed =
          event.name == only || event.name == "response.created" ||
          event.name == "response.completed" ||
          (event.name == "response.output_item.done" &&
           event.data.find("web_search_call") != std::string::npos && only != "response.completed");
      if (needed) stream.append("data: ").append(event.data).append("\n\n");
    }
    const Result<std::vector<StreamEvent>> events = ReadStream(stream);
    ASSERT_TRUE(events.has_value()) << only << events.error().detail;
    EXPECT_EQ(Problem(*events), "") << only;
    Result<Answer> whole = OpenAiResponsesCodec().ReadAnswer(LastResponse(stream));
    const Result<Answer> streamed = AnswerOfStream(stream);
    if (only == "response.output_text.done")  // it has no annotations
      std::get<llm::TextPart>(whole->parts[1]).citations.clear();
    EXPECT_EQ(streamed->parts, whole->parts) << only;
    EXPECT_EQ(streamed->id, whole->id) << only;
  }
}

TEST(ResponsesStreamReader, KeepsWhatComesBetweenOpenCallsForLater) {
  const std::string stream = Data({
      R"({"type":"response.created","response":{"id":"resp_1","model":"m","created_at":5}})",
      R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc_0","call_id":"a","name":"f","arguments":""}})",
      R"({"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hel"})",
      R"({"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_2","call_id":"b","name":"g","arguments":""}})",
      R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"x\":"})",
      R"({"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"lo"})",
      R"({"type":"response.function_call_arguments.delta","output_index":2,"delta":"{}"})",
      R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"1}"})",
      R"({"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_0","call_id":"a","name":"f","arguments":"{\"x\":1}"}})",
      R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}})",
  });
  const Result<std::vector<StreamEvent>> events = ReadStream(stream);
  ASSERT_TRUE(events.has_value()) << events.error().detail;
  EXPECT_EQ(Problem(*events), "");
  const Result<Answer> answer = AnswerOfStream(stream);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::get<llm::ToolCallPart>(answer->parts.at(0)).arguments, R"({"x":1})");
  EXPECT_EQ(llm::TextOf(*answer), "Hello");
  EXPECT_EQ(answer->finish, FinishReason::kToolCalls);
}

TEST(ResponsesStreamReader, PassesOverWhatItDoesNotKnow) {
  const std::string stream = Data({
      R"({"type":"response.created","response":{"id":"resp_1","model":"m"}})",
      R"({"type":"response.sea_monster.sighted","output_index":0,"x":[1]})",
      R"({"type":"keepalive"})",
      R"({})",
      R"({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi","new":1})",
      R"([DONE])",
      R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}})",
      R"({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"late"})",
  });
  const Result<Answer> answer = AnswerOfStream(stream);
  ASSERT_TRUE(answer.has_value()) << answer.error().detail;
  EXPECT_EQ(llm::TextOf(*answer), "Hi");
}

TEST(ResponsesStreamReader, ReportsAnEndWithoutItsTerminalEvent) {
  const std::string whole = ReadGolden("stream_tools.sse");
  const Error error = Failure(whole.substr(0, whole.find("event: response.completed")));
  EXPECT_EQ(error.code, ErrorCode::kUpstream);
  EXPECT_EQ(error.message, "The provider's stream ended early.");
  EXPECT_EQ(Failure("").code, ErrorCode::kUpstream);
}

TEST(ResponsesStreamReader, ReportsErrorsOfTheStream) {
  EXPECT_EQ(Failure(ReadGolden("stream_failed.sse")).code, ErrorCode::kRateLimited);
  const Error flat = Failure(Data(
      {R"({"type":"error","code":"server_error","message":"Out of fuel.","param":null,"sequence_number":3})"}));
  EXPECT_EQ(flat.code, ErrorCode::kUpstream);
  EXPECT_EQ(flat.upstream_status, 500);
  EXPECT_EQ(flat.message, "Out of fuel.");
  const Error nested = Failure(Data(
      {R"({"type":"error","sequence_number":2,"error":{"type":"overloaded_error","message":"Busy.","param":null}})"}));
  EXPECT_EQ(nested.upstream_status, 503);
  EXPECT_EQ(Failure(Data({R"({"error":{"message":"m","code":"rate_limit_exceeded"}})"})).code,
            ErrorCode::kRateLimited);
  EXPECT_EQ(Failure(Data({"<html>"})).code, ErrorCode::kUpstream);
  EXPECT_EQ(Failure(Data({"7"})).code, ErrorCode::kUpstream);
  EXPECT_EQ(
      Failure(
          Data(
              {R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{"})"}))
          .code,
      ErrorCode::kUpstream);
}

TEST(ResponsesStreamWriter, WritesTheStreamsOfTheReference) {
  Result<std::vector<StreamEvent>> events = ReadStream(ReadGolden("stream_tools.sse"));
  ASSERT_TRUE(events.has_value());
  const std::string written = WriteStream(*events, kContext);
  std::vector<std::string> names;
  std::int64_t number = 0;
  for (const NamedEvent& event : NamedEvents(written)) {
    if (names.empty() || names.back() != event.name) names.push_back(event.name);
    JsonTree tree;
    ASSERT_TRUE(tree.Parse(event.data).has_value()) << event.data;
    EXPECT_EQ(tree.root()["type"].text(), event.name);
    EXPECT_EQ(tree.root()["sequence_number"].integer(), number++);
  }
  EXPECT_THAT(
      names,
      ElementsAre("response.created", "response.in_progress", "response.output_item.added",
                  "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
                  "response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
                  "response.output_item.done", "response.output_item.added",
                  "response.content_part.added", "response.output_text.delta",
                  "response.output_text.done", "response.content_part.done",
                  "response.output_item.done", "response.output_item.added",
                  "response.function_call_arguments.delta", "response.function_call_arguments.done",
                  "response.output_item.done", "response.function_call_arguments.done",
                  "response.output_item.done", "response.completed"));
  EXPECT_EQ(written, ReadGolden("written_tools.sse"));
}

TEST(ResponsesStreamWriter, EndsWithWhatTheWholeAnswerWouldBe) {
  for (const char* name : {"stream_tools.sse", "stream_web_search.sse", "stream_refusal.sse",
                           "stream_incomplete.sse"}) {
    const Result<Answer> answer = AnswerOfStream(ReadGolden(name));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(LastResponse(WriteStream(llm::EventsOf(*answer), kContext)),
              OpenAiResponsesCodec().WriteAnswer(*answer, kContext))
        << name;
  }
}

TEST(ResponsesStreamWriter, EndsNothingThatHasNotEnded) {
  Result<std::vector<StreamEvent>> events = ReadStream(ReadGolden("stream_tools.sse"));
  events->pop_back();
  const std::string written = WriteStream(*events, kContext);
  EXPECT_THAT(written, Not(HasSubstr("response.completed")));
  EXPECT_THAT(written, Not(HasSubstr("[DONE]")));
}

TEST(ResponsesStreamWriter, ReportsAnErrorAndThatTheResponseFailed) {
  const auto writer = OpenAiResponsesCodec().NewStreamWriter(kContext);
  const Error error{.code = ErrorCode::kRateLimited, .message = "Slow down.", .detail = "secret"};
  std::string out;
  writer->WriteError(error, out);
  EXPECT_EQ(out,
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,"
            "\"code\":\"rate_limit_exceeded\",\"message\":\"Slow down.\",\"param\":null}\n\n");
  const auto begun = OpenAiResponsesCodec().NewStreamWriter(kContext);
  out.clear();
  begun->Write({.kind = Kind::kStart, .id = "x", .model = "m"}, out);
  begun->Write({.kind = Kind::kPartStart, .part = 0}, out);
  begun->Write({.kind = Kind::kText, .part = 0, .text = "Half"}, out);
  begun->WriteError(error, out);
  const std::vector<NamedEvent> events = NamedEvents(out);
  EXPECT_EQ(events.at(events.size() - 2).name, "error");
  EXPECT_EQ(events.back().name, "response.failed");
  EXPECT_THAT(events.back().data,
              HasSubstr(R"("status":"failed","error":{"code":"rate_limit_exceeded")"));
  EXPECT_THAT(out, Not(HasSubstr("secret")));
  EXPECT_EQ(Failure(out).code, ErrorCode::kRateLimited);
}

TEST(ResponsesStreamWriter, CutsArgumentsOnlyBetweenCharacters) {
  std::vector<StreamEvent> events{{.kind = Kind::kStart},
                                  {.kind = Kind::kPartStart,
                                   .part = 0,
                                   .part_kind = PartKind::kToolCall,
                                   .id = "c",
                                   .name = "f"}};
  const std::string arguments = R"({"city":"Växjö 😀"})";
  for (char byte : arguments)
    events.push_back({.kind = Kind::kArguments, .part = 0, .text = std::string(1, byte)});
  events.push_back({.kind = Kind::kPartEnd, .part = 0});
  events.push_back({.kind = Kind::kFinish, .finish = FinishReason::kToolCalls});
  events.push_back({.kind = Kind::kEnd});
  std::string told;
  for (const NamedEvent& event : NamedEvents(WriteStream(events, kContext))) {
    JsonTree tree;
    ASSERT_TRUE(tree.Parse(event.data).has_value());
    if (event.name == "response.function_call_arguments.delta") told += tree.root()["delta"].text();
  }
  EXPECT_EQ(told, arguments);
}

TEST(ResponsesStreamWriter, TellsACallWithoutArguments) {
  const std::string written =
      WriteStream({{.kind = Kind::kStart},
                   {.kind = Kind::kPartStart,
                    .part = 0,
                    .part_kind = PartKind::kToolCall,
                    .id = "c",
                    .name = "f"},
                   {.kind = Kind::kPartEnd, .part = 0},
                   {.kind = Kind::kFinish, .finish = FinishReason::kToolCalls},
                   {.kind = Kind::kEnd}},
                  kContext);
  EXPECT_THAT(written, HasSubstr(R"("delta":"{}")"));
  EXPECT_THAT(written, HasSubstr(R"("arguments":"{}")"));
}

TEST(ResponsesStreamWriter, PutsLogprobsIntoTheEventOfTheirText) {
  AnswerContext context = kContext;
  context.request = R"({"model":"m","input":"x","include":["message.output_text.logprobs"]})";
  const llm::TokenLogprob first{.token = "A", .logprob = -1};
  const llm::TokenLogprob second{.token = "B", .logprob = -2};
  const std::string written =
      WriteStream({{.kind = Kind::kStart},
                   {.kind = Kind::kPartStart, .part = 0},
                   {.kind = Kind::kText, .part = 0, .text = "A"},  // behind its text
                   {.kind = Kind::kLogprobs, .part = 0, .logprobs = {first}},
                   {.kind = Kind::kLogprobs, .part = 0, .logprobs = {second}},  // before it
                   {.kind = Kind::kText, .part = 0, .text = "B"},
                   {.kind = Kind::kText, .part = 0, .text = "C"},
                   {.kind = Kind::kPartEnd, .part = 0},
                   {.kind = Kind::kFinish, .finish = FinishReason::kStop},
                   {.kind = Kind::kEnd}},
                  context);
  EXPECT_THAT(written, HasSubstr(R"("delta":"A","logprobs":[{"token":"A")"));
  EXPECT_THAT(written, HasSubstr(R"("delta":"B","logprobs":[{"token":"B")"));
  EXPECT_THAT(written, HasSubstr(R"("delta":"C","logprobs":[])"));
}

// Random answers of all that the dialect can say.
Answer RandomAnswer(Random& random) {
  const auto coin = [&] { return random.Below(2) == 0; };
  const auto word = [&] { return "w" + std::to_string(random.Below(1000)) + "ä\"\\\n"; };
  Answer answer{.id = "resp_1",
                .model = "m",
                .created = 7,
                .finish = FinishReason::kStop,
                .raw_finish = "completed"};
  const std::uint64_t parts = random.Below(5);
  for (std::uint64_t i = 0; i < parts; ++i) {
    switch (random.Below(5)) {
      case 0: {
        llm::ThinkingPart thinking{.text = coin() ? word() : "",
                                   .signature = word(),
                                   .id = "rs_" + std::to_string(i),
                                   .origin = kSelf};
        if (coin()) thinking.origin = llm::Dialect::kAnthropic;
        thinking.redacted = thinking.text.empty();
        answer.parts.emplace_back(std::move(thinking));
        break;
      }
      case 1:
        answer.parts.emplace_back(llm::ToolCallPart{.id = word(),
                                                    .name = "f",
                                                    .arguments = R"({"a": "ä"})",
                                                    .item_id = "fc_" + std::to_string(i),
                                                    .origin = kSelf});
        break;
      case 2:
        answer.parts.emplace_back(
            llm::OpaquePart{.origin = kSelf,
                            .type = "web_search_call",
                            .json = R"({"id":"ws","type":"web_search_call"})"});
        break;
      case 3: answer.parts.emplace_back(llm::RefusalPart{.text = word()}); break;
      default: {
        llm::TextPart text{.text = word()};
        if (coin()) {
          llm::Citation citation;
          citation.url = "u";
          citation.title = "t";
          citation.begin = 0;
          citation.end = 1;
          citation.raw = R"({"url":"u","title":"t","start_index":0,"end_index":1})";
          citation.origin = kSelf;
          text.citations.push_back(std::move(citation));
        }
        if (coin() && answer.logprobs.empty() &&
            std::ranges::none_of(answer.parts, [](const llm::Part& part) {
              return std::holds_alternative<llm::TextPart>(part);
            })) {
          answer.logprobs = {{.token = "w",
                              .logprob = -0.5,
                              .bytes = {119},
                              .top = {{.token = "v", .logprob = -1.25}}}};
        }
        answer.parts.emplace_back(std::move(text));
      }
    }
    if (std::holds_alternative<llm::ToolCallPart>(answer.parts.back()))
      answer.finish = FinishReason::kToolCalls;
    if (std::holds_alternative<llm::RefusalPart>(answer.parts.back()) &&
        answer.finish == FinishReason::kStop)
      answer.finish = FinishReason::kRefusal;
  }
  if (random.Below(4) == 0) {
    answer.finish = FinishReason::kLength;
    answer.raw_finish = "max_output_tokens";
  }
  if (coin()) {
    answer.usage = llm::Usage{.fresh_input = static_cast<std::int64_t>(random.Below(100)),
                              .cache_read = static_cast<std::int64_t>(random.Below(100)),
                              .cache_write_5m = static_cast<std::int64_t>(random.Below(100)),
                              .output = static_cast<std::int64_t>(random.Below(100)),
                              .reasoning = static_cast<std::int64_t>(random.Below(100))};
  }
  if (coin()) answer.service_tier = "flex";
  return answer;
}

TEST(ResponsesStream, IsTheIdentityOnAllThatTheDialectCanSay) {
  Random random(41);
  for (int round = 0; round < 500; ++round) {
    const Answer made = RandomAnswer(random);
    const AnswerContext context{.id = "x", .model = "m"};
    const Result<Answer> whole =
        OpenAiResponsesCodec().ReadAnswer(OpenAiResponsesCodec().WriteAnswer(made, context));
    ASSERT_TRUE(whole.has_value()) << whole.error().detail;
    ASSERT_EQ(*whole, made) << OpenAiResponsesCodec().WriteAnswer(made, context);
    const std::string stream = WriteStream(llm::EventsOf(made), context);
    const Result<std::vector<StreamEvent>> events = ReadStream(stream);
    ASSERT_TRUE(events.has_value()) << stream;
    ASSERT_EQ(Problem(*events), "") << stream;
    const Result<Answer> streamed = AnswerOfStream(stream);
    ASSERT_EQ(*streamed, made) << stream;
  }
}

}  // namespace
}  // namespace triage::wire
