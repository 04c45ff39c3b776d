#include "learn/split.h"

#include <array>
#include <cstdint>

#include <openssl/evp.h>

#include "base/error.h"

namespace triage::learn {
namespace {

/// Cuts at the first answer option: "\nA. ", "\n(A) ", "\nA) ", "\n(A. ".
std::string_view WithoutOptions(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
    std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('(')) rest.remove_prefix(1);
    if (rest.starts_with("A. ") || rest.starts_with("A) ")) return text.substr(0, at);
  }
  return text;
}

}  // namespace

std::string Core(std::string_view prompt) {
  constexpr std::size_t kCoreLength = 160;
  constexpr std::string_view kCodeMark = "[PYTHON]";
  std::string_view text = WithoutOptions(prompt);
  if (const auto at = text.find(kCodeMark); at != text.npos) {
    text.remove_prefix(at + kCodeMark.size());
  }
  std::string core;
  core.reserve(kCoreLength);
  for (std::size_t i = 0; i < text.size() && core.size() < kCoreLength; ++i) {
    const char c = text[i];
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      core.push_back(c);
    } else if (c >= 'A' && c <= 'Z') {
      core.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if (text.substr(i, 3) == "\xE2\x84\xAA") {
      core.push_back('k');  // KELVIN SIGN: Unicode lower case is an ASCII letter
    } else if (text.substr(i, 2) == "\xC4\xB0") {
      core.push_back('i');  // CAPITAL I WITH DOT ABOVE: lower case begins with an ASCII i
    }
  }
  return core;
}

int Fold(std::string_view prompt, int folds) {
  TRIAGE_CHECK(folds > 0);
  const std::string text = "fold" + Core(prompt);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  TRIAGE_CHECK(
      EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  const std::uint32_t head = (std::uint32_t{digest[0]} << 24) | (std::uint32_t{digest[1]} << 16) |
                             (std::uint32_t{digest[2]} << 8) | std::uint32_t{digest[3]};
  return static_cast<int>(head % static_cast<std::uint32_t>(folds));
}

}  // namespace triage::learn
