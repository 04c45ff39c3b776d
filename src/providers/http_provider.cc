#include "providers/http_provider.h"

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/text.h"
#include "net/http.h"
#include "providers/codec_stream.h"
#include "providers/replies.h"
#include "providers/retry_after.h"
#include "providers/stream_relay.h"
#include "wire/client_answer.h"
#include "wire/client_request.h"
#include "wire/codec.h"
#include "wire/embeddings.h"
#include "wire/error_message.h"
#include "wire/openai_chat.h"
#include "wire/splice.h"

namespace triage::providers {
namespace {

using llm::Dialect;
using llm::Operation;

constexpr std::size_t kMaxErrorBody = 64 * 1024;

Error Upstream(std::string message, int status = 0) {
  Error error{.code = ErrorCode::kUpstream, .message = std::move(message)};
  error.upstream_status = status;
  return error;
}

// Once the answer has begun, a connection that is closed is an answer cut short.
Error CutShort(Error error, int status) {
  if (error.code != ErrorCode::kUnavailable) return FromNet(std::move(error), status);
  error.code = ErrorCode::kUpstream;
  error.message = "The provider's answer ended early.";
  error.upstream_status = status;
  return error;
}

std::string_view ContentType(const net::ClientResponse& response) {
  return net::FindHeader(response.headers(), "content-type").value_or("");
}

bool TellsLimits(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"x-ratelimit-", "anthropic-ratelimit-",
                                                         "ratelimit-"};
  for (std::string_view prefix : kPrefixes) {
    if (name.size() > prefix.size() && EqualsIgnoreCaseAscii(name.substr(0, prefix.size()), prefix))
      return true;
  }
  return false;
}

llm::HeaderFields LimitsIn(const net::ClientResponse& response) {
  llm::HeaderFields limits;
  for (const net::Header& header : response.headers()) {
    if (TellsLimits(header.name)) limits.emplace_back(header.name, header.value);
  }
  return limits;
}

// The error that an answer which is not 2xx stands for.
Task<Error> ReadError(std::unique_ptr<net::ClientResponse> response) {
  const int status = response->status();
  const std::string type(ContentType(*response));
  std::optional<std::chrono::milliseconds> wait;
  if (const auto after = net::FindHeader(response->headers(), "retry-after")) {
    wait = ParseRetryAfter(*after, SystemClock().WallNow());
  }
  llm::HeaderFields limits = LimitsIn(*response);
  std::string text;
  Result<Body> body = Body::Of(std::move(response));
  if (body) {
    Result<std::string> read = co_await body->ReadAll(kMaxErrorBody);
    if (read) {
      text = std::move(*read);
    } else if (read.error().code == ErrorCode::kCancelled) {
      co_return std::move(read).error();
    }
  }
  Error error = wire::ParseErrorBody(status, type, text);
  error.retry_after = wait;
  error.headers = std::move(limits);
  co_return error;
}

// A path segment (RFC 3986): models are called "a/b", "a:b" and "arn:…/c".
void AppendSegment(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

llm::ReplySummary SummaryOf(const llm::Answer& answer) {
  llm::ReplySummary summary;
  summary.usage = answer.usage;
  summary.finish = answer.finish;
  summary.raw_finish = answer.raw_finish;
  summary.served_model = answer.model;
  summary.complete = true;
  return summary;
}

std::string HostField(const net::Origin& origin) {
  const bool usual = origin.port == (origin.tls ? 443 : 80);
  return usual ? origin.host : origin.host + ":" + std::to_string(origin.port);
}

}  // namespace

// What goes out, and what its pieces point to.
struct HttpProvider::Body {
  wire::SplicedBody spliced;
  std::string written;
  std::array<std::string_view, 1> one;
  std::span<const std::string_view> parts;
  std::vector<std::string> warnings;
};

HttpProvider::HttpProvider(net::Client& client, HttpProviderOptions options)
    : client_(client), options_(std::move(options)), host_(HostField(options_.origin)) {}

bool HttpProvider::Streams(const llm::Request& request) const {
  return request.stream && request.operation == Operation::kGenerate;
}

Result<std::string> HttpProvider::Path(const llm::Call& call) const {
  const llm::Request& request = *call.request;
  const Paths& paths = options_.paths;
  std::string_view path;
  switch (request.operation) {
    case Operation::kGenerate:
      path = request.stream && !paths.stream.empty() ? paths.stream : paths.generate;
      break;
    case Operation::kEmbed: path = paths.embed; break;
    case Operation::kCountTokens: path = paths.count_tokens; break;
  }
  if (path.empty()) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "This provider's endpoint has no such operation."};
  }
  constexpr std::string_view kModel = "{model}";
  const std::size_t at = path.find(kModel);
  if (at == std::string_view::npos) return std::string(path);
  std::string filled(path.substr(0, at));
  AppendSegment(filled, call.model);
  filled += path.substr(at + kModel.size());
  return filled;
}

