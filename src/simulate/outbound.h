#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "net/server.h"
#include "simulate/compress.h"
#include "simulate/headers.h"

namespace triage::simulate {

/// An answer on its way out: keeps the headers of all its forms, compresses, and remembers what was
/// sent. As net::ResponseWriter: one Send, or Begin, Write …, End.
class Outbound {
 public:
  Outbound(net::ResponseWriter& writer, Compression compression)
      : writer_(writer), compression_(compression) {}

  OwnHeaders& headers() { return headers_; }

  Task<Result<void>> Send(int status, std::string_view content_type, std::string_view body);
  Task<Result<void>> Begin(int status, std::string_view content_type);
  Task<Result<void>> Write(std::string_view bytes);
  Task<Result<void>> End();

  void Cut() { writer_.Cut(); }

  CancelScope& client_gone() { return writer_.client_gone(); }

  bool gone() { return writer_.client_gone().cancelled(); }

  /// Of what was begun or sent; 0 = nothing.
  int status() const { return status_; }

 private:
  std::vector<net::Header> Views() const;
  void Note(int status, std::string_view content_type);

  net::ResponseWriter& writer_;
  Compression compression_;
  OwnHeaders headers_;
  std::unique_ptr<Compressor> compressor_;
  int status_ = 0;
};

}  // namespace triage::simulate
