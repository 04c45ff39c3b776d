#include "providers/sigv4.h"

#include <array>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::providers {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kEmptyBody =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// 2015-08-30T12:36:00Z
WallTime SuiteTime() {
  return WallTime(std::chrono::seconds(1'440'938'160));
}

AwsCredentials SuiteCredentials() {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
}

std::string AuthorizationOf(const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (name == "Authorization") return value;
  }
  return "";
}

// One case of the test suite that AWS publishes for this version of the signature.
struct Case {
  std::string_view name;
  std::string_view method;
  std::string_view target;
  Fields headers;  // beside host and x-amz-date
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view body_sha256 = kEmptyBody;
};

std::string Signed(const Case& each) {
  Fields headers = each.headers;
  headers.emplace_back("Host", "example.amazonaws.com");
  return AuthorizationOf(SignForAws({.method = each.method,
                                     .target = each.target,
                                     .headers = headers,
                                     .body_sha256 = each.body_sha256},
                                    SuiteCredentials(),
                                    {.region = "us-east-1", .service = "service"}, SuiteTime()));
}

TEST(SigV4, SignsAsAwsTestSuiteDoes) {
  const std::string_view form =
      "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";  // of "Param1=value1"
  const std::array<Case, 18> cases = {{
      {"get-vanilla",
       "GET",
       "/",
       {},
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       "host;x-amz-date",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "host;my-header1;x-amz-date",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"My-Header1", "value4"},
        {"My-Header1", "value1"},
        {"My-Header1", "value3"},
        {"My-Header1", "value2"}},
       "host;my-header1;x-amz-date",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "host;x-amz-date",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       "/\u1234",
       {},
       "host;x-amz-date",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "host;x-amz-date",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
       "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "host;x-amz-date",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\u1234=bar",
       {},
       "host;x-amz-date",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "host;x-amz-date",
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-relative",
       "GET",
       "/example/..",
       {},
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-dot-slash",
       "GET",
       "/./",
       {},
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash",
       "GET",
       "//",
       {},
       "host;x-amz-date",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"My-Header1", "VALUE1"}},
       "host;my-header1;x-amz-date",
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-vanilla-query-nonunreserved",
       "POST",
       "/?%40%23%24%25%5E=&%2B=%2F%2C%3F%3E%3C%60%22%3B%3A%5C%7C%5D%5B%7B%7D",
       {},
       "host;x-amz-date",
       "66c82657c86e26fb25238d0e69f011edc4c6df5ae71119d7cb98ed9b87393c1e"},
      {"post-vanilla-query-space",
       "POST",
       "/?p=",
       {},
       "host;x-amz-date",
       "e71688addb58a26418614085fb730ba3faa623b461c17f48f2fbdb9361b94a9b"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
       form},
  }};
  for (const Case& each : cases) {
    EXPECT_EQ(Signed(each), std::string("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"
                                        "us-east-1/service/aws4_request, SignedHeaders=") +
                                std::string(each.signed_headers) +
                                ", Signature=" + std::string(each.signature))
        << each.name;
  }
}

// The case post-sts-header-before.
TEST(SigV4, SignsTheTokenOfTemporaryCredentials) {
  AwsCredentials credentials = SuiteCredentials();
  credentials.session_token =
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP"
      "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT"
      "7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"
      "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
  const Fields headers = {{"host", "example.amazonaws.com"}};
  const Fields fields =
      SignForAws({.method = "POST", .target = "/", .headers = headers, .body_sha256 = kEmptyBody},
                 credentials, {.region = "us-east-1", .service = "service"}, SuiteTime());
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[0], std::pair(std::string("X-Amz-Date"), std::string("20150830T123600Z")));
  EXPECT_EQ(fields[1].first, "X-Amz-Security-Token");
  EXPECT_EQ(fields[1].second, credentials.session_token);
  EXPECT_EQ(fields[2].second,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-security-token, "
            "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

// The example of AWS's documentation: IAM's ListUsers.
TEST(SigV4, SignsTheDocumentedExample) {
  const Fields headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                          {"Host", "iam.amazonaws.com"}};
  const Fields fields =
      SignForAws({.method = "GET",
                  .target = "/?Action=ListUsers&Version=2010-05-08",
                  .headers = headers,
                  .body_sha256 = kEmptyBody},
                 SuiteCredentials(), {.region = "us-east-1", .service = "iam"}, SuiteTime());
  EXPECT_EQ(AuthorizationOf(fields),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

// A model's name has a colon, which stands as %3A in the request line.
TEST(SigV4, EncodesThePathOnTheWireOnceMore) {
  const std::string text = AwsCanonicalRequest(
      {.method = "POST",
       .target = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream?a%20b=c+d&x",
       .headers = {},
       .body_sha256 = "hash"});
  EXPECT_EQ(text,
            "POST\n/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse-stream\n"
            "a%20b=c%2Bd&x=\n\n\nhash");
}

TEST(SigV4, SignsTheSameBytesHoweverTheBodyIsCut) {
  const SigV4Signer signer(SuiteCredentials(), "eu-central-1", "bedrock");
  const std::array<std::string_view, 1> one = {R"({"messages":[]})"};
  const std::array<std::string_view, 3> three = {R"({"mess)", "", R"(ages":[]})"};
  const auto sign = [&](std::span<const std::string_view> body, std::string_view host) {
    auto fields = signer.Sign({.method = "POST",
                               .host = host,
                               .target = "/model/m/converse",
                               .content_type = "application/json",
                               .body = body},
                              SuiteTime());
    return fields ? *fields : Fields{};
  };
  const Fields whole = sign(one, "bedrock-runtime.eu-central-1.amazonaws.com");
  EXPECT_EQ(whole, sign(three, "bedrock-runtime.eu-central-1.amazonaws.com"));
  EXPECT_NE(whole, sign(one, "bedrock-runtime.eu-west-1.amazonaws.com"));
  EXPECT_THAT(AuthorizationOf(whole),
              testing::HasSubstr("/20150830/eu-central-1/bedrock/aws4_request, "
                                 "SignedHeaders=content-type;host;x-amz-date, "));
  EXPECT_THAT(AuthorizationOf(whole), testing::Not(testing::HasSubstr("wJalr")));
}

}  // namespace
}  // namespace triage::providers
