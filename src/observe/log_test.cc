#include "observe/log.h"

#include <limits>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

/// Catches what the process logs while it lives.
class Captured {
 public:
  explicit Captured(LogFormat format, Level level = Level::kInfo, bool background = false) {
    StartLog({.level = level,
              .format = format,
              .background = background,
              .write = [this](std::string_view line) { lines_.emplace_back(line); }});
  }

  ~Captured() { StopLog(); }

  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

ExchangeId SomeId() {
  return *ExchangeId::Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

TEST(Log, APersonReadsTimeLevelEventAndFields) {
  const Captured log(LogFormat::kHuman);
  Log(Level::kWarn, "breaker open",
      {{"model", "groq/llama"}, {"failures", 5}, {"share", 0.5}, {"probe", false}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(
      log.lines()[0],
      MatchesRegex(
          "20[0-9-]+T[0-9:]+\\.[0-9]{3}Z WARN  breaker open model=groq/llama failures=5 share=0.5 "
          "probe=false"));
}

TEST(Log, JsonLinesHaveTheSameMembersInTheSameOrder) {
  const Captured log(LogFormat::kJson);
  Log(Level::kInfo, SomeId(), "fallback", {{"model", "groq/llama"}, {"attempt", 2U}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(
      log.lines()[0],
      MatchesRegex(
          "\\{\"time\":\"20[0-9-]+T[0-9:]+\\.[0-9]{3}Z\",\"level\":\"info\",\"event\":\"fallback\","
          "\"exchange\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"model\":\"groq/llama\",\"attempt\":2\\}"));
}

TEST(Log, WhatIsBelowTheLevelIsNotWritten) {
  const Captured log(LogFormat::kHuman, Level::kWarn);
  Log(Level::kInfo, "listening");
  Log(Level::kDebug, "chosen");
  EXPECT_THAT(log.lines(), SizeIs(0));
  EXPECT_FALSE(LogEnabled(Level::kInfo));
  EXPECT_TRUE(LogEnabled(Level::kError));
}

TEST(Log, AValueCannotForgeALine) {
  const Captured log(LogFormat::kHuman);
  Log(Level::kInfo, "asked",
      {{"model", "a\n2030-01-01T00:00:00.000Z ERROR forged"}, {"user", "x admin=true"}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(
      log.lines()[0],
      EndsWith("asked model=\"a\\n2030-01-01T00:00:00.000Z ERROR forged\" user=\"x admin=true\""));
}

TEST(Log, JsonStaysJsonWhateverTheBytesAre) {
  const Captured log(LogFormat::kJson);
  Log(Level::kInfo, "odd",
      {{"a", std::string("q\"\\\x01\x7f\0z", 7)},
       {"b", "\xC3\xA4\xF0\x9F\x98\x80"},
       {"c", "\xFF\xC0\xAF\xED\xA0\x80\xE2\x82"}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(
      log.lines()[0],
      HasSubstr("\"a\":\"q\\\"\\\\\\u0001\\u007f\\u0000z\",\"b\":\"\xC3\xA4\xF0\x9F\x98\x80\""));
  EXPECT_THAT(
      log.lines()[0],
      EndsWith(std::string("\"c\":\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"}")));
}

TEST(Log, NumbersThatJsonLacksBecomeNull) {
  const Captured log(LogFormat::kJson);
  Log(Level::kInfo, "n",
      {{"nan", std::numeric_limits<double>::quiet_NaN()},
       {"low", std::numeric_limits<std::int64_t>::min()}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(log.lines()[0], EndsWith("\"nan\":null,\"low\":-9223372036854775808}"));
}

TEST(Log, PlaceholdersOfTheFormatterAreJustText) {
  const Captured log(LogFormat::kHuman);
  Log(Level::kInfo, "event {} %v %%", {{"value", "{0}%n"}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(log.lines()[0], EndsWith("event {} %v %% value={0}%n"));
}

TEST(Log, AnErrorTellsCodeMessageAndDetail) {
  const Captured log(LogFormat::kHuman);
  const Error error{.code = ErrorCode::kUpstream,
                    .message = "bad answer",
                    .detail = "groq: cut",
                    .upstream_status = 502};
  Log(Level::kWarn, SomeId(), "attempt failed", error, {{"model", "llama"}});
  ASSERT_THAT(log.lines(), SizeIs(1));
  EXPECT_THAT(
      log.lines()[0],
      EndsWith("attempt failed exchange=01ARZ3NDEKTSV4RRFFQ69G5FAV model=llama code=upstream "
               "message=\"bad answer\" detail=\"groq: cut\" status=502"));
}

TEST(Log, WhatAnErrorQuotesFromARequestIsLeftOut) {
  const Captured log(LogFormat::kHuman);
  const Error error{.code = ErrorCode::kInvalidRequest,
                    .message = "unknown role 'my secret'",
                    .field = "/messages/0"};
  Log(Level::kWarn, SomeId(), "refused", error);
  Log(Level::kError, "reload refused", error);
  ASSERT_THAT(log.lines(), SizeIs(2));
  EXPECT_THAT(
      log.lines()[0],
      EndsWith(
          "refused exchange=01ARZ3NDEKTSV4RRFFQ69G5FAV code=invalid_request field=/messages/0"));
  EXPECT_THAT(log.lines()[1], HasSubstr("my secret"));
}

TEST(Log, BackgroundLinesOfAllThreadsAreWrittenBeforeStopReturns) {
  std::vector<std::string> lines;
  StartLog(
      {.background = true, .write = [&lines](std::string_view line) { lines.emplace_back(line); }});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int n = 0; n < 250; ++n) Log(Level::kInfo, "line", {{"n", n}});
      });
    }
  }
  StopLog();
  EXPECT_THAT(lines, SizeIs(1000));
}

TEST(Log, LevelsReadBackAsTheyAreNamed) {
  for (const Level level :
       {Level::kTrace, Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    EXPECT_EQ(ParseLevel(Name(level)), level);
  }
  EXPECT_EQ(ParseLevel("loud"), std::nullopt);
}

}  // namespace
}  // namespace triage::observe
