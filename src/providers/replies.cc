#include "providers/replies.h"

#include "base/text.h"
#include "net/http.h"

namespace triage::providers {

Error FromNet(Error error, int status) {
  error.upstream_status = status;
  if (error.code == ErrorCode::kProtocol || error.code == ErrorCode::kTooLarge) {
    error.code = ErrorCode::kUpstream;
  }
  return error;
}

Result<Body> Body::Of(std::unique_ptr<net::ClientResponse> response) {
  Body body;
  const std::string_view coding =
      Trim(net::FindHeader(response->headers(), "content-encoding").value_or(""));
  if (!coding.empty() && !EqualsIgnoreCaseAscii(coding, "identity")) {
    Result<std::unique_ptr<ContentDecoder>> decoder = ContentDecoder::For(coding);
    if (!decoder) {
      Error error = std::move(decoder).error();
      error.upstream_status = response->status();
      return error;
    }
    body.decoder_ = std::move(*decoder);
  }
  body.response_ = std::move(response);
  return body;
}

Task<Result<std::string_view>> Body::Next() {
  while (true) {
    Result<std::string_view> bytes = co_await response_->Next();
    if (!bytes || decoder_ == nullptr) co_return bytes;
    if (bytes->empty()) {
      const Result<void> whole = decoder_->Finish();
      if (!whole) co_return whole.error();
      co_return bytes;
    }
    Result<std::string_view> decoded = decoder_->Feed(*bytes);
    if (!decoded || !decoded->empty()) co_return decoded;
  }
}

Task<Result<std::string>> Body::ReadAll(std::size_t limit) {
  std::string all;
  while (true) {
    const Result<std::string_view> bytes = co_await Next();
    if (!bytes) co_return bytes.error();
    if (bytes->empty()) co_return all;
    if (all.size() + bytes->size() > limit) {
      co_return Error{.code = ErrorCode::kTooLarge,
                      .message = "The provider's answer is larger than allowed."};
    }
    all.append(*bytes);
  }
}

Task<Result<std::string_view>> WholeReply::Next() {
  const bool first = !std::exchange(given_, true);
  co_return first ? std::string_view(body_) : std::string_view();
}

Task<Result<void>> StreamReply::Begin(SteadyTime by) {
  body_.EndBy(by);
  while (true) {
    const Result<std::string_view> bytes = co_await Pull();
    if (!bytes) co_return bytes.error();
    if (stream_->begun() || bytes->empty()) {
      if (held_.empty()) {
        first_ = *bytes;
      } else {
        held_.append(*bytes);
        first_ = held_;
      }
      body_.EndBy(SteadyTime::max());
      co_return Result<void>{};
    }
    held_.append(*bytes);
  }
}

Task<Result<std::string_view>> StreamReply::Next() {
  if (!first_.empty()) co_return std::exchange(first_, {});
  const Result<std::string_view> next = co_await Pull();
  co_return next;
}

Task<Result<std::string_view>> StreamReply::Pull() {
  while (true) {
    const std::string_view run = stream_->Next();
    if (!run.empty()) co_return run;
    if (stream_->error()) {
      Error error = *stream_->error();
      if (error.upstream_status == 0) error.upstream_status = status();
      co_return error;
    }
    if (ended_) co_return std::string_view();
    const Result<std::string_view> bytes = co_await body_.Next();
    if (bytes && !bytes->empty()) {
      stream_->Feed(*bytes);
      continue;
    }
    // What fails behind the end of the answer is no failure of the answer.
    const bool cut = !bytes && !stream_->summary().complete;
    if (cut && bytes.error().code != ErrorCode::kUnavailable) {
      co_return FromNet(bytes.error(), status());
    }
    ended_ = true;
    stream_->End();
  }
}

}  // namespace triage::providers
