#include "providers/openai.h"

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/text.h"
#include "net/http.h"
#include "providers/retry_after.h"
#include "providers/stream_relay.h"
#include "wire/openai_chat.h"

namespace triage::providers {
namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;

Error Upstream(std::string message, int status = 0) {
  Error error{.code = ErrorCode::kUpstream, .message = std::move(message)};
  error.upstream_status = status;
  return error;
}

// Failures of the connection itself pass as they are; broken HTTP or an endless answer is the
// provider's fault.
Error FromNet(Error error, int status = 0) {
  error.upstream_status = status;
  if (error.code == ErrorCode::kProtocol || error.code == ErrorCode::kTooLarge) {
    error.code = ErrorCode::kUpstream;
  }
  return error;
}

// The same once the answer has begun: a connection closed then is an answer cut short.
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

bool Encoded(const net::ClientResponse& response) {
  const auto coding = net::FindHeader(response.headers(), "content-encoding");
  return coding && !Trim(*coding).empty() && !EqualsIgnoreCaseAscii(Trim(*coding), "identity");
}

class WholeReply : public llm::Reply {
 public:
  WholeReply(int status, std::string content_type, std::string body, llm::ReplySummary summary)
      : status_(status),
        content_type_(std::move(content_type)),
        body_(std::move(body)),
        summary_(std::move(summary)) {}

  int status() const override { return status_; }

  std::string_view content_type() const override { return content_type_; }

  std::optional<std::uint64_t> content_length() const override { return body_.size(); }

  Task<Result<std::string_view>> Next() override {
    const bool first = !std::exchange(given_, true);
    co_return first ? std::string_view(body_) : std::string_view();
  }

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error&) override { return {}; }

 private:
  int status_;
  std::string content_type_;
  std::string body_;
  llm::ReplySummary summary_;
  bool given_ = false;
};

class StreamReply : public llm::Reply {
 public:
  StreamReply(std::unique_ptr<net::ClientResponse> response, bool client_wants_usage)
      : response_(std::move(response)),
        content_type_(ContentType(*response_)),
        relay_(client_wants_usage) {}

  int status() const override { return response_->status(); }

  std::string_view content_type() const override { return content_type_; }

  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

  const llm::ReplySummary& summary() const override { return relay_.summary(); }

  std::string ErrorEvent(const Error& error) override { return relay_.ErrorEvent(error); }

  // Waits for the first event, which the first Next then gives.
  Task<Result<void>> Begin() {
    const Result<std::string_view> first = co_await Pull();
    if (!first) co_return first.error();
    first_ = *first;
    co_return Result<void>{};
  }

  Task<Result<std::string_view>> Next() override {
    if (!first_.empty()) co_return std::exchange(first_, {});
    const Result<std::string_view> next = co_await Pull();
    co_return next;
  }

 private:
  Task<Result<std::string_view>> Pull() {
    while (true) {
      const std::string_view run = relay_.Next();
      if (!run.empty()) co_return run;
      if (relay_.error()) {
        Error error = *relay_.error();
        error.upstream_status = status();
        co_return error;
      }
      if (ended_) co_return std::string_view();
      const Result<std::string_view> bytes = co_await response_->Next();
      if (bytes && !bytes->empty()) {
        relay_.Feed(*bytes);
        continue;
      }
      // What fails behind the end of the answer is no failure of the answer.
      const bool cut = !bytes && !relay_.summary().complete;
      if (cut && bytes.error().code != ErrorCode::kUnavailable) {
        co_return FromNet(bytes.error(), status());
      }
      ended_ = true;
      relay_.End();
    }
  }

  std::unique_ptr<net::ClientResponse> response_;
  std::string content_type_;
  StreamRelay relay_;
  std::string_view first_;
  bool ended_ = false;
};

