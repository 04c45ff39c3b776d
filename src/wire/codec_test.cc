#include "wire/codec.h"

#include <gtest/gtest.h>

#include "wire/aws_event_stream.h"
#include "wire/client_request.h"
#include "wire/sse.h"
#include "wire/test_conversation.h"

namespace triage::wire {
namespace {

constexpr int kRounds = 300;

/// Reads a stream back that `codec` wrote, its bytes in pieces of `step`.
Result<llm::Answer> ReadWrittenStream(const Codec& codec, std::string_view bytes,
                                      std::size_t step = 7) {
  const std::unique_ptr<StreamReader> reader = codec.NewStreamReader();
  std::vector<llm::StreamEvent> events;
  const bool aws = codec.framing() == Framing::kAwsEventStream;
  SseFramer sse;
  AwsEventStreamDecoder decoder;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string_view piece = bytes.substr(at, step);
    if (aws) {
      decoder.Feed(piece);
      while (const auto message = decoder.Next()) {
        Result<void> read = reader->OnEvent(message->type, message->payload, events);
        if (!read) return std::move(read).error();
      }
    } else {
      sse.Feed(piece);
      while (const auto event = sse.Next()) {
        if (!event->has_data) continue;
        Result<void> read = reader->OnEvent(event->name, event->data, events);
        if (!read) return std::move(read).error();
      }
    }
  }
  Result<void> ended = reader->OnEnd(events);
  if (!ended) return std::move(ended).error();
  llm::AnswerBuilder builder;
  for (const llm::StreamEvent& event : events) builder.Add(event);
  if (!builder.ended()) {
    return Error{.code = ErrorCode::kInternal, .message = "no kEnd came"};
  }
  return builder.answer();
}

std::string WriteStream(const Codec& codec, const llm::Answer& answer,
                        const AnswerContext& context) {
  const std::unique_ptr<StreamWriter> writer = codec.NewStreamWriter(context);
  std::string bytes;
  for (const llm::StreamEvent& event : llm::EventsOf(answer)) writer->Write(event, bytes);
  return bytes;
}

Expressible Chat() {
  return {.dialect = llm::Dialect::kOpenAiChat,
          .names = true,
          .developer = true,
          .image_urls = true,
          .image_detail = true,
          .documents = true,
          .cache = true,
          .several_choices = true,
          .penalties = true,
          .seed = true,
          .top_k = true,
          .logprobs = true,
          .json_object = true,
          .schema_names = true,
          .refusals = true,
          .metadata = true};
}

Expressible Anthropic() {
  return {.dialect = llm::Dialect::kAnthropic,
          .image_urls = true,
          .documents = true,
          .document_texts = true,
          .cache = true,
          .signatures = true,
          .thinking = true,
          .failed_results = true,
          .top_k = true};
}

Expressible Gemini() {
  return {.dialect = llm::Dialect::kGemini,
          .model_in_url = true,
          .image_urls = true,
          .signatures = true,
          .thinking = true,
          .failed_results = true,
          .penalties = true,
          .seed = true,
          .top_k = true,
          .logprobs = true,
          .json_object = true};
}

Expressible Bedrock() {
  return {.dialect = llm::Dialect::kBedrock,
          .model_in_url = true,
          .no_answer_ids = true,
          .documents = true,
          .document_texts = true,
          .cache = true,
          .signatures = true,
          .thinking = true,
          .failed_results = true,
          .top_k = true,
          .schema_names = true,
          .metadata = true};
}

class EveryCodec : public ::testing::TestWithParam<Expressible> {
 protected:
  const Codec& codec() const { return CodecOf(GetParam().dialect); }
};

TEST_P(EveryCodec, GivesBackEveryRequestThatItWrote) {
  for (int round = 0; round < kRounds; ++round) {
    Invention invention(static_cast<std::uint64_t>(round), GetParam());
    llm::Conversation asked = invention.Conversation();
    const Result<WrittenRequest> written = codec().WriteRequest(asked, asked.model, {});
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_TRUE(written->warnings.empty()) << written->warnings.front() << written->body;
    const Result<llm::Conversation> read = codec().ReadRequest(written->body, {});
    ASSERT_TRUE(read) << read.error().message << '\n' << written->body;
    const Result<WrittenRequest> again = codec().WriteRequest(*read, read->model, {});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->body, written->body);
    EXPECT_TRUE(*read == asked) << "round " << round << ": " << written->body;
  }
}

