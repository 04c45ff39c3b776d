// Any bytes as a compressed body, whole and cut in two: never a crash, never more output than the
// limit, and the same text however they are cut.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "providers/content_decoder.h"

namespace {

using namespace triage;

constexpr std::size_t kLimit = 1 << 16;

// Nothing when the body was refused.
std::optional<std::string> Decode(std::string_view coding, std::string_view first,
                                  std::string_view second) {
  auto decoder = providers::ContentDecoder::For(coding, kLimit);
  TRIAGE_CHECK(decoder.has_value());
  std::string text;
  for (const std::string_view piece : {first, second}) {
    const auto decoded = (*decoder)->Feed(piece);
    if (!decoded) return std::nullopt;
    TRIAGE_CHECK(decoded->size() <= kLimit);
    text += *decoded;
  }
  if (!(*decoder)->Finish()) return std::nullopt;
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(data, data + size);
  const std::string_view bytes = body;
  const std::size_t cut = size == 0 ? 0 : data[size - 1] % size;
  for (const std::string_view coding : {"gzip", "deflate", "zstd"}) {
    const auto whole = Decode(coding, bytes, {});
    const auto pieces = Decode(coding, bytes.substr(0, cut), bytes.substr(cut));
    // In two pieces, twice the limit may come out.
    if (whole) TRIAGE_CHECK(pieces == whole);
  }
  return 0;
}
