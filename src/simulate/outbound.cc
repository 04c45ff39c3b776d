#include "simulate/outbound.h"

namespace triage::simulate {

std::vector<net::Header> Outbound::Views() const {
  std::vector<net::Header> views;
  for (const auto& [name, value] : headers_) views.push_back({name, value});
  return views;
}

void Outbound::Note(int status, std::string_view content_type) {
  status_ = status;
  headers_.emplace(headers_.begin(), "Content-Type", content_type);
  compressor_ = MakeCompressor(compression_);
  if (compressor_ != nullptr) headers_.emplace_back("Content-Encoding", Name(compression_));
}

Task<Result<void>> Outbound::Send(int status, std::string_view content_type,
                                  std::string_view body) {
  Note(status, content_type);
  const std::vector<net::Header> views = Views();
  std::string packed;
  if (compressor_ != nullptr) {
    compressor_->Add(body, packed);
    compressor_->Finish(packed);
    body = packed;
  }
  Result<void> sent = co_await writer_.Send(status, views, body);
  co_return sent;
}

Task<Result<void>> Outbound::Begin(int status, std::string_view content_type) {
  Note(status, content_type);
  const std::vector<net::Header> views = Views();
  Result<void> sent = co_await writer_.Begin(status, views);
  co_return sent;
}

Task<Result<void>> Outbound::Write(std::string_view bytes) {
  std::string packed;
  if (compressor_ != nullptr) {
    compressor_->Add(bytes, packed);
    bytes = packed;
  }
  Result<void> sent = co_await writer_.Write(bytes);
  co_return sent;
}

Task<Result<void>> Outbound::End() {
  Result<void> sent;
  if (compressor_ != nullptr) {
    std::string packed;
    compressor_->Finish(packed);
    sent = co_await writer_.Write(packed);
  }
  if (sent) sent = co_await writer_.End();
  co_return sent;
}

}  // namespace triage::simulate
