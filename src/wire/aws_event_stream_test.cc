#include "wire/aws_event_stream.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::wire {
namespace {

struct Seen {
  std::string type;
  std::string payload;
  bool exception;

  bool operator==(const Seen&) const = default;
};

std::vector<Seen> Decode(AwsEventStreamDecoder& decoder, const std::vector<std::string>& pieces) {
  std::vector<Seen> seen;
  for (const std::string& piece : pieces) {
    decoder.Feed(piece);
    while (const auto message = decoder.Next()) {
      seen.push_back(
          {std::string(message->type), std::string(message->payload), message->exception});
    }
  }
  return seen;
}

std::string TwoMessages() {
  std::string bytes;
  AppendAwsEvent(bytes, "contentBlockDelta", R"({"delta":{"text":"a"}})");
  AppendAwsEvent(bytes, "throttlingException", R"({"message":"slow down"})", true);
  return bytes;
}

const std::vector<Seen> kTwo = {{"contentBlockDelta", R"({"delta":{"text":"a"}})", false},
                                {"throttlingException", R"({"message":"slow down"})", true}};

// The example of AWS's own documentation of the encoding: no headers, payload {'foo':'bar'}.
TEST(AwsEventStream, ReadsTheDocumentedExample) {
  const std::string bytes(
      "\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36", 29);
  AwsEventStreamDecoder decoder;
  const std::vector<Seen> seen = Decode(decoder, {bytes});
  ASSERT_FALSE(decoder.error()) << decoder.error()->message;
  EXPECT_EQ(seen, (std::vector<Seen>{{"", "{'foo':'bar'}", false}}));
}

TEST(AwsEventStream, GivesTheSameMessagesHoweverTheBytesAreSplit) {
  const std::string bytes = TwoMessages();
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    for (std::size_t second = first; second <= bytes.size(); second += 7) {
      AwsEventStreamDecoder decoder;
      EXPECT_EQ(Decode(decoder, {bytes.substr(0, first), bytes.substr(first, second - first),
                                 bytes.substr(second)}),
                kTwo);
      EXPECT_FALSE(decoder.within_message());
    }
  }
}

TEST(AwsEventStream, TakesBytesOneByOne) {
  std::vector<std::string> pieces;
  for (const char c : TwoMessages()) pieces.emplace_back(1, c);
  AwsEventStreamDecoder decoder;
  EXPECT_EQ(Decode(decoder, pieces), kTwo);
}

TEST(AwsEventStream, FindsEveryFlippedBit) {
  const std::string bytes = TwoMessages();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    AwsEventStreamDecoder decoder;
    EXPECT_NE(Decode(decoder, {broken}), kTwo) << at;
    EXPECT_TRUE(decoder.error() || decoder.within_message()) << at;
    if (decoder.error()) EXPECT_EQ(decoder.error()->code, ErrorCode::kUpstream);
  }
}

TEST(AwsEventStream, SaysWhenAMessageIsUnfinished) {
  const std::string bytes = TwoMessages();
  AwsEventStreamDecoder decoder;
  Decode(decoder, {bytes.substr(0, bytes.size() - 1)});
  EXPECT_TRUE(decoder.within_message());
  EXPECT_FALSE(decoder.error());
}

// A header of every type; values as the wire has them.
const std::array<AwsHeader, 10> kEveryType = {{
    {.name = "true", .type = AwsHeader::Type::kTrue, .value = ""},
    {.name = "false", .type = AwsHeader::Type::kFalse, .value = ""},
    {.name = "byte", .type = AwsHeader::Type::kByte, .value = std::string_view("\xFF", 1)},
    {.name = "short", .type = AwsHeader::Type::kShort, .value = std::string_view("\x01\x00", 2)},
    {.name = "integer", .type = AwsHeader::Type::kInteger, .value = "1234"},
    {.name = "long", .type = AwsHeader::Type::kLong, .value = "12345678"},
    {.name = "bytes", .type = AwsHeader::Type::kBytes, .value = std::string_view("\x00\xFE", 2)},
    {.name = ":event-type", .type = AwsHeader::Type::kString, .value = "all"},
    {.name = "time", .type = AwsHeader::Type::kTimestamp, .value = "87654321"},
    {.name = "uuid", .type = AwsHeader::Type::kUuid, .value = "0123456789abcdef"},
}};

