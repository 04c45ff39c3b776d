// What surrounds an answer: paths, keys, headers, limits, caches, compression, the record.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>
#include <zstd.h>

#include "simulate/certificate.h"
#include "simulate/compress.h"
#include "simulate/headers.h"
#include "simulate/prompt_cache.h"
#include "simulate/rate_limit.h"
#include "simulate/recorder.h"
#include "simulate/route.h"
#include "simulate/small_answers.h"
#include "testing/temp_dir.h"

namespace triage::simulate {
namespace {

using llm::Dialect;
using nlohmann::json;
using std::chrono::seconds;
using testing::HasSubstr;
using Kind = Route::Kind;

constexpr Dialect kAll[] = {Dialect::kOpenAiChat, Dialect::kOpenAiResponses, Dialect::kAnthropic,
                            Dialect::kGemini,     Dialect::kBedrock,         Dialect::kOci};

net::HttpRequest Request(std::string_view target, std::vector<net::Header> headers = {}) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = target;
  request.headers = std::move(headers);
  return request;
}

Route At(std::string_view target, std::vector<net::Header> headers = {}) {
  return RouteOf(Request(target, std::move(headers)), kAll);
}

TEST(Routes, TellTheDialectsApartByPath) {
  EXPECT_EQ(At("/v1/chat/completions").dialect, Dialect::kOpenAiChat);
  EXPECT_EQ(At("/v1/responses").dialect, Dialect::kOpenAiResponses);
  EXPECT_EQ(At("/v1/messages?beta=true").dialect, Dialect::kAnthropic);
  EXPECT_EQ(At("/v1/messages/count_tokens").kind, Kind::kCountTokens);
  EXPECT_EQ(At("/v1/embeddings").kind, Kind::kEmbed);
  EXPECT_EQ(At("/20231130/actions/chat").dialect, Dialect::kOci);
  EXPECT_EQ(At("/v2/chat").kind, Kind::kUnknown);
  const Dialect only[] = {Dialect::kAnthropic};
  EXPECT_EQ(RouteOf(Request("/v1/chat/completions"), only).kind, Kind::kUnknown);
}

TEST(Routes, FindTheModelAndTheStreamInThePath) {
  const Route whole = At("/v1beta/models/gemini-2.5-flash:generateContent");
  EXPECT_EQ(whole.dialect, Dialect::kGemini);
  EXPECT_EQ(whole.model, "gemini-2.5-flash");
  EXPECT_FALSE(whole.stream);
  const Route stream = At("/v1beta/models/g:streamGenerateContent?key=k&alt=sse");
  EXPECT_TRUE(stream.stream);
  EXPECT_FALSE(stream.array);
  EXPECT_TRUE(At("/v1beta/models/g:streamGenerateContent").array);
  const Route bedrock = At("/model/anthropic.claude-v1%3A0/converse-stream");
  EXPECT_EQ(bedrock.dialect, Dialect::kBedrock);
  EXPECT_EQ(bedrock.model, "anthropic.claude-v1:0");
  EXPECT_TRUE(bedrock.stream);
  EXPECT_EQ(At("/model/x/invoke").kind, Kind::kUnknown);
}

TEST(Routes, TellTheModelListsApartByAnthropicsVersionHeader) {
  EXPECT_EQ(At("/v1/models").dialect, Dialect::kOpenAiChat);
  EXPECT_EQ(At("/v1/models", {{"anthropic-version", "2023-06-01"}}).dialect, Dialect::kAnthropic);
  EXPECT_EQ(At("/v1/models/a%2Fb").model, "a/b");
}

TEST(Keys, AreFoundWhereEachDialectsClientsPutThem) {
  const auto carries = [](Dialect dialect, std::string_view target, std::string_view name,
                          std::string_view value) {
    return CarriesKey(Request(target, {{name, value}}), dialect, "secret");
  };
  EXPECT_TRUE(carries(Dialect::kOpenAiChat, "/", "Authorization", "Bearer secret"));
  EXPECT_FALSE(carries(Dialect::kOpenAiChat, "/", "Authorization", "Bearer secrets"));
  EXPECT_TRUE(carries(Dialect::kAnthropic, "/", "x-api-key", "secret"));
  EXPECT_FALSE(carries(Dialect::kOpenAiChat, "/", "x-api-key", "secret"));
  EXPECT_TRUE(carries(Dialect::kGemini, "/", "x-goog-api-key", "secret"));
  EXPECT_TRUE(carries(Dialect::kGemini, "/?alt=sse&key=secret", "a", "b"));
  EXPECT_TRUE(carries(Dialect::kBedrock, "/", "Authorization",
                      "AWS4-HMAC-SHA256 Credential=secret/20260101/us-east-1/bedrock/aws4_request, "
                      "SignedHeaders=host, Signature=00"));
  EXPECT_FALSE(
      carries(Dialect::kBedrock, "/", "Authorization", "AWS4-HMAC-SHA256 Credential=other/secret"));
  EXPECT_TRUE(carries(Dialect::kOci, "/", "Authorization",
                      R"(Signature version="1",keyId="secret",algorithm="rsa-sha256")"));
  EXPECT_TRUE(CarriesKey(Request("/"), Dialect::kOci, ""));
}

std::string Value(const OwnHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(LimitHeaders, AreWrittenAsTheDialectWritesThem) {
  OwnHeaders openai;
  AddLimits(Dialect::kOpenAiChat, {.limit = 60, .remaining = 3, .reset = seconds(90)},
            {.limit = 1000, .remaining = 0, .reset = std::chrono::milliseconds(12)}, WallTime{},
            openai);
  EXPECT_EQ(Value(openai, "x-ratelimit-remaining-requests"), "3");
  EXPECT_EQ(Value(openai, "x-ratelimit-reset-requests"), "1m30s");
  EXPECT_EQ(Value(openai, "x-ratelimit-reset-tokens"), "12ms");
  OwnHeaders anthropic;
  AddLimits(Dialect::kAnthropic, {.limit = 60, .remaining = 3, .reset = seconds(90)}, {},
            WallTime{seconds(1767225600)}, anthropic);
  EXPECT_EQ(Value(anthropic, "anthropic-ratelimit-requests-limit"), "60");
  EXPECT_EQ(Value(anthropic, "anthropic-ratelimit-requests-reset"), "2026-01-01T00:01:30Z");
  OwnHeaders none;
  AddLimits(Dialect::kGemini, {}, {}, WallTime{}, none);
  EXPECT_TRUE(none.empty());
}

TEST(RateLimits, RefuseWhatIsOverAndSayWhenToComeBack) {
  RateLimits limits;
  ModelSpec spec{.name = "m"};
  spec.requests_per_minute = 2;
  EXPECT_TRUE(limits.Take(spec, 10, seconds(0)).allowed);
  const Admission last = limits.Take(spec, 10, seconds(0));
  EXPECT_TRUE(last.allowed);
  EXPECT_EQ(last.requests.remaining, 0);
  EXPECT_EQ(last.requests.limit, 2);
  const Admission refused = limits.Take(spec, 10, seconds(0));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, seconds(30));
  EXPECT_FALSE(limits.Take(spec, 10, seconds(29)).allowed);
  EXPECT_TRUE(limits.Take(spec, 10, seconds(31)).allowed);
}

TEST(RateLimits, CountTokensAndLetAHugeRequestThroughWhenNothingElseWasAsked) {
  RateLimits limits;
  ModelSpec spec{.name = "m"};
  spec.tokens_per_minute = 600;
  EXPECT_TRUE(limits.Take(spec, 5000, seconds(0)).allowed);
  const Admission refused = limits.Take(spec, 100, seconds(0));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, seconds(10));
  EXPECT_TRUE(limits.Take(spec, 100, seconds(10)).allowed);
  EXPECT_TRUE(limits.Take(ModelSpec{.name = "free"}, 1 << 30, seconds(0)).allowed);
}

