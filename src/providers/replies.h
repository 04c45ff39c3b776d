#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/provider.h"
#include "net/client.h"
#include "providers/answer_stream.h"
#include "providers/content_decoder.h"

namespace triage::providers {

/// What the provider's HTTP failures mean to us: broken HTTP or an endless answer is its fault;
/// failures of the connection itself pass as they are.
Error FromNet(Error error, int status = 0);

/// A response's body, decoded where it came compressed.
class Body {
 public:
  /// Error kUpstream for a coding that was not asked for and is not known.
  static Result<Body> Of(std::unique_ptr<net::ClientResponse> response);

  /// As ClientResponse::Next.
  Task<Result<std::string_view>> Next();

  /// All of it, at most `limit` bytes; kTooLarge beyond.
  Task<Result<std::string>> ReadAll(std::size_t limit);

  /// As ClientResponse::EndBy.
  void EndBy(SteadyTime until) { response_->EndBy(until); }

  const net::ClientResponse& response() const { return *response_; }

 private:
  std::unique_ptr<net::ClientResponse> response_;
  std::unique_ptr<ContentDecoder> decoder_;  // null = as it comes
};

/// An answer that has been read whole.
class WholeReply final : public llm::Reply {
 public:
  WholeReply(int status, std::string content_type, std::string body, llm::ReplySummary summary,
             std::vector<std::string> warnings)
      : status_(status),
        content_type_(std::move(content_type)),
        body_(std::move(body)),
        summary_(std::move(summary)),
        warnings_(std::move(warnings)) {}

  int status() const override { return status_; }

  std::string_view content_type() const override { return content_type_; }

  std::optional<std::uint64_t> content_length() const override { return body_.size(); }

  Task<Result<std::string_view>> Next() override;

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error&) override { return {}; }

  std::span<const std::string> warnings() const override { return warnings_; }

 private:
  int status_;
  std::string content_type_;
  std::string body_;
  llm::ReplySummary summary_;
  std::vector<std::string> warnings_;
  bool given_ = false;
};

class StreamReply final : public llm::Reply {
 public:
  StreamReply(Body body, std::unique_ptr<AnswerStream> stream, std::vector<std::string> warnings)
      : body_(std::move(body)), stream_(std::move(stream)), warnings_(std::move(warnings)) {}

  int status() const override { return body_.response().status(); }

  std::string_view content_type() const override { return "text/event-stream"; }

  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

  /// Waits until the answer has begun, at the latest until `by`; what came up to then is what the
  /// first Next gives.
  Task<Result<void>> Begin(SteadyTime by);

  Task<Result<std::string_view>> Next() override;

  const llm::ReplySummary& summary() const override { return stream_->summary(); }

  std::string ErrorEvent(const Error& error) override { return stream_->ErrorEvent(error); }

  std::span<const std::string> warnings() const override { return warnings_; }

 private:
  Task<Result<std::string_view>> Pull();

  Body body_;
  std::unique_ptr<AnswerStream> stream_;
  std::vector<std::string> warnings_;
  std::string held_;  // what came before the answer began, when in several pieces
  std::string_view first_;
  bool ended_ = false;
};

}  // namespace triage::providers
