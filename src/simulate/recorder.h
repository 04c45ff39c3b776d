#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "llm/types.h"
#include "net/http.h"

namespace triage::simulate {

/// What became of one request.
struct Outcome {
  std::string model;  ///< empty when the request named none that could be read
  int status = 0;     ///< 0 = no head was sent
  int events = 0;     ///< written to a stream
  bool client_gone = false;
};

/// Writes a JSON line for each request to a file, so that a test can see what a gateway really
/// sent. Secrets in headers and in the target are left out. Thread-safe.
class Recorder {
 public:
  /// Appends to the file. kIo when it cannot be written.
  static Result<std::shared_ptr<Recorder>> Open(const std::string& path);

  /// One line: time, dialect, method, path, headers, body (as JSON when it is that, else as a
  /// string), model, status, events, client_gone.
  void Write(WallTime time, llm::Dialect dialect, const net::HttpRequest& request,
             const Outcome& outcome);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  explicit Recorder(std::FILE* file) : file_(file) {}

  std::mutex mutex_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace triage::simulate