TEST(AwsEventStream, ReadsHeadersOfEveryType) {
  std::string bytes;
  AppendAwsMessage(bytes, kEveryType, "payload");
  AwsEventStreamDecoder decoder;
  decoder.Feed(bytes);
  const auto message = decoder.Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, "all");
  EXPECT_EQ(message->payload, "payload");
  ASSERT_EQ(message->headers.size(), kEveryType.size());
  for (std::size_t i = 0; i < kEveryType.size(); ++i) {
    EXPECT_EQ(message->headers[i].name, kEveryType[i].name);
    EXPECT_EQ(message->headers[i].type, kEveryType[i].type);
    EXPECT_EQ(message->headers[i].value, kEveryType[i].value);
  }
}

TEST(AwsEventStream, WritesAMessageWithoutAnythingAsAwsDoes) {
  std::string bytes;
  AppendAwsMessage(bytes, {}, "");
  EXPECT_EQ(bytes, std::string("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff", 16));
}

TEST(AwsEventStream, WritesAStringHeaderAsAwsDoes) {
  const std::array<AwsHeader, 1> headers = {{{.name = ":event-type", .value = "chat"}}};
  std::string bytes;
  AppendAwsMessage(bytes, headers, "hi");
  EXPECT_EQ(bytes, std::string("\0\0\0\x25\0\0\0\x13\xe8\xbd\x3e\xc3\x0b:event-type\x07\0\x04"
                               "chathi\xdd\xf4\xe3\xac",
                               37));
}

TEST(AwsEventStream, LeavesOutAHeaderThatDoesNotFit) {
  const std::string long_name(256, 'n');
  const std::string long_value(40'000, 'v');
  const std::array<AwsHeader, 4> headers = {
      {{.name = long_name, .value = "x"},
       {.name = "value", .value = long_value},
       {.name = "number", .type = AwsHeader::Type::kLong, .value = "short"},
       {.name = "kept", .value = "yes"}}};
  std::string bytes;
  AppendAwsMessage(bytes, headers, "");
  AwsEventStreamDecoder decoder;
  decoder.Feed(bytes);
  const auto message = decoder.Next();
  ASSERT_TRUE(message);
  ASSERT_EQ(message->headers.size(), 1U);
  EXPECT_EQ(message->headers[0].name, "kept");
}

TEST(AwsEventStream, ReadsAnUnmodelledErrorsMessageFromItsHeaders) {
  const std::array<AwsHeader, 3> headers = {{{.name = ":message-type", .value = "error"},
                                             {.name = ":error-code", .value = "InternalFailure"},
                                             {.name = ":error-message", .value = "it \"broke\""}}};
  std::string bytes;
  AppendAwsMessage(bytes, headers, "");
  AwsEventStreamDecoder decoder;
  EXPECT_EQ(Decode(decoder, {bytes}),
            (std::vector<Seen>{{"InternalFailure", R"({"message":"it \"broke\""})", true}}));
}

TEST(AwsEventStream, RefusesALongMessageBeforeItIsThere) {
  std::string bytes;
  AppendAwsEvent(bytes, "event", std::string(1000, 'x'));
  AwsEventStreamDecoder decoder(500);
  decoder.Feed(bytes.substr(0, 12));
  EXPECT_FALSE(decoder.Next());
  ASSERT_TRUE(decoder.error());
  EXPECT_THAT(decoder.error()->detail, testing::HasSubstr("too long"));
  decoder.Feed(bytes);
  EXPECT_FALSE(decoder.Next());
}

TEST(AwsEventStream, RefusesADamagedLengthWithoutWaitingForIt) {
  std::string bytes = TwoMessages();
  bytes[1] = '\x7f';
  AwsEventStreamDecoder decoder;
  decoder.Feed(bytes.substr(0, 12));
  EXPECT_FALSE(decoder.Next());
  EXPECT_TRUE(decoder.error());
}

}  // namespace
}  // namespace triage::wire
