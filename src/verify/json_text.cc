#include "verify/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "wire/json.h"

namespace triage::verify {
namespace {

using Kind = wire::JsonValue::Kind;

/// From here on doubles do not hold every integer.
constexpr double kExact = 9007199254740992.0;  // 2^53

std::string CanonicalNumber(wire::JsonValue value) {
  const std::string_view raw = value.raw();
  // Digits alone are compared as such, so that long identifiers stay apart.
  const bool digits =
      std::ranges::all_of(raw, [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
  if (digits) return raw == "-0" ? "0" : std::string(raw);
  const std::optional<double> number = value.number();
  if (!number) return std::string(raw);
  if (std::trunc(*number) == *number && std::abs(*number) < kExact) {
    return fmt::format("{}", static_cast<std::int64_t>(*number));
  }
  return fmt::format("{}", *number);
}

}  // namespace

std::string Canonical(wire::JsonValue value) {
  switch (value.kind()) {
    case Kind::kAbsent:
    case Kind::kNull: return "null";
    case Kind::kBool: return std::string(value.raw());
    case Kind::kNumber: return CanonicalNumber(value);
    case Kind::kString: return wire::JsonString(value.text());
    case Kind::kArray: {
      std::string text = "[";
      for (const wire::JsonValue item : value) {
        if (text.size() > 1) text += ',';
        text += Canonical(item);
      }
      return text + ']';
    }
    case Kind::kObject: {
      std::vector<std::pair<std::string, std::string>> members;
      members.reserve(value.size());
      for (const wire::JsonValue member : value) {
        members.emplace_back(wire::JsonString(member.key()), Canonical(member));
      }
      std::ranges::sort(members);
      std::string text = "{";
      for (const auto& [key, member] : members) {
        if (text.size() > 1) text += ',';
        text += key;
        text += ':';
        text += member;
      }
      return text + '}';
    }
  }
  return "null";
}

void AppendCompact(std::string& out, wire::JsonValue value) {
  if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const wire::JsonValue item : value) {
      if (!std::exchange(first, false)) out += ',';
      AppendCompact(out, item);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const wire::JsonValue member : value) {
      if (!std::exchange(first, false)) out += ',';
      out += wire::JsonString(member.key());
      out += ':';
      AppendCompact(out, member);
    }
    out += '}';
  } else {
    out += value.raw();
  }
}

bool IsInteger(wire::JsonValue value) {
  if (value.kind() != Kind::kNumber) return false;
  if (value.raw().find_first_of(".eE") == std::string_view::npos) return true;
  const std::optional<double> number = value.number();
  return number && std::trunc(*number) == *number;
}

std::string Describe(wire::JsonValue value) {
  switch (value.kind()) {
    case Kind::kAbsent: return "nothing";
    case Kind::kNull: return "null";
    case Kind::kBool: return "a boolean";
    case Kind::kNumber: return IsInteger(value) ? "an integer" : "a number";
    case Kind::kString: {
      const std::size_t size = CharactersOf(value.text());
      return fmt::format("a string of {} character{}", size, size == 1 ? "" : "s");
    }
    case Kind::kArray:
      return fmt::format("an array of {} item{}", value.size(), value.size() == 1 ? "" : "s");
    case Kind::kObject:
      return fmt::format("an object of {} propert{}", value.size(),
                         value.size() == 1 ? "y" : "ies");
  }
  return "nothing";
}

std::size_t CharactersOf(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string EscapePointer(std::string_view part) {
  std::string out;
  for (const char c : part) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string UnescapePointer(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1')) {
      out += part[i + 1] == '0' ? '~' : '/';
      ++i;
    } else {
      out += part[i];
    }
  }
  return out;
}

}  // namespace triage::verify
