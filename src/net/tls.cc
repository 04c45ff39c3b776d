#include "net/tls.h"

#include <map>
#include <utility>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace triage::net {
namespace {

std::string LastTlsError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  char text[200];
  ERR_error_string_n(code, text, sizeof(text));
  return text;
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

int OriginIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::Load(const std::string& certificate,
                                                                 const std::string& key) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return Error{.code = ErrorCode::kInternal, .message = LastTlsError()};
  std::shared_ptr<TlsServerContext> made(new TlsServerContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  static constexpr unsigned char kSessionContext[] = "triage";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof(kSessionContext) - 1);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return Error{.code = ErrorCode::kIo,
                 .message = "cannot use TLS certificate " + certificate + ": " + LastTlsError()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error{.code = ErrorCode::kIo,
                 .message = "cannot use TLS key " + key + ": " + LastTlsError()};
  }
  return made;
}

TlsServerContext::~TlsServerContext() {
  SSL_CTX_free(context_);
}

SSL* TlsServerContext::NewConnection() const {
  SSL* ssl = SSL_new(context_);
  if (ssl != nullptr) SSL_set_accept_state(ssl);
  return ssl;
}

/// The newest session of each origin. OpenSSL hands sessions over through a callback because
/// TLS 1.3 sends tickets late.
struct TlsClientContext::Sessions {
  std::map<std::string, SSL_SESSION*> by_origin;

  ~Sessions() {
    for (auto& [origin, session] : by_origin) SSL_SESSION_free(session);
  }

  static int OnNewSession(SSL* ssl, SSL_SESSION* session) {
    auto* entry = static_cast<std::pair<const std::string, SSL_SESSION*>*>(
        SSL_get_ex_data(ssl, OriginIndex()));
    if (entry == nullptr) return 0;
    SSL_SESSION_free(std::exchange(entry->second, session));
    return 1;  // the session is ours now
  }
};

TlsClientContext::TlsClientContext(SSL_CTX* context, bool verify)
    : context_(context), verify_(verify), sessions_(std::make_unique<Sessions>()) {}

TlsClientContext::~TlsClientContext() {
  SSL_CTX_free(context_);
}

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::Make(const std::string& ca_file,
                                                                 bool verify) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return Error{.code = ErrorCode::kInternal, .message = LastTlsError()};
  std::unique_ptr<TlsClientContext> made(new TlsClientContext(context, verify));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context)
                         : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return Error{.code = ErrorCode::kIo,
                 .message = "cannot load certificates " + ca_file + ": " + LastTlsError()};
  }
  SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &Sessions::OnNewSession);
  return made;
}

SSL* TlsClientContext::NewConnection(const std::string& host, std::uint16_t port) {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl);
  if (IsAddress(host)) {
    if (verify_) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    if (verify_) SSL_set1_host(ssl, host.c_str());
  }
  auto [entry, added] =
      sessions_->by_origin.try_emplace(host + ":" + std::to_string(port), nullptr);
  SSL_set_ex_data(ssl, OriginIndex(), &*entry);
  if (entry->second != nullptr) SSL_set_session(ssl, entry->second);
  return ssl;
}

}  // namespace triage::net