Result<void> HttpProvider::MakeBody(const llm::Call& call, Body& body) const {
  const llm::Request& request = *call.request;
  // Embeddings have one dialect.
  const bool same = request.operation == Operation::kEmbed || request.dialect == options_.dialect;
  if (same && (request.operation != Operation::kGenerate || !request.rewrite)) {
    wire::SpliceRequest(request, call.model, options_.profile, body.spliced);
    body.parts = body.spliced.parts();
    body.warnings = std::move(body.spliced.warnings());
    return {};
  }
  Result<wire::WrittenRequest> written =
      wire::TranslateRequest(request, options_.dialect, call.model, options_.profile);
  if (!written) return std::move(written).error();
  body.written = std::move(written->body);
  body.warnings = std::move(written->warnings);
  body.one[0] = body.written;
  body.parts = body.one;
  return {};
}

Task<Result<std::unique_ptr<llm::Reply>>> HttpProvider::Start(const llm::Call& call,
                                                              llm::CallTiming& timing) {
  const SteadyTime begin = SystemClock().Now();
  const llm::Request& request = *call.request;
  const bool stream = Streams(request);
  Body body;
  const Result<void> made = MakeBody(call, body);
  if (!made) co_return made.error();
  const Result<std::string> path = Path(call);
  if (!path) co_return path.error();

  std::vector<net::Header> head;
  head.reserve(7 + options_.headers.size());
  head.push_back({"Content-Type", "application/json"});
  head.push_back({"Accept", stream ? "text/event-stream" : "application/json"});
  head.push_back({"Accept-Encoding", options_.accept_encoding});
  head.push_back({"User-Agent", options_.user_agent});
  for (const auto& [name, value] : options_.headers) head.push_back({name, value});
  if (!options_.credentials.empty()) {
    const auto& [name, value] = options_.credentials[call.credential % options_.credentials.size()];
    head.push_back({name, value});
  }
  std::vector<std::pair<std::string, std::string>> proof;
  if (options_.signer != nullptr) {
    const std::string target = options_.origin.base_path + *path;
    Result<std::vector<std::pair<std::string, std::string>>> fields =
        options_.signer->Sign({.method = "POST",
                               .host = host_,
                               .target = target,
                               .content_type = "application/json",
                               .body = body.parts},
                              SystemClock().WallNow());
    if (!fields) co_return std::move(fields).error();
    proof = std::move(*fields);
    for (const auto& [name, value] : proof) head.push_back({name, value});
  }

  const net::CallLimits limits{.connect = call.limits.connect,
                               .first_byte = call.limits.first_byte,
                               .between_bytes = call.limits.between_bytes,
                               .total = call.limits.total};
  net::Client::Timing net_timing;
  Result<std::unique_ptr<net::ClientResponse>> started = co_await client_.Start(
      options_.origin, "POST", *path, head, body.parts, limits, *call.cancel, net_timing);
  timing.connect = net_timing.connect;
  timing.first_byte = net_timing.first_byte;
  if (!started) co_return FromNet(std::move(started).error());

  std::unique_ptr<net::ClientResponse> response = std::move(*started);
  const int status = response->status();
  if (status < 200 || status > 299) {
    Error error = co_await ReadError(std::move(response));
    co_return error;
  }
  timing.limits = LimitsIn(*response);
  const std::string type = ToLowerAscii(ContentType(*response));
  Result<providers::Body> answer = providers::Body::Of(std::move(response));
  if (!answer) co_return std::move(answer).error();
  const wire::Codec& codec = wire::CodecOf(options_.dialect);
  const bool framed = type.find(codec.framing() == wire::Framing::kAwsEventStream
                                    ? "application/vnd.amazon.eventstream"
                                    : "text/event-stream") != std::string::npos;
  if (stream && framed) {
    std::unique_ptr<AnswerStream> answers;
    if (request.dialect == Dialect::kOpenAiChat && options_.dialect == Dialect::kOpenAiChat) {
      answers = std::make_unique<StreamRelay>(request.include_usage);
    } else {
      answers = std::make_unique<CodecStream>(codec, wire::CodecOf(request.dialect),
                                              wire::ContextOf(request, call.model));
    }
    auto reply = std::make_unique<StreamReply>(std::move(*answer), std::move(answers),
                                               std::move(body.warnings));
    const SteadyTime first_token_by =
        call.limits.first_token.count() == 0 ? SteadyTime::max() : begin + call.limits.first_token;
    const Result<void> begun = co_await reply->Begin(first_token_by);
    if (!begun) {
      Error error = begun.error();
      wire::MarkOverflow(error, error.detail);
      co_return error;
    }
    timing.first_byte =
        std::chrono::duration_cast<std::chrono::microseconds>(SystemClock().Now() - begin);
    co_return std::unique_ptr<llm::Reply>(std::move(reply));
  }

  Result<std::string> text = co_await answer->ReadAll(options_.max_reply_bytes);
  if (!text) co_return CutShort(std::move(text).error(), status);
  Result<std::unique_ptr<llm::Reply>> whole =
      Whole(call, status, type, std::move(*text), std::move(body.warnings));
  if (!whole && whole.error().upstream_status == 0) whole.error().upstream_status = status;
  if (!whole) wire::MarkOverflow(whole.error(), whole.error().detail);
  co_return whole;
}