// The error that an answer which is not 2xx stands for.
Task<Error> ReadError(net::ClientResponse& response) {
  const int status = response.status();
  std::string body;
  if (!Encoded(response)) {
    Result<std::string> read = co_await net::Client::ReadAll(response, kMaxErrorBody);
    if (read) {
      body = std::move(*read);
    } else if (read.error().code == ErrorCode::kCancelled) {
      co_return std::move(read).error();
    }
  }
  Error error = wire::ParseErrorBody(status, ContentType(response), body);
  if (const auto after = net::FindHeader(response.headers(), "retry-after")) {
    error.retry_after = ParseRetryAfter(*after, SystemClock().WallNow());
  }
  co_return error;
}

}  // namespace

OpenAiProvider::OpenAiProvider(net::Client& client, OpenAiOptions options)
    : client_(client),
      options_(std::move(options)),
      authorization_(options_.api_key.empty() ? "" : "Bearer " + options_.api_key) {}

std::vector<net::Header> OpenAiProvider::Head(bool stream) const {
  std::vector<net::Header> head;
  head.reserve(5 + options_.headers.size());
  head.push_back({"Content-Type", "application/json"});
  head.push_back({"Accept", stream ? "text/event-stream" : "application/json"});
  head.push_back({"Accept-Encoding", "identity"});  // answers are relayed and read as they are
  head.push_back({"User-Agent", options_.user_agent});
  if (!authorization_.empty()) head.push_back({"Authorization", authorization_});
  for (const auto& [name, value] : options_.headers) head.push_back({name, value});
  return head;
}

Task<Result<std::unique_ptr<llm::Reply>>> OpenAiProvider::Start(const llm::Call& call,
                                                                llm::CallTiming& timing) {
  const SteadyTime begin = SystemClock().Now();
  const llm::Request& request = *call.request;
  const std::vector<net::Header> head = Head(request.stream);
  const net::CallLimits limits{.connect = call.limits.connect,
                               .first_byte = call.limits.first_byte,
                               .between_bytes = call.limits.between_bytes,
                               .total = call.limits.total};
  wire::SplicedBody body;
  wire::SpliceRequest(request, call.model, body);
  net::Client::Timing net_timing;
  Result<std::unique_ptr<net::ClientResponse>> started = co_await client_.Start(
      options_.origin, "POST", options_.path, head, body.parts(), limits, *call.cancel, net_timing);
  timing.connect = net_timing.connect;
  timing.first_byte = net_timing.first_byte;
  if (!started) co_return FromNet(std::move(started).error());

  std::unique_ptr<net::ClientResponse> response = std::move(*started);
  const int status = response->status();
  if (status < 200 || status > 299) {
    Error error = co_await ReadError(*response);
    co_return error;
  }
  if (Encoded(*response)) co_return Upstream("The provider's answer is compressed.", status);

  const std::string type = ToLowerAscii(ContentType(*response));
  if (request.stream && type.find("text/event-stream") != std::string::npos) {
    auto reply = std::make_unique<StreamReply>(std::move(response), request.include_usage);
    const Result<void> begun = co_await reply->Begin();
    if (!begun) co_return begun.error();
    timing.first_byte =
        std::chrono::duration_cast<std::chrono::microseconds>(SystemClock().Now() - begin);
    co_return std::unique_ptr<llm::Reply>(std::move(reply));
  }

  Result<std::string> answer = co_await net::Client::ReadAll(*response, options_.max_reply_bytes);
  if (!answer) co_return CutShort(std::move(answer).error(), status);
  Result<llm::ReplySummary> summary = wire::ParseChatResponse(*answer);
  if (!summary) {
    Error error = std::move(summary).error();
    error.upstream_status = status;
    co_return error;
  }
  if (request.stream) co_return Upstream("The provider did not stream its answer.", status);
  if (!type.empty() && type.find("json") == std::string::npos) {
    co_return Upstream("The provider's answer is not JSON by its content type.", status);
  }
  co_return std::unique_ptr<llm::Reply>(std::make_unique<WholeReply>(
      status, std::string(ContentType(*response)), std::move(*answer), std::move(*summary)));
}

}  // namespace triage::providers
