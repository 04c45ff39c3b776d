#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace triage::simulate {

enum class Compression : std::uint8_t { kNone, kGzip, kZstd };

/// "gzip" or "zstd"; kInvalidRequest for anything else.
Result<Compression> ParseCompression(std::string_view text);
/// The value of Content-Encoding; empty for kNone.
std::string_view Name(Compression compression);

/// One compressed body, written piece by piece.
class Compressor {
 public:
  virtual ~Compressor() = default;
  /// Appends what `bytes` become, all of it, so that the reader need not wait for more.
  virtual void Add(std::string_view bytes, std::string& out) = 0;
  /// Appends the end of the body.
  virtual void Finish(std::string& out) = 0;
};

/// Null for kNone.
std::unique_ptr<Compressor> MakeCompressor(Compression compression);

}  // namespace triage::simulate