TEST(PromptCaches, WriteAPrefixOnceAndReadItAgain) {
  PromptCache cache;
  llm::Conversation conversation;
  llm::TextPart system{std::string(400, 's')};
  system.cache = llm::CacheHint::kOneHour;
  llm::TextPart first{std::string(80, 'f')};
  first.cache = llm::CacheHint::kFiveMinutes;
  conversation.messages = {{.role = llm::Role::kSystem, .parts = {system}},
                           {.role = llm::Role::kUser, .parts = {first, llm::TextPart{"tail"}}}};
  const auto ask = [&] {
    llm::Usage usage{.fresh_input = 121};
    cache.Apply("m", conversation, usage);
    return usage;
  };
  EXPECT_EQ(ask(), (llm::Usage{.fresh_input = 1, .cache_write_5m = 20, .cache_write_1h = 100}));
  EXPECT_EQ(ask(), (llm::Usage{.fresh_input = 1, .cache_read = 120}));
  std::get<llm::TextPart>(conversation.messages[1].parts[0]).text.back() = 'g';
  EXPECT_EQ(ask(), (llm::Usage{.fresh_input = 1, .cache_read = 100, .cache_write_5m = 20}));
  std::get<llm::TextPart>(conversation.messages[0].parts[0]).text.front() = 'g';
  EXPECT_EQ(ask().cache_read, 0);
}

