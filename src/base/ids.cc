#include "base/ids.h"

namespace triage {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kTextLength = 26;

}  // namespace

ExchangeId ExchangeId::Make(WallTime now, Random& random) {
  auto milliseconds = static_cast<std::uint64_t>(now.time_since_epoch().count() / 1000);
  return {.high = (milliseconds << 16) | (random.Next() & 0xffff), .low = random.Next()};
}

std::string ExchangeId::Text() const {
  std::string text(kTextLength, '0');
  auto bits = (static_cast<unsigned __int128>(high) << 64) | low;
  for (std::size_t i = kTextLength; i-- > 0;) {
    text[i] = kAlphabet[static_cast<std::size_t>(bits & 31)];
    bits >>= 5;
  }
  return text;
}

std::optional<ExchangeId> ExchangeId::Parse(std::string_view text) {
  if (text.size() != kTextLength || text[0] > '7') return std::nullopt;
  unsigned __int128 bits = 0;
  for (char c : text) {
    char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    auto digit = kAlphabet.find(upper);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 5) | digit;
  }
  return ExchangeId{.high = static_cast<std::uint64_t>(bits >> 64),
                    .low = static_cast<std::uint64_t>(bits)};
}

}  // namespace triage
