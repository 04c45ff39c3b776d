// The simulator's bytes for scripted questions, read back by the readers that the gateway uses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/provider.h"
#include "simulate/recording_writer.h"
#include "simulate/script.h"
#include "wire/aws_event_stream.h"
#include "wire/codec.h"
#include "wire/sse.h"

namespace triage::simulate {
namespace {

using llm::Answer;
using llm::Conversation;
using llm::Dialect;
using llm::FinishReason;
using llm::Message;
using llm::Role;
using testing::HasSubstr;

constexpr Dialect kAll[] = {Dialect::kOpenAiChat, Dialect::kOpenAiResponses, Dialect::kAnthropic,
                            Dialect::kGemini,     Dialect::kBedrock,         Dialect::kOci};

std::string PathOf(Dialect dialect, bool stream) {
  switch (dialect) {
    case Dialect::kOpenAiChat: return "/v1/chat/completions";
    case Dialect::kOpenAiResponses: return "/v1/responses";
    case Dialect::kAnthropic: return "/v1/messages";
    case Dialect::kGemini:
      return stream ? "/v1beta/models/m:streamGenerateContent?alt=sse"
                    : "/v1beta/models/m:generateContent";
    case Dialect::kBedrock: return stream ? "/model/m/converse-stream" : "/model/m/converse";
    case Dialect::kOci: return "/20231130/actions/chat";
  }
  return "";
}

Conversation Asking(std::string text) {
  Conversation conversation;
  conversation.model = "m";
  conversation.max_output_tokens = 4000;
  conversation.messages.push_back({.role = Role::kUser, .parts = {llm::TextPart{std::move(text)}}});
  return conversation;
}

Conversation WithTools(std::string text) {
  Conversation conversation = Asking(std::move(text));
  conversation.tools = {
      {.name = "weather",
       .description = "Weather of a place",
       .parameters =
           R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"},
      {.name = "time",
       .description = "Time of a place",
       .parameters =
           R"({"type":"object","properties":{"zone":{"type":"string","enum":["Zürich","UTC"]}},"required":["zone"]})"}};
  return conversation;
}

Conversation Thinking(Conversation conversation, Dialect dialect) {
  if (dialect == Dialect::kAnthropic || dialect == Dialect::kBedrock ||
      dialect == Dialect::kGemini) {
    conversation.reasoning.enabled = true;
    conversation.reasoning.budget_tokens = 1024;
  } else {
    conversation.reasoning.effort = "low";
  }
  if (dialect == Dialect::kOpenAiResponses) {
    conversation.reasoning.summary = "auto";
    conversation.origin = dialect;
    conversation.extra = {{"include", R"(["reasoning.encrypted_content"])"}};
  }
  return conversation;
}

/// Every stream event of `bytes`, as the dialect's reader understands it.
Result<Answer> ReadStream(const wire::Codec& codec, std::string_view bytes) {
  const auto reader = codec.NewStreamReader();
  std::vector<llm::StreamEvent> events;
  if (codec.framing() == wire::Framing::kSse) {
    wire::SseFramer framer;
    framer.Feed(bytes);
    while (const auto event = framer.Next()) {
      if (!event->has_data) continue;
      if (auto read = reader->OnEvent(event->name, event->data, events); !read)
        return std::move(read).error();
    }
  } else {
    wire::AwsEventStreamDecoder decoder;
    decoder.Feed(bytes);
    while (const auto message = decoder.Next()) {
      if (auto read = reader->OnEvent(message->type, message->payload, events); !read)
        return std::move(read).error();
    }
    if (decoder.error()) return *decoder.error();
  }
  if (auto ended = reader->OnEnd(events); !ended) return std::move(ended).error();
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  if (!builder.ended()) return Error{ErrorCode::kUpstream, "the stream has no end"};
  return builder.answer();
}

class Dialects : public testing::TestWithParam<Dialect> {
 protected:
  ProviderOptions Options() {
    ProviderOptions options;
    options.models = {ModelSpec{.name = "m"}};
    options.dialects.assign(std::begin(kAll), std::end(kAll));
    options.speed = 10'000;
    return options;
  }

  /// Asks a fresh provider, so that whole and streamed answers have the same ids.
  void Ask(const Conversation& asked, bool stream) {
    Conversation conversation = asked;
    conversation.stream = stream;
    conversation.include_usage = stream && GetParam() == Dialect::kOpenAiChat;
    Send(Written(conversation), stream);
  }

  std::string Written(const Conversation& conversation) {
    llm::Profile profile;
    profile.oci_compartment = "ocid1.compartment.oc1..simulated";
    const auto written = codec().WriteRequest(conversation, "m", profile);
    EXPECT_TRUE(written) << written.error().message;
    return written ? written->body : "";
  }

  void Send(std::string_view body, bool stream) {
    provider_ = std::make_unique<SimulatedProvider>(loop_, options_, SystemClock());
    options_ = Options();
    writer_ = std::make_unique<RecordingWriter>();
    const std::string path = PathOf(GetParam(), stream);
    net::HttpRequest request;
    request.method = "POST";
    request.target = path;
    request.body = body;
    request.headers = {{"anthropic-version", "2023-06-01"}};
    TaskGroup group;
    group.Spawn(provider_->Handle(request, *writer_));
    loop_.RunUntil([&] { return group.active() == 0; });
  }

  Answer Whole(const Conversation& conversation) {
    Ask(conversation, false);
    EXPECT_EQ(writer_->status_, 200) << writer_->body_;
    auto answer = codec().ReadAnswer(writer_->body_);
    EXPECT_TRUE(answer) << answer.error().message << "\n" << writer_->body_;
    return answer ? std::move(*answer) : Answer{};
  }

  Answer Streamed(const Conversation& conversation) {
    Ask(conversation, true);
    EXPECT_EQ(writer_->status_, 200) << writer_->body_;
    EXPECT_TRUE(writer_->ended_);
    auto answer = ReadStream(codec(), writer_->body_);
    EXPECT_TRUE(answer) << answer.error().message << "\n" << writer_->body_;
    return answer ? std::move(*answer) : Answer{};
  }

  /// The same question whole and streamed; both must read as the same answer.
  Answer Both(const Conversation& conversation) {
    const Answer whole = Whole(conversation);
    const Answer streamed = Streamed(conversation);
    EXPECT_EQ(whole.parts, streamed.parts);
    EXPECT_EQ(whole.finish, streamed.finish);
    EXPECT_EQ(whole.stop_sequence, streamed.stop_sequence);
    EXPECT_EQ(whole.usage, streamed.usage);
    EXPECT_EQ(whole.logprobs, streamed.logprobs);
    // A stream of OCI does not tell its model.
    EXPECT_EQ(GetParam() == Dialect::kOci ? "" : whole.model, streamed.model);
    return whole;
  }

  const wire::Codec& codec() const { return wire::CodecOf(GetParam()); }

  net::Loop loop_;
  ProviderOptions options_ = Options();
  std::unique_ptr<SimulatedProvider> provider_;
  std::unique_ptr<RecordingWriter> writer_;
};

template <class T>
std::vector<T> PartsOf(const Answer& answer) {
  std::vector<T> found;
  for (const llm::Part& part : answer.parts) {
    if (const auto* one = std::get_if<T>(&part)) found.push_back(*one);
  }
  return found;
}

TEST_P(Dialects, AnswerWithTextAndUsage) {
  const Answer answer = Both(Asking("please say: Grüße, \"quoted\" \n 😀 and more than one chunk"));
  EXPECT_EQ(TextOf(answer), "Grüße, \"quoted\" \n 😀 and more than one chunk");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  ASSERT_TRUE(answer.usage);
  EXPECT_EQ(answer.usage->TotalInput(), 14);
  EXPECT_EQ(answer.usage->TotalOutput(), 11);
}

TEST_P(Dialects, CallATool) {
  const Answer answer = Both(WithTools("what is the weather?"));
  const auto calls = PartsOf<llm::ToolCallPart>(answer);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].name, "weather");
  EXPECT_EQ(calls[0].arguments, R"({"city":"text"})");
  EXPECT_EQ(answer.finish, FinishReason::kToolCalls);
}

TEST_P(Dialects, CallToolsInParallelAndTakeTheirResultsBack) {
  Conversation conversation = WithTools("use both tools");
  const Answer answer = Both(conversation);
  const auto calls = PartsOf<llm::ToolCallPart>(answer);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].name, "time");
  EXPECT_EQ(calls[1].arguments, R"({"zone":"Zürich"})");
  EXPECT_NE(calls[0].id, calls[1].id);

  Message results{.role = Role::kTool, .parts = {}};
  for (const auto& call : calls) {
    results.parts.emplace_back(llm::ToolResultPart{
        .id = call.id, .name = call.name, .content = {llm::TextPart{"it is " + call.name}}});
  }
  conversation.messages.push_back({.role = Role::kAssistant, .parts = answer.parts});
  conversation.messages.push_back(results);
  const std::string text = TextOf(Both(conversation));
  EXPECT_THAT(text, HasSubstr("it is weather"));
  EXPECT_THAT(text, HasSubstr("it is time"));
}