Result<std::unique_ptr<llm::Reply>> HttpProvider::Whole(const llm::Call& call, int status,
                                                        std::string_view content_type,
                                                        std::string answer,
                                                        std::vector<std::string> warnings) const {
  const llm::Request& request = *call.request;
  const auto reply = [&](std::string body, llm::ReplySummary summary) {
    return std::unique_ptr<llm::Reply>(std::make_unique<WholeReply>(
        status, "application/json", std::move(body), std::move(summary), std::move(warnings)));
  };
  llm::ReplySummary summary;
  std::optional<llm::Answer> neutral;
  if (request.operation == Operation::kEmbed) {
    Result<llm::ReplySummary> read = wire::ReadEmbeddingsAnswer(answer);
    if (!read) return std::move(read).error();
    summary = std::move(*read);
  } else if (request.operation == Operation::kCountTokens) {
    summary.complete = true;
  } else if (request.dialect == Dialect::kOpenAiChat && options_.dialect == Dialect::kOpenAiChat) {
    Result<llm::ReplySummary> read = wire::ParseChatResponse(answer);
    if (!read) return std::move(read).error();
    summary = std::move(*read);
  } else {
    Result<llm::Answer> read = wire::CodecOf(options_.dialect).ReadAnswer(answer);
    if (!read) return std::move(read).error();
    summary = SummaryOf(*read);
    neutral = std::move(*read);
  }
  if (Streams(request)) return Upstream("The provider did not stream its answer.");
  if (!content_type.empty() && content_type.find("json") == std::string_view::npos) {
    return Upstream("The provider's answer is not JSON by its content type.");
  }
  if (neutral && request.dialect != options_.dialect) {
    answer =
        wire::CodecOf(request.dialect).WriteAnswer(*neutral, wire::ContextOf(request, call.model));
  }
  return reply(std::move(answer), std::move(summary));
}

}  // namespace triage::providers
