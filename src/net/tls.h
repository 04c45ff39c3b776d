#pragma once

#include <memory>
#include <string>

#include "base/error.h"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace triage::net {

/// Certificate and key of a listener. Immutable; shared by the loops. TLS 1.2 and 1.3, with session
/// tickets.
class TlsServerContext {
 public:
  /// PEM files; error kIo names the file.
  static Result<std::shared_ptr<TlsServerContext>> Load(const std::string& certificate,
                                                        const std::string& key);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;
  /// A new connection's state, owned by the caller.
  SSL* NewConnection() const;

 private:
  explicit TlsServerContext(SSL_CTX* context) : context_(context) {}

  SSL_CTX* context_;
};

/// How a loop's client speaks TLS: system certificates (or `ca_file`), verification of chain and
/// name, SNI, and the last session of each origin for a resumed handshake.
class TlsClientContext {
 public:
  static Result<std::unique_ptr<TlsClientContext>> Make(const std::string& ca_file, bool verify);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;
  /// A new connection's state for that host, owned by the caller; resumes the last session with it
  /// where there is one.
  SSL* NewConnection(const std::string& host, std::uint16_t port);

 private:
  struct Sessions;
  TlsClientContext(SSL_CTX* context, bool verify);

  SSL_CTX* context_;
  bool verify_;
  std::unique_ptr<Sessions> sessions_;
};

}  // namespace triage::net
