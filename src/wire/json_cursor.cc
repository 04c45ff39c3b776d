#include "wire/json_cursor.h"

#include <utility>

#include "wire/json.h"

namespace triage::wire {

bool JsonCursor::Key(simdjson::ondemand::field& field, std::string_view& key) {
  // simdjson has made sure that the string ends.
  const char* begin = field.key().raw();
  const char* end = begin;
  bool escaped = false;
  for (; *end != '"'; ++end) {
    if (*end == '\\') {
      escaped = true;
      ++end;
    }
  }
  key = std::string_view(begin, static_cast<std::size_t>(end - begin));
  if (!escaped) return true;
  std::string& decoded = unescaped_keys_.emplace_back();
  if (!AppendUnescaped(decoded, key)) return false;
  key = decoded;
  return true;
}

bool JsonCursor::Check(Value& value, int depth) {
  const std::string_view token = Token(value);
  if (token.empty()) return false;
  switch (token.front()) {
    case '{': {
      if (depth >= max_depth_) return false;
      simdjson::ondemand::object object;
      if (value.get_object().get(object)) return false;
      for (auto each : object) {
        simdjson::ondemand::field entry;
        std::string_view key;
        if (std::move(each).get(entry) || !Key(entry, key)) return false;
        if (!Check(entry.value(), depth + 1)) return false;
      }
      return true;
    }
    case '[': {
      if (depth >= max_depth_) return false;
      simdjson::ondemand::array array;
      if (value.get_array().get(array)) return false;
      for (auto each : array) {
        Value inner;
        if (std::move(each).get(inner) || !Check(inner, depth + 1)) return false;
      }
      return true;
    }
    case '"': return token.size() >= 2 && ValidEscapes(Inside(token));
    default: return token == "true" || token == "false" || token == "null" || IsJsonNumber(token);
  }
}

}  // namespace triage::wire
