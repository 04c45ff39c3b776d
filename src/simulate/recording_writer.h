#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "net/server.h"

namespace triage::simulate {

/// Keeps what a handler sends.
class RecordingWriter : public net::ResponseWriter {
 public:
  Task<Result<void>> Send(int status, std::span<const net::Header> headers,
                          std::string_view body) override {
    Keep(status, headers);
    body_ = body;
    ended_ = true;
    co_return Result<void>{};
  }

  Task<Result<void>> Begin(int status, std::span<const net::Header> headers) override {
    Keep(status, headers);
    co_return Result<void>{};
  }

  Task<Result<void>> Write(std::string_view bytes) override {
    body_ += bytes;
    ++writes_;
    if (cancel_after_ > 0 && writes_ == cancel_after_) gone_.Cancel();
    co_return Result<void>{};
  }

  void KeepAlive(std::chrono::milliseconds, std::string_view) override {}

  Task<Result<void>> End() override {
    ended_ = true;
    co_return Result<void>{};
  }

  void Cut() override { cut_ = true; }

  CancelScope& client_gone() override { return gone_; }

  bool begun() const override { return status_ != 0; }

  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers_) {
      if (key == name) return value;
    }
    return "";
  }

  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string body_;
  int writes_ = 0;
  int cancel_after_ = 0;
  bool ended_ = false;
  bool cut_ = false;
  CancelScope gone_;

 private:
  void Keep(int status, std::span<const net::Header> headers) {
    status_ = status;
    for (const net::Header& header : headers) headers_.emplace_back(header.name, header.value);
  }
};

}  // namespace triage::simulate
