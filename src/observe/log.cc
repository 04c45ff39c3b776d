#include "observe/log.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "observe/log_line.h"

namespace triage::observe {
namespace {

// Lines that may wait for the writing thread; at ~300 bytes each this bounds the queue to a few
// megabytes.
constexpr std::size_t kQueuedLines = 8192;
constexpr std::string_view kHumanPattern = "%Y-%m-%dT%H:%M:%S.%eZ %v";
constexpr std::string_view kJsonPattern = "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v}";

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write_(std::string_view(line.data(), line.size()));
  }

  void flush_() override {}

  std::function<void(std::string_view)> write_;
};

spdlog::level::level_enum SpdlogLevel(Level level) {
  switch (level) {
    case Level::kTrace: return spdlog::level::trace;
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

struct State {
  std::shared_ptr<spdlog::details::thread_pool> pool;  // null = lines are written at once
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kHuman;
};

State MakeState(const LogOptions& options) {
  State state;
  state.format = options.format;
  const bool to_function = static_cast<bool>(options.write);
  spdlog::sink_ptr sink;
  if (to_function) {
    sink = std::make_shared<FunctionSink>(options.write);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  if (options.background) {
    state.pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
    state.logger = std::make_shared<spdlog::async_logger>(
        "triage", std::move(sink), state.pool, spdlog::async_overflow_policy::overrun_oldest);
  } else {
    state.logger = std::make_shared<spdlog::logger>("triage", std::move(sink));
  }
  const auto pattern =
      std::string(options.format == LogFormat::kJson ? kJsonPattern : kHumanPattern);
  state.logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      pattern, spdlog::pattern_time_type::utc, to_function ? "" : "\n"));
  state.logger->set_level(spdlog::level::trace);  // levels are filtered here, not there
  state.logger->flush_on(spdlog::level::warn);
  return state;
}

std::atomic<Level> g_level = Level::kInfo;

State& Current() {
  static State state = MakeState(LogOptions{});
  return state;
}

std::string_view HumanLevel(Level level) {
  switch (level) {
    case Level::kTrace: return "TRACE ";
    case Level::kDebug: return "DEBUG ";
    case Level::kInfo: return "INFO  ";
    case Level::kWarn: return "WARN  ";
    case Level::kError: return "ERROR ";
  }
  return "ERROR ";
}

void Write(Level level, std::string_view event, std::span<const Field> fields) {
  const State& state = Current();
  std::string line;
  line.reserve(256);
  if (state.format == LogFormat::kJson) {
    line += "\"level\":\"";
    line += Name(level);
    line += "\",";
    AppendJsonLine(line, event, fields);
  } else {
    line += HumanLevel(level);
    AppendHumanLine(line, event, fields);
  }
  try {
    state.logger->log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
  } catch (const std::exception&) {
    // A line that cannot be written has nowhere to be reported; the gateway goes on.
    return;
  }
}

void WriteAll(Level level, const ExchangeId* exchange, std::string_view event, const Error* error,
              std::span<const Field> fields) {
  if (!LogEnabled(level)) return;
  if (exchange == nullptr && error == nullptr) {
    Write(level, event, fields);
    return;
  }
  std::string id;
  std::vector<Field> all;
  all.reserve(fields.size() + 6);
  if (exchange != nullptr) {
    id = exchange->Text();
    all.emplace_back("exchange", id);
  }
  all.insert(all.end(), fields.begin(), fields.end());
  if (error != nullptr) {
    all.emplace_back("code", Name(error->code));
    // What is wrong with a request is told in its own words, which are the client's.
    const bool quotes_client = exchange != nullptr && error->code == ErrorCode::kInvalidRequest;
    if (!quotes_client) all.emplace_back("message", error->message);
    if (!error->detail.empty()) all.emplace_back("detail", error->detail);
    if (!error->field.empty()) all.emplace_back("field", error->field);
    if (error->upstream_status != 0) all.emplace_back("status", error->upstream_status);
  }
  Write(level, event, all);
}

std::span<const Field> Span(std::initializer_list<Field> fields) {
  return {fields.begin(), fields.size()};
}

}  // namespace

std::string_view Name(Level level) {
  switch (level) {
    case Level::kTrace: return "trace";
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: return "error";
  }
  return "error";
}

std::optional<Level> ParseLevel(std::string_view text) {
  for (const Level level :
       {Level::kTrace, Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (Name(level) == text) return level;
  }
  return std::nullopt;
}

void StartLog(const LogOptions& options) {
  Current() = MakeState(options);
  g_level.store(options.level, std::memory_order_relaxed);
}

void StopLog() {
  StartLog(LogOptions{});
}

bool LogEnabled(Level level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

void Log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  WriteAll(level, nullptr, event, nullptr, Span(fields));
}

void Log(Level level, const ExchangeId& exchange, std::string_view event,
         std::initializer_list<Field> fields) {
  WriteAll(level, &exchange, event, nullptr, Span(fields));
}

void Log(Level level, std::string_view event, const Error& error,
         std::initializer_list<Field> fields) {
  WriteAll(level, nullptr, event, &error, Span(fields));
}

void Log(Level level, const ExchangeId& exchange, std::string_view event, const Error& error,
         std::initializer_list<Field> fields) {
  WriteAll(level, &exchange, event, &error, Span(fields));
}

}  // namespace triage::observe
