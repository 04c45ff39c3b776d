#include "net/http_codec.h"

#include <string>

#include <gtest/gtest.h>

namespace triage::net {
namespace {

Result<void> Parse(std::string_view head, RequestHead& out) {
  EXPECT_EQ(FindHeadEnd(head, 0), head.size());
  return ParseRequestHead(head, out);
}

TEST(RequestHead, ReadsFieldsAndFraming) {
  RequestHead head;
  ASSERT_TRUE(
      Parse("POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length:  12 \r\nX-A: "
            "b\tc\r\n\r\n",
            head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat/completions?x=1");
  EXPECT_EQ(head.framing, BodyFraming::kLength);
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(FindHeader(head.headers, "x-a"), "b\tc");
}

TEST(RequestHead, KeepsOrClosesAsTheVersionAndTheFieldSay) {
  RequestHead head;
  ASSERT_TRUE(Parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
  ASSERT_TRUE(Parse("GET / HTTP/1.0\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
  ASSERT_TRUE(Parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", head));
  EXPECT_TRUE(head.keep_alive);
}

class RefusedHead : public testing::TestWithParam<const char*> {};

TEST_P(RefusedHead, IsRefused) {
  RequestHead head;
  EXPECT_FALSE(ParseRequestHead(GetParam(), head).has_value()) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, RefusedHead,
    testing::Values(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
        "chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n Folded: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: b\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));

TEST(RequestHead, RefusesTooManyFields) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) text.append("X: y\r\n");
  text.append("\r\n");
  RequestHead head;
  const Result<void> parsed = ParseRequestHead(text, head);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kTooLarge);
}

TEST(ResponseHead, ReadsStatusAndFraming) {
  ResponseHead head;
  ASSERT_TRUE(ParseResponseHead("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", head));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.framing, BodyFraming::kChunked);
  ASSERT_TRUE(ParseResponseHead("HTTP/1.1 503\r\n\r\n", head));
  EXPECT_EQ(head.framing, BodyFraming::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_TRUE(ParseResponseHead("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", head));
  EXPECT_EQ(head.framing, BodyFraming::kNone);
  EXPECT_FALSE(ParseResponseHead("HTTP/1.1 2000 OK\r\n\r\n", head).has_value());
  EXPECT_FALSE(ParseResponseHead("<html>\r\n\r\n", head).has_value());
}

/// Decodes with the input cut at `split`; "!" stands for an error.
std::string Decode(std::string_view input, std::size_t split) {
  ChunkedDecoder decoder;
  std::string data;
  ChunkedDecoder::State state = ChunkedDecoder::State::kMore;
  for (std::string_view part : {input.substr(0, split), input.substr(split)}) {
    while (!part.empty() && state == ChunkedDecoder::State::kMore) {
      const ChunkedDecoder::Step step = decoder.Next(part);
      data.append(step.data);
      part.remove_prefix(step.consumed);
      state = step.state;
    }
  }
  if (state == ChunkedDecoder::State::kError) return "!";
  return state == ChunkedDecoder::State::kDone ? data : data + "…";
}

TEST(ChunkedDecoder, GivesTheSameForEverySplit) {
  const std::string_view input =
      "4;a=b\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\n";
  for (std::size_t split = 0; split <= input.size(); ++split) {
    EXPECT_EQ(Decode(input, split), "Wikipedia in \r\n\r\nchunks.") << split;
  }
}

TEST(ChunkedDecoder, RefusesWhatIsNotItsGrammar) {
  for (const std::string_view bad :
       {"\r\n", "g\r\n", "4\nWiki\r\n", "4\r\nWikiX\r\n", "-1\r\n", "0x4\r\nWiki\r\n",
        "1234567890123456\r\n", "4\r\nWiki\n0\r\n\r\n", "0\r\nA\n\r\n"}) {
    for (std::size_t split = 0; split <= bad.size(); ++split)
      EXPECT_EQ(Decode(bad, split), "!") << bad;
  }
}

TEST(ChunkedDecoder, IsNotDoneBeforeItsLastLine) {
  EXPECT_EQ(Decode("4\r\nWiki\r\n0\r\n", 3), "Wiki…");
}

}  // namespace
}  // namespace triage::net
