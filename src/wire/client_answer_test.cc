#include "wire/client_answer.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace triage::wire {
namespace {

constexpr std::array kClientDialects{llm::Dialect::kOpenAiChat, llm::Dialect::kOpenAiResponses,
                                     llm::Dialect::kAnthropic};

llm::Answer Sample() {
  return {.id = "chatcmpl-1",
          .model = "m",
          .created = 1'700'000'000,
          .parts = {llm::TextPart{.text = "Vienna is the capital of Austria."}},
          .finish = llm::FinishReason::kStop,
          .usage = llm::Usage{.fresh_input = 5, .output = 7}};
}

void Prepare(llm::Dialect dialect, bool stream, llm::Request& request) {
  request.dialect = dialect;
  request.stream = stream;
  request.include_usage = true;
  request.id = "0190f5c0-0000-7000-8000-000000000000";
  request.created = 1'700'000'000;
  request.body = R"({"model":"auto","input":"?","messages":[{"role":"user","content":"?"}]})";
}

TEST(ClientAnswer, WhatIsWrittenForAClientReadsBackAsItWas) {
  for (const llm::Dialect dialect : kClientDialects) {
    for (const bool stream : {false, true}) {
      llm::Request request;
      Prepare(dialect, stream, request);
      const std::string bytes = WriteClientAnswer(request, Sample(), "m");
      const Result<llm::Answer> read = ReadClientAnswer(request, bytes);
      ASSERT_TRUE(read.has_value()) << llm::Name(dialect) << ": " << read.error().message;
      EXPECT_EQ(llm::TextOf(*read), "Vienna is the capital of Austria.");
      EXPECT_EQ(read->finish, llm::FinishReason::kStop);
      EXPECT_EQ(read->usage, Sample().usage);
    }
  }
}

TEST(ClientAnswer, AStreamThatWasCutAnywhereSaysWhatHasComeButIsNoWholeAnswer) {
  for (const llm::Dialect dialect : kClientDialects) {
    llm::Request request;
    Prepare(dialect, true, request);
    const std::string bytes = WriteClientAnswer(request, Sample(), "m");
    const std::string whole = llm::TextOf(Sample());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const std::string_view part = std::string_view(bytes).substr(0, cut);
      const Result<llm::Answer> begun = ReadClientAnswerBegun(request, part);
      ASSERT_TRUE(begun.has_value()) << llm::Name(dialect) << " at " << cut;
      EXPECT_TRUE(whole.starts_with(llm::TextOf(*begun)));
    }
    EXPECT_FALSE(ReadClientAnswer(request, std::string_view(bytes).substr(0, bytes.size() / 2)));
  }
}

TEST(ClientAnswer, WhatIsNoAnswerIsAnError) {
  llm::Request request;
  Prepare(llm::Dialect::kOpenAiChat, false, request);
  EXPECT_FALSE(ReadClientAnswer(request, "not JSON"));
  request.stream = true;
  EXPECT_FALSE(ReadClientAnswer(request, "data: {\"error\":{\"message\":\"no\"}}\n\n"));
}

}  // namespace
}  // namespace triage::wire
