#include "simulate/recorder.h"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "simulate/headers.h"
#include "wire/json.h"
#include "wire/json_tree.h"

namespace triage::simulate {

namespace {

std::string TimeText(WallTime time) {
  const auto micros = time.time_since_epoch().count();
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros % 1'000'000);
}

/// JSON on one line: a line break in it can only stand between values.
std::string OneLine(std::string_view json) {
  std::string out(json);
  for (char& c : out) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<Recorder>> Recorder::Open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr)
    return Error{ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno)};
  return std::shared_ptr<Recorder>(new Recorder(file));
}

void Recorder::Write(WallTime time, llm::Dialect dialect, const net::HttpRequest& request,
                     const Outcome& outcome) {
  JsonWriter line;
  line.Begin('{');
  line.Member("time", TimeText(time));
  line.Member("dialect", llm::Name(dialect));
  line.Member("method", request.method);
  line.Member("path", RecordableTarget(request.target));
  line.Key("headers");
  line.Begin('{');
  for (const net::Header& header : request.headers) {
    std::string name = wire::JsonString(header.name);
    line.Key(std::string_view(name).substr(1, name.size() - 2));
    line.String(Recordable(header.name, header.value));
  }
  line.End('}');
  line.Key("body");
  wire::JsonTree tree;
  if (request.body.empty()) {
    line.Null();
  } else if (tree.Parse(request.body)) {
    line.Raw(OneLine(request.body));
  } else {
    line.String(request.body);
  }
  line.Member("model", outcome.model);
  line.Member("status", std::int64_t{outcome.status});
  line.Member("events", std::int64_t{outcome.events});
  line.Flag("client_gone", outcome.client_gone);
  line.End('}');
  const std::string text = line.Take() + "\n";
  const std::scoped_lock lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace triage::simulate
