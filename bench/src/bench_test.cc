#include <gtest/gtest.h>

#include "bench/src/response_reader.h"
#include "bench/src/stats.h"

namespace triage::bench {
namespace {

using State = ResponseReader::State;

std::vector<std::uint64_t> OneTo(std::uint64_t n) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = n; i > 0; --i) values.push_back(i);
  return values;
}

TEST(Stats, PercentilesOfOneToAThousandAreTheirRanks) {
  const Summary summary = Summarize(OneTo(1000));
  EXPECT_EQ(summary.p50, 500U);
  EXPECT_EQ(summary.p90, 900U);
  EXPECT_EQ(summary.p95, 950U);
  EXPECT_EQ(summary.p99, 990U);
  EXPECT_EQ(summary.max, 1000U);
  EXPECT_DOUBLE_EQ(summary.mean, 500.5);
}

TEST(Stats, ARankBetweenTwoSamplesTakesTheUpperOne) {
  EXPECT_EQ(Percentile({10, 20, 30}, 50), 20U);
  EXPECT_EQ(Percentile({10, 20, 30}, 34), 20U);
  EXPECT_EQ(Percentile({10, 20, 30}, 33), 10U);
  EXPECT_EQ(Percentile({10, 20, 30}, 99), 30U);
}

TEST(Stats, OneSampleIsEveryPercentile) {
  const Summary summary = Summarize({7});
  EXPECT_EQ(summary.p50, 7U);
  EXPECT_EQ(summary.p99, 7U);
}

TEST(Stats, AnEmptySampleIsAllZero) {
  EXPECT_EQ(Summarize({}).count, 0U);
  EXPECT_EQ(Summarize({}).p99, 0U);
}

TEST(Stats, SummaryJsonShowsMicroseconds) {
  EXPECT_EQ(
      SummaryJson(Summarize({1500, 2500})),
      R"({"count":2,"p50_us":1.5,"p90_us":2.5,"p95_us":2.5,"p99_us":2.5,"max_us":2.5,"mean_us":2.0})");
}

TEST(Stats, DueTimesDoNotDrift) {
  EXPECT_EQ(DueNs(100, 0, 3000), 100U);
  EXPECT_EQ(DueNs(100, 3'000'000, 3000), 1'000'000'000'100U);
}

constexpr std::string_view kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    "11\r\ndata: {\"a\":1}\n\nda\r\n"
    "1a\r\nta: {\"a\":2}\n\n: ping data:\n\r\n"
    "f\r\ndata: [DONE]\n\n\n\r\n"
    "0\r\n\r\n";

TEST(ResponseReader, CountsEventsWhateverTheCutsBetweenReads) {
  for (std::size_t step = 1; step <= kStream.size(); ++step) {
    ResponseReader reader;
    for (std::size_t at = 0; at < kStream.size(); at += step) {
      reader.Feed(kStream.substr(at, step));
    }
    EXPECT_EQ(reader.state(), State::kDone) << "step " << step;
    EXPECT_EQ(reader.events(), 3U) << "step " << step;
    EXPECT_EQ(reader.body_bytes(), 0x11U + 0x1aU + 0xfU) << "step " << step;
    EXPECT_TRUE(reader.saw_done());
  }
}

TEST(ResponseReader, AStreamThatIsCutOffIsNotDone) {
  ResponseReader reader;
  reader.Feed(kStream.substr(0, kStream.size() - 3));
  EXPECT_NE(reader.state(), State::kDone);
}

TEST(ResponseReader, ReadsALengthAndTheWishToClose) {
  ResponseReader reader;
  reader.Feed("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\nCONNECTION: close\r\n\r\nbu");
  EXPECT_EQ(reader.state(), State::kLength);
  reader.Feed("sy");
  EXPECT_EQ(reader.state(), State::kDone);
  EXPECT_EQ(reader.status(), 503);
  EXPECT_TRUE(reader.closes());
  EXPECT_EQ(reader.events(), 0U);
}

TEST(ResponseReader, RefusesWhatItCannotFrame) {
  for (const std::string_view bad :
       {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n", "garbage\r\n\r\n"}) {
    ResponseReader reader;
    reader.Feed(bad);
    EXPECT_EQ(reader.state(), State::kBroken) << bad;
  }
}

}  // namespace
}  // namespace triage::bench
