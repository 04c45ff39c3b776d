#include "simulate/certificate.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace triage::simulate {

namespace {

namespace fs = std::filesystem;

constexpr long kLifeSeconds = 24 * 3600;

template <auto Function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using File = std::unique_ptr<std::FILE, Free<std::fclose>>;

bool AddExtension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  const bool added = made != nullptr && X509_add_ext(certificate, made, -1) == 1;
  X509_EXTENSION_free(made);
  return added;
}

Certificate Make(EVP_PKEY* key, const std::string& name) {
  Certificate made(X509_new());
  if (made == nullptr) return nullptr;
  const std::string common = name.empty() ? "localhost" : name;
  const std::string names = name.empty() ? "DNS:localhost,IP:127.0.0.1" : "DNS:" + name;
  X509_set_version(made.get(), 2);  // X.509 v3
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), kLifeSeconds);
  X509_set_pubkey(made.get(), key);
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), subject);
  if (!AddExtension(made.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      !AddExtension(made.get(), NID_subject_alt_name, names) ||
      X509_sign(made.get(), key, EVP_sha256()) == 0)
    return nullptr;
  return made;
}

/// A folder of our own that goes with its files.
class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "triage-simulate-XXXXXX").string()) {
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }

  ~Folder() {
    std::error_code ignored;
    if (made_) fs::remove_all(path_, ignored);
  }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  bool made() const { return made_; }

  std::string operator/(const char* name) const { return (fs::path(path_) / name).string(); }

 private:
  std::string path_;
  bool made_;
};

Error CannotWrite(const std::string& path) {
  return Error{ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::shared_ptr<net::TlsServerContext>> SelfSigned(const std::string& name,
                                                          const std::string& save_path) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key == nullptr ? nullptr : Make(key.get(), name);
  if (certificate == nullptr)
    return Error{ErrorCode::kInternal, "cannot make a certificate for '" + name + "'"};
  const Folder folder;
  if (!folder.made()) return CannotWrite("a temporary folder");
  const std::string certificate_path = folder / "certificate.pem";
  const std::string key_path = folder / "key.pem";
  for (const std::string& path : {certificate_path, save_path}) {
    if (path.empty()) continue;
    const File file(std::fopen(path.c_str(), "we"));
    if (file == nullptr || PEM_write_X509(file.get(), certificate.get()) != 1)
      return CannotWrite(path);
  }
  {
    const File file(std::fopen(key_path.c_str(), "we"));
    if (file == nullptr ||
        PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
      return CannotWrite(key_path);
  }
  return net::TlsServerContext::Load(certificate_path, key_path);
}

}  // namespace triage::simulate