TEST_P(Dialects, ThinkFirstAndTakeTheirSignatureBackOnlyUnchanged) {
  Conversation conversation = Thinking(WithTools("think, then call"), GetParam());
  const Answer answer = Both(conversation);
  conversation.messages.push_back({.role = Role::kAssistant, .parts = answer.parts});
  conversation.messages.push_back({.role = Role::kTool, .parts = {}});
  for (const auto& call : PartsOf<llm::ToolCallPart>(answer)) {
    conversation.messages.back().parts.emplace_back(
        llm::ToolResultPart{.id = call.id, .name = call.name, .content = {llm::TextPart{"done"}}});
  }
  EXPECT_THAT(TextOf(Both(conversation)), HasSubstr("done"));

  std::string* signature = nullptr;
  for (llm::Part& part : conversation.messages[1].parts) {
    auto* thinking = std::get_if<llm::ThinkingPart>(&part);
    auto* call = std::get_if<llm::ToolCallPart>(&part);
    if (thinking != nullptr && !thinking->signature.empty()) signature = &thinking->signature;
    if (call != nullptr && !call->signature.empty()) signature = &call->signature;
  }
  const bool signs = GetParam() != Dialect::kOpenAiChat && GetParam() != Dialect::kOci;
  ASSERT_EQ(signature != nullptr, signs);
  if (!signs) return;
  (*signature)[3] = (*signature)[3] == 'A' ? 'B' : 'A';
  Ask(conversation, false);
  EXPECT_EQ(writer_->status_, 400) << writer_->body_;
}

