#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/error.h"
#include "wire/json_cursor.h"

// Private to the .cc files of `wire`, as JsonCursor is.

namespace triage::wire {

/// The first value of a request that is wrong. Functions that fill it return false.
class Fault {
 public:
  bool Say(std::string pointer, std::string_view message);
  bool WrongType(std::string pointer, std::string_view wanted);

  std::optional<Error>& error() { return error_; }

 private:
  std::optional<Error> error_;
};

/// Measures values that simdjson passes over: it says where they begin, not where they end, so one
/// ends where the next thing begins.
class LengthMeter {
 public:
  /// The bytes from `begin` to the next End are added to `into`.
  void Begin(const char* begin, std::int64_t& into) {
    begin_ = begin;
    into_ = &into;
  }

  /// Does nothing when nothing is being measured.
  void End(const char* end) {
    if (into_ != nullptr) *into_ += end - begin_;
    into_ = nullptr;
  }

 private:
  const char* begin_ = nullptr;
  std::int64_t* into_ = nullptr;
};

/// Checks OpenAI chat's `tools`, or the older `functions` when `pointer` is "/functions". `any`:
/// there are some. False when something is wrong: the JSON, when `fault` names nothing.
bool CheckTools(JsonCursor& cursor, JsonCursor::Value& value, std::string_view pointer,
                Fault& fault, bool& any);

}  // namespace triage::wire
