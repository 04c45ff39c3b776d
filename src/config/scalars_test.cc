#include "config/scalars.h"

#include <string>

#include <gtest/gtest.h>

namespace triage::config {
namespace {

using std::chrono::milliseconds;

TEST(Scalars, SizesAreExactBytes) {
  EXPECT_EQ(ParseSize("512"), 512);
  EXPECT_EQ(ParseSize("0"), 0);
  EXPECT_EQ(ParseSize("64KiB"), 65'536);
  EXPECT_EQ(ParseSize("1.5MiB"), 1'572'864);
  EXPECT_EQ(ParseSize("1GiB"), 1'073'741'824);
  EXPECT_EQ(ParseSize("2kB"), 2000);
  EXPECT_EQ(ParseSize("1TB"), 1'000'000'000'000);
}

TEST(Scalars, WhatIsNotASizeIsRefused) {
  for (std::string_view text :
       {"", "KiB", "-1KiB", "+1", "1 KiB", "1kib", "1G", "1.KiB", ".5KiB", "1.2345MiB", "0.5",
        "0.0001KiB", "1e3", "9999999999999999999", "9000000TiB", "1KiBx", "0x10"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(Scalars, DurationsAreWholeMilliseconds) {
  EXPECT_EQ(ParseDuration("100ms"), milliseconds(100));
  EXPECT_EQ(ParseDuration("60s"), milliseconds(60'000));
  EXPECT_EQ(ParseDuration("0.25s"), milliseconds(250));
  EXPECT_EQ(ParseDuration("5m"), milliseconds(300'000));
  EXPECT_EQ(ParseDuration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(ParseDuration("365d"), milliseconds(365LL * 86'400'000));
  EXPECT_EQ(ParseDuration("2000us"), milliseconds(2));
  EXPECT_EQ(ParseDuration("0"), milliseconds(0));
  EXPECT_EQ(ParseDuration("0s"), milliseconds(0));
}

TEST(Scalars, WhatIsNotADurationIsRefused) {
  for (std::string_view text : {"", "60", "s", "-1s", "1 s", "1S", "1.5ms", "10us", "366d", "1min",
                                "1s5", "1e3s", "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Scalars, AddressesHaveAHostAndAPort) {
  EXPECT_EQ(ParseAddress("127.0.0.1:8080"), (Address{"127.0.0.1", 8080}));
  EXPECT_EQ(ParseAddress("localhost:0"), (Address{"localhost", 0}));
  EXPECT_EQ(ParseAddress("[::1]:65535"), (Address{"::1", 65535}));
  for (std::string_view text :
       {"", "8080", ":8080", "localhost", "localhost:", "localhost:65536", "localhost:-1",
        "localhost:80x", "::1:8080", "[localhost]:80", "[]:80", "a b:80", "http://a:80"}) {
    EXPECT_EQ(ParseAddress(text), std::nullopt) << text;
  }
}

TEST(Scalars, UrlsHaveNeitherCredentialsNorQueries) {
  EXPECT_TRUE(IsHttpUrl("https://api.example.com/v1"));
  EXPECT_TRUE(IsHttpUrl("http://127.0.0.1:9000"));
  EXPECT_TRUE(IsHttpUrl("http://[::1]:9000/v1"));
  EXPECT_TRUE(IsHttpUrl("http://[::1]/v1"));
  for (std::string_view text :
       {"", "https://", "ftp://a", "api.example.com", "https://u:p@a/v1", "https://a/v1?k=1",
        "https://a/#x", "https://a b", "https://a:port", "https://a\r\nx: y", "HTTPS://a"}) {
    EXPECT_FALSE(IsHttpUrl(text)) << text;
  }
}

TEST(Scalars, NumbersAreFiniteAndNotNegative) {
  EXPECT_EQ(ParseNumber("0.05"), 0.05);
  EXPECT_EQ(ParseNumber("1"), 1.0);
  for (std::string_view text : {"", "-1", "inf", "nan", "1,5", "0.5x", "1e999", " 1"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseInteger("007"), 7);
  for (std::string_view text : {"", "-1", "1.0", "1x", "99999999999999999999"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
}

TEST(Scalars, BooleansAreWordsOfYaml) {
  for (std::string_view text : {"true", "on", "yes"}) EXPECT_EQ(ParseBool(text), true);
  for (std::string_view text : {"false", "off", "no"}) EXPECT_EQ(ParseBool(text), false);
  for (std::string_view text : {"", "True", "1", "maybe"}) EXPECT_EQ(ParseBool(text), std::nullopt);
}

TEST(Scalars, NamesAreLettersDigitsAndFewSigns) {
  EXPECT_TRUE(IsName("llama-3.1_8b"));
  for (std::string_view text : {"", "a b", "a/b", "tier:x", "ü"})
    EXPECT_FALSE(IsName(text)) << text;
}

}  // namespace
}  // namespace triage::config
