#include "decide/printable.h"

#include <algorithm>

namespace triage::decide {

std::string Printable(std::string_view text, std::size_t most) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (text.size() <= most && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string line;
  line.reserve(text.size() < most ? text.size() : most);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xC0U) == 0x80U && !line.empty() && line.back() == '?';
    if (continues) continue;
    if (line.size() == most) {
      line.resize(most < 3 ? 0 : most - 3);
      line.append(most < 3 ? "" : "...");
      return line;
    }
    line.push_back(byte < 0x20 || byte == 0x7F ? ' ' : byte < 0x80 ? c : '?');
  }
  return line;
}

}  // namespace triage::decide
