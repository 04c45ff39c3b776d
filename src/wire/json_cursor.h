#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace triage::wire {

/// What simdjson's on-demand interface leaves open and a gateway needs: raw tokens without what
/// follows them, keys with their length, and a full check of values nobody reads. Private to the
/// .cc files of `wire`.
class JsonCursor {
 public:
  using Value = simdjson::ondemand::value;

  explicit JsonCursor(int max_depth) : max_depth_(max_depth) {}

  static std::string_view Trimmed(std::string_view token) {
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\t' ||
                              token.back() == '\r')) {
      token.remove_suffix(1);
    }
    return token;
  }

  /// The scalar as written, or a container's opening bracket; empty for a string that a colon
  /// follows, because simdjson would skip that as a key. Does not move on.
  static std::string_view Token(Value& value) {
    const std::string_view raw = value.raw_json_token();
    if (raw.starts_with('"') && *(raw.data() + raw.size()) == ':') return {};
    return Trimmed(raw);
  }

  static bool IsString(std::string_view token) { return token.size() >= 2 && token.front() == '"'; }

  /// A string token without its quotes, still escaped.
  static std::string_view Inside(std::string_view token) {
    return token.substr(1, token.size() - 2);
  }

  /// The decoded key; valid as long as the body and this. False for a broken escape.
  bool Key(simdjson::ondemand::field& field, std::string_view& key);

  /// Whether `value`, itself inside `depth` containers, is valid JSON and not nested too deeply.
  /// Moves behind it.
  bool Check(Value& value, int depth);

 private:
  const int max_depth_;
  std::list<std::string> unescaped_keys_;  // rare; an empty list owns no memory
};

/// Calls `function(parser)` with a parser that fits. Parsers are kept per thread, but not one that
/// a huge text has grown: it holds four bytes for each of the text's.
template <class Function>
auto WithParser(std::size_t size, Function&& function) {
  constexpr std::size_t kKept = 256 * 1024;
  if (size > kKept) {
    simdjson::ondemand::parser own;
    return function(own);
  }
  thread_local simdjson::ondemand::parser kept;
  return function(kept);
}

}  // namespace triage::wire
