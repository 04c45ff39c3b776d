#include "decide/printable.h"

namespace triage::decide {

std::string Printable(std::string_view text, std::size_t most) {
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
