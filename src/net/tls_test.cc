#include "net/tls.h"

#include <array>
#include <cstdio>
#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/client.h"
#include "net/server.h"
#include "testing/temp_dir.h"

namespace triage::net {
namespace {

/// A certificate for "localhost" that vouches for itself, with its key, as PEM files.
void WriteCertificate(const std::string& certificate_path, const std::string& key_path) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), &X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(made.get(), names, -1);
  X509_EXTENSION_free(names);
  X509_sign(made.get(), key.get(), EVP_sha256());
  std::FILE* file = std::fopen(certificate_path.c_str(), "w");
  PEM_write_X509(file, made.get());
  std::fclose(file);
  file = std::fopen(key_path.c_str(), "w");
  PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

class EchoHandler final : public Handler {
 public:
  Task<void> Handle(const HttpRequest& request, ResponseWriter& writer) override {
    const std::string body(request.body);
    [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, {}, body);
  }
};

struct Answer {
  bool done = false;
  std::string body;
  std::optional<Error> error;
};

Task<void> Fetch(Client& client, Origin origin, std::string body, CancelScope& cancel,
                 Answer& answer) {
  const std::array<std::string_view, 1> pieces{body};
  Client::Timing timing;
  Result<std::unique_ptr<ClientResponse>> response =
      co_await client.Start(origin, "POST", "/", {}, pieces, {}, cancel, timing);
  if (response) {
    Result<std::string> all = co_await Client::ReadAll(**response, 10'000'000);
    if (all) answer.body = *all;
  } else {
    answer.error = response.error();
  }
  answer.done = true;
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    WriteCertificate(folder_.File("cert.pem"), folder_.File("key.pem"));
    ServerOptions options;
    options.tls = *TlsServerContext::Load(folder_.File("cert.pem"), folder_.File("key.pem"));
    server_ = std::make_unique<Server>(loop_, options, handler_);
    port_ = std::to_string(*server_->Listen());
  }

  Answer Get(const std::string& host, ClientOptions options, const std::string& body) {
    Client client(loop_, std::move(options));
    Answer answer;
    CancelScope cancel;
    TaskGroup group;
    group.Spawn(
        Fetch(client, *Origin::Parse("https://" + host + ":" + port_), body, cancel, answer));
    const SteadyTime until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    loop_.RunUntil([&] { return answer.done || std::chrono::steady_clock::now() > until; });
    return answer;
  }

  TempDir folder_;
  Loop loop_;
  EchoHandler handler_;
  std::unique_ptr<Server> server_;
  std::string port_;
};

TEST_F(TlsTest, CarriesLargeBodiesBothWaysWhenTheCertificateIsTrusted) {
  const std::string body(1'000'000, 'z');
  const Answer answer = Get("localhost", {.ca_file = folder_.File("cert.pem")}, body);
  EXPECT_FALSE(answer.error.has_value()) << answer.error->detail;
  EXPECT_EQ(answer.body, body);
}

TEST_F(TlsTest, RefusesACertificateThatNobodyVouchesFor) {
  const Answer answer = Get("localhost", {}, "secret");
  ASSERT_TRUE(answer.error.has_value());
  EXPECT_EQ(answer.error->code, ErrorCode::kUnavailable);
  EXPECT_NE(answer.error->detail.find("self-signed"), std::string::npos) << answer.error->detail;
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
  const Answer answer = Get("127.0.0.1", {.ca_file = folder_.File("cert.pem")}, "secret");
  ASSERT_TRUE(answer.error.has_value());
  EXPECT_NE(answer.error->detail.find("mismatch"), std::string::npos) << answer.error->detail;
}

TEST_F(TlsTest, TakesAnyCertificateOnlyWhenToldTo) {
  EXPECT_EQ(Get("127.0.0.1", {.verify_tls = false}, "hello").body, "hello");
}

TEST(TlsServerContext, NamesTheFileThatItCannotUse) {
  const auto loaded = TlsServerContext::Load("/nonexistent/cert.pem", "/nonexistent/key.pem");
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().message.find("/nonexistent/cert.pem"), std::string::npos);
}

}  // namespace
}  // namespace triage::net
