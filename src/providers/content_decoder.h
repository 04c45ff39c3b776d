#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace triage::providers {

/// Undoes the content coding of a body (RFC 9110 §8.4.1, RFC 8878) as its bytes arrive: what a
/// frame or flush point of the sender makes readable is given at once, which a compressed stream of
/// events needs.
class ContentDecoder {
 public:
  virtual ~ContentDecoder() = default;

  /// For gzip, x-gzip, deflate and zstd. Error kUpstream for any other coding, and for several of
  /// them on top of each other. One Feed gives at most `max_output` bytes: more is a bomb.
  static Result<std::unique_ptr<ContentDecoder>> For(std::string_view coding,
                                                     std::size_t max_output = kMaxOutput);

  /// All that can be read of the body with `bytes` behind the former ones; empty when more is
  /// needed for the next. Valid until the next call. Error kUpstream for broken bytes, for bytes
  /// behind the end and for too much output.
  virtual Result<std::string_view> Feed(std::string_view bytes) = 0;

  /// The body has ended. Error kUpstream when it was cut short.
  virtual Result<void> Finish() = 0;

  /// The net hands out at most 64 KiB at a time; no JSON or text shrinks to a 256th.
  static constexpr std::size_t kMaxOutput = std::size_t{16} << 20;
};

}  // namespace triage::providers
