#include "providers/stream_relay.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace triage::providers {
namespace {

struct Seen {
  std::string relayed;
  llm::ReplySummary summary;
  std::optional<Error> error;
};

void Drain(StreamRelay& relay, Seen& seen) {
  for (std::string_view run = relay.Next(); !run.empty(); run = relay.Next()) seen.relayed += run;
}

// Every piece in memory of its own that is gone when the next one comes, so that a sanitizer sees
// views kept too long.
Seen Relay(std::string_view stream, const std::vector<std::size_t>& splits, bool wants_usage) {
  StreamRelay relay(wants_usage);
  Seen seen;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= splits.size(); ++i) {
    const std::size_t end = i < splits.size() ? splits[i] : stream.size();
    const std::string piece(stream.substr(begin, end - begin));
    relay.Feed(piece);
    Drain(relay, seen);
    begin = end;
  }
  relay.End();
  Drain(relay, seen);
  seen.summary = relay.summary();
  seen.error = relay.error();
  return seen;
}

Seen Whole(std::string_view stream, bool wants_usage = false) {
  return Relay(stream, {}, wants_usage);
}

std::string Event(std::string_view data) {
  return "data: " + std::string(data) + "\n\n";
}

const std::string kFirst = Event(
    R"({"model":"m","choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]})");
const std::string kText = Event(
    R"({"choices":[{"delta":{"content":"hällo \"usage\":"},"finish_reason":null}],"usage":null})");
const std::string kStop = Event(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})");
const std::string kUsage =
    Event(R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})");
const std::string kDone = "data: [DONE]\n\n";

TEST(StreamRelay, RelaysEverythingWhenTheClientWantsUsage) {
  const std::string stream = kFirst + ": ping\n\n" + kText + kStop + kUsage + kDone;
  const Seen seen = Whole(stream, true);
  EXPECT_EQ(seen.relayed, stream);
  EXPECT_FALSE(seen.error);
  EXPECT_TRUE(seen.summary.complete);
  EXPECT_EQ(seen.summary.usage->output, 3);
}

TEST(StreamRelay, TakesOutOnlyTheUsageChunk) {
  EXPECT_EQ(Whole(kFirst + kText + kUsage + kStop + kUsage + kDone).relayed,
            kFirst + kText + kStop + kDone);
}

TEST(StreamRelay, GivesTheSameForEverySplit) {
  std::string crlf = kFirst + kText + kStop + kUsage + kDone;
  for (std::size_t at = 0; (at = crlf.find('\n', at)) != std::string::npos; at += 2)
    crlf.insert(at, "\r");
  std::string cr = kFirst + kText + kStop + kUsage + kDone;
  for (char& c : cr) c = c == '\n' ? '\r' : c;
  const std::vector<std::string> streams = {
      "\xEF\xBB\xBF: hi\n\n" + kFirst + ": ping\n\n" + kText + kStop + kUsage + kDone,
      crlf,
      cr,
      "event: message\nid: 1\ndata:{\"model\":\"m\",\ndata: \"choices\":[{}]}\nretry: 5\n\n" +
          kStop + kDone,
      kFirst + kText + "data: {\"error\":{\"message\":\"overloaded\"}}\n\n" + kDone,
      kFirst + kText + kText.substr(0, 40),
      kFirst + kStop.substr(0, kStop.size() - 2),
      kFirst + kText + "data: [DONE]",
      kFirst + "\n\n" + kStop,
      "",
      ": only comments\n\n",
      kDone,
      "data: <html>\n\n",
  };
  for (const std::string& stream : streams) {
    for (const bool wants_usage : {false, true}) {
      const Seen whole = Whole(stream, wants_usage);
      const auto expect_same = [&](const std::vector<std::size_t>& splits) {
        const Seen split = Relay(stream, splits, wants_usage);
        ASSERT_EQ(split.relayed, whole.relayed) << stream;
        ASSERT_EQ(split.summary.usage, whole.summary.usage);
        ASSERT_EQ(split.summary.finish, whole.summary.finish);
        ASSERT_EQ(split.summary.complete, whole.summary.complete);
        ASSERT_EQ(split.error.has_value(), whole.error.has_value());
        if (whole.error) ASSERT_EQ(split.error->message, whole.error->message);
      };
      std::vector<std::size_t> bytewise;
      for (std::size_t at = 0; at < stream.size(); ++at) bytewise.push_back(at);
      expect_same(bytewise);
      for (std::size_t a = 0; a <= stream.size(); ++a) {
        expect_same({a});
        expect_same({a, std::min(a + 1, stream.size())});
        expect_same({a, (a + stream.size()) / 2});
      }
    }
  }
}

