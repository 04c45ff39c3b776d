#pragma once

#include <optional>
#include <string>

#include "net/deadline_wheel.h"
#include "net/http_codec.h"
#include "net/server.h"
#include "net/socket.h"

namespace triage::net {

/// What a session needs of its server.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual const ServerOptions& options() const = 0;
  virtual Handler& handler() = 0;
  virtual bool draining() const = 0;
  virtual void OnRequestStart() = 0;
  virtual void OnRequestEnd() = 0;
  virtual void OnProtocolError() = 0;
};

/// One client connection: reads requests one after the other, has each answered, then reads the
/// next. While a request is being answered the socket is watched: bytes that arrive are the next,
/// pipelined request; its end is the client's departure. A half-closed connection counts as
/// departed.
class Session final : public ResponseWriter {
 public:
  Session(Loop& loop, int descriptor, SessionOwner& owner);

  /// Ends when the connection has.
  Task<void> Run();

  void Close();
  void CloseIfIdle();

  Task<Result<void>> Send(int status, std::span<const Header> headers,
                          std::string_view body) override;
  Task<Result<void>> Begin(int status, std::span<const Header> headers) override;
  Task<Result<void>> Write(std::string_view bytes) override;
  Task<Result<void>> End() override;
  void KeepAlive(std::chrono::milliseconds interval, std::string_view bytes) override;
  void Cut() override;

  CancelScope& client_gone() override { return *scope_; }

  bool begun() const override { return answer_ != Answer::kNone && !head_waits(); }

 private:
  /// Begun, but nothing of it has gone out: it can still become another response.
  bool head_waits() const { return answer_ == Answer::kStreaming && !out_.empty(); }

  enum class Answer : std::uint8_t { kNone, kStreaming, kDone, kCut };
  enum class Received : std::uint8_t { kRequest, kEnd };

  Task<Received> ReadRequest();
  Task<bool> ReadHead();
  Task<bool> ReadFixedBody();
  Task<bool> ReadChunkedBody();
  Task<bool> Fill(std::chrono::milliseconds limit);
  Task<bool> FillBefore(SteadyTime deadline);
  Task<void> Refuse(int status, std::string_view message);
  Task<void> Linger();
  void Watch();
  void OnWatched();
  void AppendHead(int status, std::span<const Header> headers);
  Task<Result<void>> Flush(std::span<iovec> pieces);
  void WriteKeepAlive();

  Loop& loop_;
  SessionOwner& owner_;
  Socket socket_;
  std::string in_;         // received, not yet dealt with
  std::string pipelined_;  // received while a request was being answered
  std::string head_;
  std::string body_;
  std::string out_;   // the head of the response, until the first write
  std::string owed_;  // the rest of a keep-alive that the socket did not take at once
  RequestHead parsed_;
  HttpRequest request_;
  std::optional<CancelScope> scope_;
  Answer answer_ = Answer::kNone;
  bool idle_ = false;
  bool keep_alive_ = true;
  bool flushing_ = false;
  std::chrono::milliseconds quiet_limit_{0};  // 0 = no keep-alives inside a response
  std::string_view quiet_bytes_;
  DeadlineWheel::Entry quiet_;
};

}  // namespace triage::net