TEST_P(EveryCodec, GivesBackEveryAnswerThatItWrote) {
  for (int round = 0; round < kRounds; ++round) {
    Invention invention(static_cast<std::uint64_t>(round), GetParam());
    llm::Answer said = invention.Answer();
    const std::string body = codec().WriteAnswer(said, {.id = "x", .model = "m", .created = 5});
    Result<llm::Answer> read = codec().ReadAnswer(body);
    ASSERT_TRUE(read) << read.error().message;
    read->raw_finish.clear();
    if (read->created == 0) read->created = said.created;
    EXPECT_TRUE(*read == said) << "round " << round << ": " << body;
  }
}

TEST_P(EveryCodec, GivesBackEveryStreamThatItWroteHoweverItIsSplit) {
  for (int round = 0; round < kRounds; ++round) {
    Invention invention(static_cast<std::uint64_t>(round), GetParam());
    llm::Answer said = invention.Answer();
    const std::string bytes =
        WriteStream(codec(), said, {.id = "x", .model = "m", .created = 5, .include_usage = true});
    Result<llm::Answer> read =
        ReadWrittenStream(codec(), bytes, 1 + static_cast<std::size_t>(round) % 50);
    ASSERT_TRUE(read) << read.error().message << bytes;
    read->raw_finish.clear();
    if (read->created == 0) read->created = said.created;
    EXPECT_TRUE(*read == said) << "round " << round << ": " << bytes;
  }
}

TEST_P(EveryCodec, NeverTakesACutStreamForAWholeOne) {
  Invention invention(1, GetParam());
  llm::Answer said = invention.Answer();
  const std::string bytes = WriteStream(codec(), said, {.id = "x", .model = "m", .created = 5});
  // The finish reason is the earliest sign of an end.
  std::size_t sign = bytes.size();
  for (const std::string_view word :
       {"\"finish_reason\":\"", "\"stop_reason\":\"", "stopReason", "finishReason"}) {
    sign = std::min(sign, bytes.find(word));
  }
  ASSERT_LT(sign, bytes.size());
  for (std::size_t cut = 0; cut < sign; ++cut) {
    EXPECT_FALSE(ReadWrittenStream(codec(), bytes.substr(0, cut), 64)) << cut;
  }
}

TEST_P(EveryCodec, EndsABrokenStreamWithAnErrorThatItsReaderReports) {
  const auto writer = codec().NewStreamWriter({.id = "x", .model = "m"});
  Invention invention(2, GetParam());
  const std::vector<llm::StreamEvent> events = llm::EventsOf(invention.Answer());
  std::string bytes;
  writer->Write(events[0], bytes);
  writer->Write(events[1], bytes);
  Error error{
      .code = ErrorCode::kUpstream, .message = "the provider broke off", .detail = "secret"};
  writer->WriteError(error, bytes);
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  const Result<llm::Answer> read = ReadWrittenStream(codec(), bytes, 64);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("the provider broke off"), std::string::npos)
      << read.error().message;
}

INSTANTIATE_TEST_SUITE_P(Dialects, EveryCodec,
                         ::testing::Values(Chat(), Anthropic(), Gemini(), Bedrock()),
                         [](const auto& info) {
                           return std::string(llm::Name(info.param.dialect));
                         });

