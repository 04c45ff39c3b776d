#include "prices/text_size.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace triage::prices {
namespace {

// Kinds of bytes, and the tokens that one of each is worth: between the figures of o200k, cl100k,
// Llama 3 and Claude's tokenizers, which differ by a third. What a model really counts is learned.
enum ByteKind : std::uint8_t { kLetter, kDigit, kSign, kAccented, kOther2, kCjk3, kOther3, kRare };

constexpr std::size_t kByteKinds = 8;
constexpr std::array<double, kByteKinds> kTokensPerByte = {
    0.21,  // words and blanks: 4.8 letters
    0.50,  // digits: in twos and threes, or one by one
    0.55,  // punctuation: often a token, sometimes two signs in one
    0.35,  // letters with accents, two bytes
    0.30,  // Cyrillic, Greek, Hebrew, Arabic: two bytes, 1.7 letters a token
    0.30,  // Chinese, Japanese, Korean: three bytes, 1.1 characters a token
    0.35,  // Indic, Thai: three bytes
    0.60,  // emoji and the rest, four bytes
};
constexpr double kDenseTokensPerByte = 0.34;  // of JSON as compact as clients write it
constexpr std::int64_t kPerMessage = 4;       // role and separators, OpenAI's own rule of thumb
constexpr std::int64_t kPerImage = 1'600;
constexpr std::int64_t kPerPage = 2'000;
constexpr std::int64_t kPageBytes = 256 * 1024 / 3 * 4;  // in base64
constexpr std::int64_t kMostPages = 100;

// The kind of each lead byte; continuation bytes are counted with their lead.
constexpr std::array<std::uint8_t, 256> MakeKinds() {
  std::array<std::uint8_t, 256> kinds{};
  for (std::size_t b = 0; b < kinds.size(); ++b) {
    const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b <= ' ';
    kinds[b] = letter                   ? kLetter
               : b >= '0' && b <= '9'   ? kDigit
               : b < 0x80               ? kSign
               : b < 0xC0               ? kByteKinds  // a continuation byte
               : b <= 0xCA              ? kAccented   // U+0080 … U+02BF
               : b <= 0xDF              ? kOther2
               : b == 0xE0 || b == 0xE1 ? kOther3
               : b == 0xE2              ? kSign  // typographic quotes, dashes, arrows
               : b <= 0xEF              ? kCjk3
                                        : kRare;
  }
  return kinds;
}

constexpr std::array<std::uint8_t, 256> kKinds = MakeKinds();
constexpr std::array<std::int64_t, kByteKinds> kBytes = {1, 1, 1, 2, 2, 3, 3, 4};

using Counts = std::array<std::int64_t, kByteKinds + 1>;

/// Counts a piece of plain ASCII, a few bits per byte in vector registers. False, and nothing
/// counted, when it is none.
bool CountAscii(std::string_view piece, Counts& counts) {
  std::uint8_t letters = 0;
  std::uint8_t digits = 0;
  std::uint8_t bits = 0;
  for (const char c : piece) {
    const auto byte = static_cast<std::uint8_t>(c);
    const auto lower = static_cast<std::uint8_t>(byte | 0x20U);
    const bool letter = static_cast<std::uint8_t>(lower - 'a') < 26 || byte <= ' ';
    letters = static_cast<std::uint8_t>(letters + (letter ? 1 : 0));
    digits =
        static_cast<std::uint8_t>(digits + (static_cast<std::uint8_t>(byte - '0') < 10 ? 1 : 0));
    bits |= byte;
  }
  if (bits >= 0x80) return false;
  counts[kLetter] += letters;
  counts[kDigit] += digits;
  counts[kSign] += static_cast<std::int64_t>(piece.size()) - letters - digits;
  return true;
}

void Count(std::string_view text, Counts& counts) {
  constexpr std::size_t kPiece = 128;  // its counts fit into a byte
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    const std::string_view piece = text.substr(at, kPiece);
    if (CountAscii(piece, counts)) continue;
    for (const char c : piece) ++counts[kKinds[static_cast<unsigned char>(c)]];
  }
}

/// Bytes that were looked at.
std::int64_t CountSample(std::string_view text, Counts& counts) {
  constexpr std::size_t kBlocks = 16;
  constexpr std::size_t kBlock = 1024;
  if (text.size() <= kBlocks * kBlock) {
    Count(text, counts);
    return static_cast<std::int64_t>(text.size());
  }
  const std::size_t step = (text.size() - kBlock) / (kBlocks - 1);
  for (std::size_t i = 0; i < kBlocks; ++i) Count(text.substr(i * step, kBlock), counts);
  return kBlocks * kBlock;
}

Script ScriptOf(const Counts& counts) {
  const auto bytes = [&](ByteKind kind) { return counts[kind] * kBytes[kind]; };
  const std::int64_t dense = bytes(kDigit) + bytes(kSign);
  const std::int64_t cjk = bytes(kCjk3);
  const std::int64_t others = bytes(kOther2) + bytes(kOther3);
  const std::int64_t all = bytes(kLetter) + bytes(kAccented) + dense + cjk + others + bytes(kRare);
  if (cjk * 3 > all && cjk >= others) return Script::kCjk;
  if (others * 3 > all) return Script::kOthers;
  // English prose has 3 to 6 % of signs and digits, code 15 to 30 %.
  return dense * 8 > all ? Script::kDense : Script::kProse;
}

}  // namespace

TextSize Measure(const llm::Request& request) {
  Counts counts{};
  const std::int64_t looked_at = CountSample(request.text, counts);
  double tokens = 0;
  for (std::size_t kind = 0; kind < kByteKinds; ++kind) {
    tokens += static_cast<double>(counts[kind] * kBytes[kind]) * kTokensPerByte[kind];
  }
  if (looked_at > 0) {
    tokens *= static_cast<double>(request.text.size()) / static_cast<double>(looked_at);
  }
  const llm::Extras& extras = request.extras;
  tokens += static_cast<double>(extras.json_bytes) * kDenseTokensPerByte;
  TextSize size;
  size.text = static_cast<std::int64_t>(tokens) +
              static_cast<std::int64_t>(request.turns.size()) * kPerMessage;
  const std::int64_t pages = std::min(extras.documents + extras.document_bytes / kPageBytes,
                                      std::max(kMostPages, extras.documents));
  size.media = extras.images * kPerImage + pages * kPerPage;
  size.script = extras.json_bytes > static_cast<std::int64_t>(request.text.size())
                    ? Script::kDense
                    : ScriptOf(counts);
  return size;
}

}  // namespace triage::prices
