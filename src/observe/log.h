#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/ids.h"

namespace triage::observe {

/// kError means that a person must act; kWarn that something was lost or replaced; kInfo tells what
/// the process does as a whole; kDebug follows single exchanges, kTrace their single steps.
enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError };

/// "trace", "debug", "info", "warn", "error".
std::string_view Name(Level level);
std::optional<Level> ParseLevel(std::string_view text);

enum class LogFormat : std::uint8_t {
  kHuman,  ///< 2026-01-31T12:00:00.123Z WARN fallback exchange=01J… model=groq/llama code=timeout
  kJson,  ///< {"time":"2026-01-31T12:00:00.123Z","level":"warn","event":"fallback","exchange":"01J…",…}
};

struct LogOptions {
  Level level = Level::kInfo;
  LogFormat format = LogFormat::kHuman;
  /// Lines go through a bounded queue (the oldest is dropped when it is full) to a thread that
  /// writes them, so that a slow terminal or pipe never holds up an I/O thread. False: written
  /// before Log returns.
  bool background = false;
  /// Takes each line, without its end; empty = standard error. For tests.
  std::function<void(std::string_view line)> write = {};
};

/// One key and value of a log line. Views must outlive the call of Log, no longer. Never a prompt,
/// an answer or a key.
class Field {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view key, std::string_view value) : key_(key), value_(value) {}

  Field(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}

  Field(std::string_view key, const std::string& value)
      : key_(key), value_(std::string_view(value)) {}

  Field(std::string_view key, bool value) : key_(key), value_(value) {}

  Field(std::string_view key, double value) : key_(key), value_(value) {}

  template <std::signed_integral T>
  Field(std::string_view key, T value) : key_(key), value_(static_cast<std::int64_t>(value)) {}

  template <std::unsigned_integral T>
  Field(std::string_view key, T value) : key_(key), value_(static_cast<std::uint64_t>(value)) {}

  std::string_view key() const { return key_; }

  const Value& value() const { return value_; }

 private:
  std::string_view key_;
  Value value_;
};

/// Sets how the process logs. Before the first call lines of kInfo and above go to standard error
/// for people. Not to be called while other threads log.
void StartLog(const LogOptions& options);

/// Writes what is queued and returns to the state before StartLog. Call it before main returns.
void StopLog();

/// Whether a line of that level would be written; for callers whose fields are costly to make.
bool LogEnabled(Level level);

/// Writes one line. From any thread. `event` is a short constant phrase ("reload refused"); what
/// varies goes into fields. Control characters and broken UTF-8 in values are escaped: a value
/// cannot forge a line.
void Log(Level level, std::string_view event, std::initializer_list<Field> fields = {});

/// The same for something that happened to an exchange: its id stands first, as "exchange".
void Log(Level level, const ExchangeId& exchange, std::string_view event,
         std::initializer_list<Field> fields = {});

/// The same with what the error says: fields "code", "message", "detail" and, where they are set,
/// "status" (the provider's) and "field". For an exchange the message of kInvalidRequest is left
/// out: it quotes what the client sent.
void Log(Level level, std::string_view event, const Error& error,
         std::initializer_list<Field> fields = {});
void Log(Level level, const ExchangeId& exchange, std::string_view event, const Error& error,
         std::initializer_list<Field> fields = {});

}  // namespace triage::observe
