#include "providers/oci_signer.h"

#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/text.h"

namespace triage::providers {
namespace {

namespace fs = std::filesystem;
using Digest = std::array<unsigned char, 32>;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;

Error Invalid(std::string message) {
  return {.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
}

Result<std::string> ReadFile(const fs::path& file, std::string_view remedy) {
  std::error_code ignored;
  std::ifstream stream;
  // A directory can be opened but not read.
  if (!fs::is_directory(file, ignored)) stream.open(file, std::ios::binary);
  if (!stream.is_open()) {
    return Error{.code = ErrorCode::kIo,
                 .message = fmt::format("{}: cannot read it ({})", file.string(), remedy)};
  }
  return std::string{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// Entries of one section, each with its line.
struct Entry {
  std::string value;
  int line = 0;
};

struct IniSection {
  int line = 0;
  std::map<std::string, Entry, std::less<>> entries;
};

using Ini = std::map<std::string, IniSection, std::less<>>;

Result<Ini> ParseIni(const std::string& text, const fs::path& file) {
  Ini ini;
  IniSection* section = nullptr;
  int number = 0;
  std::istringstream lines(text);
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    const std::string_view line = Trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const auto problem = [&](std::string_view what) {
      return Invalid(fmt::format("{}:{}: {}", file.string(), number, what));
    };
    if (line.front() == '[') {
      if (line.back() != ']' || line.size() < 3) {
        return problem("a profile begins with its name in brackets, such as [DEFAULT]");
      }
      const auto [place, is_new] = ini.try_emplace(std::string(line.substr(1, line.size() - 2)));
      if (!is_new) return problem("this profile is given twice; remove one of them");
      section = &place->second;
      section->line = number;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return problem("a line must be name=value");
    if (section == nullptr) return problem("a profile such as [DEFAULT] must come first");
    section->entries[std::string(Trim(line.substr(0, equals)))] = {
        std::string(Trim(line.substr(equals + 1))), number};
  }
  return ini;
}

std::string Names(const Ini& ini) {
  std::vector<std::string> names;
  for (const auto& [name, section] : ini) names.push_back(name);
  return names.empty() ? "it has none" : "it has " + triage::Join(names);
}

fs::path KeyPath(std::string_view text, const fs::path& file, const fs::path& home) {
  if (text.starts_with("~/")) return home / text.substr(2);
  return (file.parent_path() / text).lexically_normal();
}

// Gives OpenSSL the pass phrase. -1 = there is none.
int GivePassPhrase(char* buffer, int size, int /*writing*/, void* data) {
  const auto& phrase = *static_cast<const std::string*>(data);
  if (phrase.empty() || phrase.size() > static_cast<std::size_t>(size)) return -1;
  phrase.copy(buffer, phrase.size());
  return static_cast<int>(phrase.size());
}

// MD5 of the public key's DER form as OCI shows it: "20:3b:97:…". Empty where MD5 is switched off.
std::string FingerprintOf(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  const int done =
      EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &length, EVP_md5(), nullptr);
  OPENSSL_free(der);
  std::string text;
  for (unsigned int i = 0; done == 1 && i < length; ++i) {
    text += fmt::format("{}{:02x}", i == 0 ? "" : ":", digest[i]);
  }
  return text;
}

std::string Base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<Digest> Sha256(std::span<const std::string_view> pieces) {
  const ContextPtr context(EVP_MD_CTX_new());
  Digest digest{};
  bool done = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const std::string_view piece : pieces) {
    done = done && EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1;
  }
  if (!done || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) return std::nullopt;
  return digest;
}

// RFC 9110 §5.6.7, whatever the locale.
std::string HttpDate(WallTime now) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

struct OciSigner::Key {
  KeyPtr key;
};

Result<OciProfile> ReadOciProfile(const fs::path& file, std::string_view name,
                                  const fs::path& home) {
  const Result<std::string> text =
      ReadFile(file, "create it with `oci setup config`, or name another config_file");
  if (!text) return text.error();
  const Result<Ini> ini = ParseIni(*text, file);
  if (!ini) return ini.error();
  const auto section = ini->find(name);
  if (section == ini->end()) {
    return Invalid(
        fmt::format("{}: there is no profile [{}] ({})", file.string(), name, Names(*ini)));
  }
  const auto fallback = ini->find("DEFAULT");
  const auto find = [&](std::string_view key) -> const Entry* {
    for (const auto& at : {section, fallback}) {
      if (at == ini->end()) continue;
      const auto found = at->second.entries.find(key);
      if (found != at->second.entries.end()) return &found->second;
    }
    return nullptr;
  };
  OciProfile profile;
  std::string key_file;
  for (const auto& [key, target] : std::initializer_list<std::pair<const char*, std::string*>>{
           {"tenancy", &profile.tenancy},
           {"user", &profile.user},
           {"fingerprint", &profile.fingerprint},
           {"key_file", &key_file}}) {
    const Entry* entry = find(key);
    if (entry != nullptr && !entry->value.empty()) {
      *target = entry->value;
      continue;
    }
    const int line = entry != nullptr ? entry->line : section->second.line;
    const bool session = find("security_token_file") != nullptr;
    return Invalid(fmt::format(
        "{}:{}: profile [{}] has no {} ({})", file.string(), line, name, key,
        session ? "profiles with a security token cannot be used here: make one with an API key"
                : "`oci setup config` writes a complete profile"));
  }
  profile.key_file = KeyPath(key_file, file, home);
  if (const Entry* region = find("region")) profile.region = region->value;
  if (const Entry* phrase = find("pass_phrase")) profile.pass_phrase = phrase->value;
  return profile;
}

OciSigner::OciSigner(const OciProfile& profile, std::unique_ptr<const Key> key)
    : tenancy_(profile.tenancy),
      key_id_(fmt::format("{}/{}/{}", profile.tenancy, profile.user, profile.fingerprint)),
      key_(std::move(key)) {}

OciSigner::~OciSigner() = default;

Result<std::shared_ptr<const OciSigner>> OciSigner::Load(const OciProfile& profile) {
  const std::string file = profile.key_file.string();
  const Result<std::string> pem =
      ReadFile(profile.key_file, "key_file must be the private key of the API signing key");
  if (!pem) return pem.error();
  const BioPtr bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  std::string phrase = profile.pass_phrase;
  ERR_clear_error();
  auto key = std::make_unique<Key>();
  key->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, &GivePassPhrase, &phrase));
  ERR_clear_error();
  if (key->key == nullptr) {
    const bool encrypted = pem->find("ENCRYPTED") != std::string::npos;
    if (!encrypted) return Invalid(file + ": it is not a private key in PEM format");
    return Invalid(file + (phrase.empty() ? ": the key is encrypted (pass_phrase is missing)"
                                          : ": pass_phrase does not open the key"));
  }
  if (EVP_PKEY_get_base_id(key->key.get()) != EVP_PKEY_RSA) {
    return Invalid(file + ": it is not an RSA key, which OCI requires");
  }
  const std::string fingerprint = FingerprintOf(key->key.get());
  if (!fingerprint.empty() && !EqualsIgnoreCaseAscii(fingerprint, profile.fingerprint)) {
    return Invalid(fmt::format("{}: the key's fingerprint is {}, but the profile says {}", file,
                               fingerprint, profile.fingerprint));
  }
  return std::shared_ptr<const OciSigner>(new OciSigner(profile, std::move(key)));
}

Result<std::vector<std::pair<std::string, std::string>>> OciSigner::Sign(const Outgoing& request,
                                                                         WallTime now) const {
  return SignDated(request, HttpDate(now));
}

Result<std::vector<std::pair<std::string, std::string>>> OciSigner::SignDated(
    const Outgoing& request, std::string_view date) const {
  const Error failed{.code = ErrorCode::kInternal,
                     .message = "The request to the provider could not be signed."};
  std::string signed_names = "date (request-target) host";
  std::string text = fmt::format("date: {}\n(request-target): {} {}\nhost: {}", date,
                                 ToLowerAscii(request.method), request.target, request.host);
  std::vector<std::pair<std::string, std::string>> fields = {{"Date", std::string(date)}};
  if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    std::size_t length = 0;
    for (const std::string_view piece : request.body) length += piece.size();
    const std::optional<Digest> digest = Sha256(request.body);
    if (!digest) return failed;
    std::string hash = Base64(digest->data(), digest->size());
    signed_names += " content-length content-type x-content-sha256";
    text += fmt::format("\ncontent-length: {}\ncontent-type: {}\nx-content-sha256: {}", length,
                        request.content_type, hash);
    fields.emplace_back("x-content-sha256", std::move(hash));
  }

  const ContextPtr context(EVP_MD_CTX_new());
  std::vector<unsigned char> signature(
      static_cast<std::size_t>(EVP_PKEY_get_size(key_->key.get())));
  std::size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
    ERR_clear_error();
    return failed;
  }
  fields.emplace_back(
      "Authorization",
      fmt::format(R"(Signature version="1",headers="{}",keyId="{}",algorithm="rsa-sha256",)"
                  R"(signature="{}")",
                  signed_names, key_id_, Base64(signature.data(), size)));
  return fields;
}

}  // namespace triage::providers