TEST(StreamRelay, HandsOutViewsOfWhatWasFed) {
  const std::string stream = kFirst + kText + kStop + kDone;
  StreamRelay relay(false);
  relay.Feed(stream);
  const std::string_view run = relay.Next();
  EXPECT_EQ(run.data(), stream.data());
  EXPECT_EQ(run.size(), stream.size());
  EXPECT_TRUE(relay.Next().empty());
}

TEST(StreamRelay, HoldsAnEventUntilItIsComplete) {
  StreamRelay relay(false);
  const std::string half = kFirst + kText.substr(0, 20);
  relay.Feed(half);
  EXPECT_EQ(relay.Next(), kFirst);
  EXPECT_TRUE(relay.Next().empty());
  const std::string rest = kText.substr(20);
  relay.Feed(rest);
  EXPECT_EQ(relay.Next(), kText);
}

TEST(StreamRelay, DropsCommentsInFrontOfTheFirstChunk) {
  EXPECT_EQ(Whole(": OPENROUTER PROCESSING\n\n: again\n\n" + kFirst + kStop + kDone).relayed,
            kFirst + kStop + kDone);
}

TEST(StreamRelay, CallsAStreamWithoutDoneCompleteAfterItsFinish) {
  const Seen seen = Whole(kFirst + kStop);
  EXPECT_FALSE(seen.error);
  EXPECT_TRUE(seen.summary.complete);
  EXPECT_EQ(seen.relayed, kFirst + kStop);
}

TEST(StreamRelay, FailsWhenTheStreamIsCut) {
  const Seen seen = Whole(kFirst + kText);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->code, ErrorCode::kUpstream);
  EXPECT_EQ(seen.error->message, "The provider's stream ended early.");
  EXPECT_FALSE(seen.summary.complete);
  EXPECT_EQ(seen.relayed, kFirst + kText);
  EXPECT_EQ(Whole(kFirst + kText + kStop.substr(0, 30)).relayed, kFirst + kText);
}

TEST(StreamRelay, EndsALastEventThatLacksItsBlankLine) {
  const Seen seen = Whole(kFirst + kStop + "data: [DONE]");
  EXPECT_FALSE(seen.error);
  EXPECT_EQ(seen.relayed, kFirst + kStop + "data: [DONE]\n\n");
}

TEST(StreamRelay, StopsAtAnErrorEventAndRelaysNothingBehindIt) {
  const Seen seen = Whole(kFirst + kText + Event(R"({"error":{"message":"overloaded"}})") + kDone);
  EXPECT_EQ(seen.relayed, kFirst + kText);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->message, "overloaded");
  EXPECT_TRUE(Whole(kFirst + "event: error\ndata: {\"type\":\"x\"}\n\n" + kDone).error);
}

TEST(StreamRelay, FailsOnAStreamWithoutAnyChunk) {
  for (const std::string& stream : {std::string(), std::string(": x\n\n"), kDone}) {
    const Seen seen = Whole(stream);
    ASSERT_TRUE(seen.error) << stream;
    EXPECT_EQ(seen.error->message, "The provider's stream ended before its first event.");
    EXPECT_EQ(seen.relayed, "");
  }
}

TEST(StreamRelay, BoundsWhatItKeepsOfOneEvent) {
  StreamRelay relay(false);
  relay.Feed(kFirst);
  EXPECT_EQ(relay.Next(), kFirst);
  const std::string piece(1024 * 1024, 'x');
  for (int i = 0; i < 10 && !relay.error(); ++i) {
    relay.Feed(piece);
    EXPECT_TRUE(relay.Next().empty());
  }
  ASSERT_TRUE(relay.error());
  EXPECT_EQ(relay.error()->code, ErrorCode::kUpstream);
}

}  // namespace
}  // namespace triage::providers