TEST_P(Dialects, SeeImages) {
  Conversation conversation = Asking("look");
  conversation.messages[0].parts.emplace_back(
      llm::ImagePart{.data = "iVBORw0KGgo=", .media_type = "image/png"});
  EXPECT_THAT(TextOf(Both(conversation)), HasSubstr("saw 1 image(s)"));
}

TEST_P(Dialects, StopAtTheLimitOfTokens) {
  Conversation conversation = Asking("please say: one two three four");
  conversation.max_output_tokens = 3;
  const Answer answer = Both(conversation);
  EXPECT_EQ(TextOf(answer), "one two thre");
  EXPECT_EQ(answer.finish, FinishReason::kLength);
}

TEST_P(Dialects, StopAtAStopSequence) {
  if (GetParam() == Dialect::kOpenAiResponses) GTEST_SKIP() << "Responses have no stop sequences";
  Conversation conversation = Asking("please say: one two three");
  conversation.stop = {" two"};
  const Answer answer = Both(conversation);
  EXPECT_EQ(TextOf(answer), "one");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST_P(Dialects, AnswerWithAnInstanceOfTheSchema) {
  Conversation conversation = Asking("give me JSON");
  conversation.response_format = llm::ResponseFormat{
      .kind = llm::ResponseFormat::Kind::kJsonSchema,
      .name = "thing",
      .schema =
          R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false})"};
  const Answer answer = Both(conversation);
  const auto calls = PartsOf<llm::ToolCallPart>(answer);  // where a tool stands in for it
  EXPECT_EQ(calls.empty() ? TextOf(answer) : calls[0].arguments, R"({"n":1})");
}

TEST_P(Dialects, Refuse) {
  const Answer answer = Both(Asking("please refuse"));
  std::string said = TextOf(answer);
  for (const auto& refusal : PartsOf<llm::RefusalPart>(answer)) said += refusal.text;
  EXPECT_THAT(said, HasSubstr("I cannot help with that."));
}

TEST_P(Dialects, FailWithTheirOwnErrors) {
  Ask(Asking("please fail with 429"), false);
  EXPECT_EQ(writer_->status_, 429);
  EXPECT_EQ(writer_->Header("Retry-After"), "1");
  EXPECT_FALSE(codec().ReadAnswer(writer_->body_));
  Ask(Asking("please fail with 500"), true);
  EXPECT_EQ(writer_->status_, 500);
  Ask(Asking("please fail with 529"), false);
  EXPECT_EQ(writer_->status_, 529);
}

TEST_P(Dialects, BreakTheirStreamWithoutAnEnd) {
  Ask(Asking("please break the stream: please say: one two three four five six"), true);
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_TRUE(writer_->cut_);
  const auto answer = ReadStream(codec(), writer_->body_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUpstream);
}

TEST_P(Dialects, SendAnErrorEvent) {
  Ask(Asking("please send an error event"), true);
  EXPECT_EQ(writer_->status_, 200);
  EXPECT_FALSE(writer_->cut_);
  ASSERT_FALSE(ReadStream(codec(), writer_->body_));
}

TEST_P(Dialects, RefuseAnUnknownField) {
  const std::string body = R"({"magic":1,)" + Written(Asking("x")).substr(1);
  Send(body, false);
  EXPECT_EQ(writer_->status_, 400);
  EXPECT_THAT(writer_->body_, HasSubstr("magic"));
  if (GetParam() == Dialect::kOci) return;  // whose envelope is the reader's own business
  options_.lenient = true;
  Send(body, false);
  EXPECT_EQ(writer_->status_, 200) << writer_->body_;
}

TEST_P(Dialects, RefuseAToolResultWithoutItsCall) {
  Conversation conversation = WithTools("x");
  conversation.messages.push_back(
      {.role = Role::kTool,
       .parts = {llm::ToolResultPart{
           .id = "call_1", .name = "weather", .content = {llm::TextPart{"r"}}}}});
  Ask(conversation, false);
  EXPECT_EQ(writer_->status_, 400) << writer_->body_;
}

TEST_P(Dialects, RefuseBrokenJson) {
  Send("{", false);
  EXPECT_EQ(writer_->status_, 400);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  EXPECT_EQ(provider_->requests(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, Dialects, testing::ValuesIn(kAll),
                         [](const auto& info) { return std::string(llm::Name(info.param)); });

}  // namespace
}  // namespace triage::simulate
