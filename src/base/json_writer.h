#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace triage {

/// Appends JSON to a string, without a tree in between: the writer thread renders every exchange.
/// Commas and escapes are its work; that brackets match is the caller's.
class JsonWriter {
 public:
  void Begin(char bracket);
  void End(char bracket);
  void Key(std::string_view key);

  /// Bytes that are not UTF-8 become U+FFFD.
  void String(std::string_view value);
  void Integer(std::int64_t value);
  /// Shortest text that reads back the same; null when not finite.
  void Number(double value);
  void Bool(bool value);
  void Null();
  /// `json` as it is.
  void Raw(std::string_view json);

  void Member(std::string_view key, std::string_view value);
  void Member(std::string_view key, std::int64_t value);
  void Member(std::string_view key, const std::optional<double>& value);
  void Flag(std::string_view key, bool value);
  void Strings(std::string_view key, std::span<const std::string> values);

  std::string Take() { return std::move(text_); }

 private:
  void Separate();

  std::string text_;
  bool comma_ = false;
};

}  // namespace triage