std::string Unzip(std::string_view packed) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(1 << 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

std::string Unzstd(std::string_view packed) {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string out(1 << 16, '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  ZSTD_outBuffer buffer{out.data(), out.size(), 0};
  EXPECT_FALSE(ZSTD_isError(ZSTD_decompressStream(context, &buffer, &in)));
  ZSTD_freeDCtx(context);
  out.resize(buffer.pos);
  return out;
}

TEST(Compressors, GiveEachPieceOutAtOnce) {
  for (const Compression kind : {Compression::kGzip, Compression::kZstd}) {
    const auto unpack = kind == Compression::kGzip ? Unzip : Unzstd;
    const auto compressor = MakeCompressor(kind);
    std::string packed;
    compressor->Add("data: one\n\n", packed);
    EXPECT_EQ(unpack(packed), "data: one\n\n");
    compressor->Add(std::string(40'000, 'x'), packed);
    EXPECT_EQ(unpack(packed).size(), 40'011U);
    compressor->Finish(packed);
    EXPECT_EQ(unpack(packed).size(), 40'011U);
  }
  EXPECT_EQ(MakeCompressor(Compression::kNone), nullptr);
  EXPECT_FALSE(ParseCompression("br"));
  EXPECT_EQ(*ParseCompression("zstd"), Compression::kZstd);
}

TEST(Records, AreOneLineEachWithoutSecrets) {
  const TempDir folder;
  const std::string path = (folder.path() / "record.jsonl").string();
  {
    auto recorder = Recorder::Open(path);
    ASSERT_TRUE(recorder);
    net::HttpRequest request = Request("/v1beta/models/m:generateContent?key=secret&alt=sse",
                                       {{"X-Goog-Api-Key", "secret"}, {"accept", "*/*"}});
    request.body = "{\"a\":\n1}";
    (*recorder)->Write(WallTime{seconds(1767225600)}, Dialect::kGemini, request,
                       {.model = "m", .status = 200, .events = 3, .client_gone = true});
    request.body = "no json\xff";
    (*recorder)->Write(WallTime{}, Dialect::kGemini, request, {});
  }
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_THAT(line, testing::Not(HasSubstr("secret")));
  const json first = json::parse(line);
  EXPECT_EQ(first["time"], "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(first["dialect"], "gemini");
  EXPECT_EQ(first["path"], "/v1beta/models/m:generateContent?key=redacted&alt=sse");
  EXPECT_EQ(first["headers"]["X-Goog-Api-Key"], "redacted");
  EXPECT_EQ(first["headers"]["accept"], "*/*");
  EXPECT_EQ(first["body"]["a"], 1);
  EXPECT_EQ(first["events"], 3);
  EXPECT_EQ(first["client_gone"], true);
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_THAT(json::parse(line)["body"].get<std::string>(), testing::StartsWith("no json"));
  EXPECT_EQ(Recorder::Open("/nonexistent/record").error().code, ErrorCode::kIo);
}

TEST(Embeddings, HaveLengthOneAndAreNearWhenWordsAreShared) {
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    float sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  const auto cat = Embed("the cat sat", 256);
  EXPECT_NEAR(dot(cat, cat), 1, 1e-4);
  EXPECT_EQ(cat, Embed("The cat sat.", 256));
  EXPECT_GT(dot(cat, Embed("the cat ran", 256)), dot(cat, Embed("quantum flux rises", 256)) + 0.3F);
  EXPECT_NEAR(dot(Embed(" ", 8), Embed(" ", 8)), 1, 1e-4);
}

TEST(Embeddings, AreGivenAsNumbersOrBase64) {
  const auto request = ReadEmbeddingRequest(
      R"({"model":"e","input":["a b","c"],"dimensions":3,"encoding_format":"base64"})");
  ASSERT_TRUE(request) << request.error().message;
  const json packed = json::parse(EmbeddingBody(*request));
  EXPECT_EQ(packed["data"][1]["index"], 1);
  EXPECT_EQ(packed["data"][0]["embedding"].get<std::string>().size(), 16U);  // 12 bytes
  EXPECT_EQ(packed["usage"]["prompt_tokens"], 2);
  const json plain =
      json::parse(EmbeddingBody(*ReadEmbeddingRequest(R"({"model":"e","input":[1,2]})")));
  EXPECT_EQ(plain["data"].size(), 1U);
  EXPECT_EQ(plain["data"][0]["embedding"].size(), 256U);
}

TEST(Embeddings, OfBadRequestsNameThePlace) {
  const auto field = [](std::string_view body) { return ReadEmbeddingRequest(body).error().field; };
  EXPECT_EQ(field(R"({"input":"x"})"), "/model");
  EXPECT_EQ(field(R"({"model":"e"})"), "/input");
  EXPECT_EQ(field(R"({"model":"e","input":[]})"), "/input");
  EXPECT_EQ(field(R"({"model":"e","input":[{}]})"), "/input");
  EXPECT_EQ(field(R"({"model":"e","input":["a",""]})"), "/input");
  EXPECT_EQ(field(R"({"model":"e","input":"x","dimensions":0})"), "/dimensions");
  EXPECT_EQ(field(R"({"model":"e","input":"x","encoding_format":null})"), "/encoding_format");
  EXPECT_FALSE(ReadEmbeddingRequest("{"));
}

TEST(ModelLists, HaveTheStyleOfTheirDialect) {
  const std::vector<std::string> names = {"a", "b"};
  const json openai = json::parse(ModelsBody(Dialect::kOpenAiChat, names, 7));
  EXPECT_EQ(openai["object"], "list");
  EXPECT_EQ(openai["data"][1]["created"], 7);
  const json anthropic = json::parse(ModelsBody(Dialect::kAnthropic, names, 7));
  EXPECT_EQ(anthropic["last_id"], "b");
  EXPECT_EQ(anthropic["has_more"], false);
  EXPECT_EQ(anthropic["data"][0]["type"], "model");
}

TEST(Certificates, AreMadeFreshAndCanBeSaved) {
  const TempDir folder;
  const std::string path = (folder.path() / "certificate.pem").string();
  ASSERT_TRUE(SelfSigned("wrong.example", path));
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(line, "-----BEGIN CERTIFICATE-----");
  EXPECT_EQ(SelfSigned("", "/nonexistent/certificate.pem").error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace triage::simulate