TEST(ClientRequest, KnowsImagesByUrlAndDocumentsOfOpenAiChat) {
  const auto needs = [](std::string_view part) {
    llm::Request request;
    const Result<void> read = ReadClientRequest(
        llm::Dialect::kOpenAiChat,
        R"({"model":"m","messages":[{"role":"user","content":[)" + std::string(part) + "]}]}", {},
        request);
    EXPECT_TRUE(read) << read.error().message;
    return request.needs;
  };
  const llm::Needs url =
      needs(R"({"type":"image_url","image_url":{"detail":"low","url":"https://e.com/a.png"}})");
  EXPECT_TRUE(url.vision);
  EXPECT_TRUE(url.image_urls);
  const llm::Needs data =
      needs(R"({"type":"image_url","image_url": {"url" : "data:image/png;base64,aGk="}})");
  EXPECT_TRUE(data.vision);
  EXPECT_FALSE(data.image_urls);
  EXPECT_TRUE(needs(R"({"type":"file","file":{"file_id":"f"}})").documents);
}

// Providers refuse messages of nothing.
TEST(Codecs, SendNoMessageOfWhichNothingIsLeft) {
  for (std::size_t to = 0; to < llm::kDialects; ++to) {
    const auto dialect = static_cast<llm::Dialect>(to);
    const auto other =
        dialect == llm::Dialect::kGemini ? llm::Dialect::kOpenAiResponses : llm::Dialect::kGemini;
    llm::Conversation conversation{.model = "m", .max_output_tokens = 9};
    const auto say = [&](llm::Role role, llm::Part part) {
      conversation.messages.push_back({.role = role, .parts = {std::move(part)}});
    };
    say(llm::Role::kUser, llm::TextPart{.text = "a"});
    say(llm::Role::kAssistant,
        llm::ThinkingPart{.signature = "x", .redacted = true, .origin = other});
    say(llm::Role::kUser, llm::OpaquePart{.origin = other, .type = "odd", .json = "{}"});
    say(llm::Role::kUser, llm::TextPart{.text = "b"});
    const Result<WrittenRequest> written =
        CodecOf(dialect).WriteRequest(conversation, "m", {.oci_compartment = "c"});
    ASSERT_TRUE(written) << written.error().message;
    for (const std::string_view empty : {R"("content":[])", R"("content":"")", R"("content":null)",
                                         R"("parts":[])", R"("message":"")"}) {
      EXPECT_EQ(written->body.find(empty), std::string::npos)
          << llm::Name(dialect) << ": " << written->body;
    }
    EXPECT_FALSE(written->warnings.empty()) << llm::Name(dialect);
  }
}

/// A stream of each provider dialect read for a client of each dialect, as HttpProvider does it.
TEST(Codecs, CarryTextsAndCallsFromEveryDialectToEveryOther) {
  for (std::size_t from = 0; from < llm::kDialects; ++from) {
    for (std::size_t to = 0; to < llm::kDialects; ++to) {
      const Codec& provider = CodecOf(static_cast<llm::Dialect>(from));
      const Codec& client = CodecOf(static_cast<llm::Dialect>(to));
      for (int round = 0; round < 20; ++round) {
        Invention invention(static_cast<std::uint64_t>(round), {.dialect = provider.dialect()});
        const llm::Answer said = invention.Answer();
        const AnswerContext context{.id = "x", .model = "m", .created = 5, .include_usage = true};
        const Result<llm::Answer> read =
            ReadWrittenStream(provider, WriteStream(provider, said, context), 512);
        ASSERT_TRUE(read) << llm::Name(provider.dialect()) << ": " << read.error().message;
        const Result<llm::Answer> arrived =
            ReadWrittenStream(client, WriteStream(client, *read, context), 512);
        ASSERT_TRUE(arrived) << llm::Name(client.dialect()) << ": " << arrived.error().message;
        EXPECT_EQ(llm::TextOf(*arrived), llm::TextOf(said));
        EXPECT_EQ(arrived->finish, said.finish)
            << llm::Name(provider.dialect()) << " to " << llm::Name(client.dialect());
        EXPECT_EQ(arrived->usage->TotalInput(), said.usage->TotalInput());
        EXPECT_EQ(arrived->usage->TotalOutput(), said.usage->TotalOutput());
        std::vector<std::string> names[2];
        int at = 0;
        for (const llm::Answer* answer : {&said, &*arrived}) {
          for (const llm::Part& part : answer->parts) {
            if (const auto* call = std::get_if<llm::ToolCallPart>(&part))
              names[at].push_back(call->name + call->arguments);
          }
          ++at;
        }
        EXPECT_EQ(names[1], names[0]);
      }
    }
  }
}

}  // namespace
}  // namespace triage::wire
