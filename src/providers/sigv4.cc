#include "providers/sigv4.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace triage::providers {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string Sha256(std::span<const std::string_view> pieces) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  TRIAGE_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  for (const std::string_view piece : pieces) EVP_DigestUpdate(context, piece.data(), piece.size());
  EVP_DigestFinal_ex(context, digest.data(), &size);
  EVP_MD_CTX_free(context);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// RFC 3986; `/` stays.
std::string EncodePath(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out.empty() ? "/" : out;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::string> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    std::string parameter(query.substr(0, end));
    if (parameter.find('=') == std::string::npos) parameter += '=';
    parameters.push_back(std::move(parameter));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const std::string& parameter : parameters) {
    if (!out.empty()) out += '&';
    out += parameter;
  }
  return out;
}

// "20150830T123600Z"
std::string Timestamp(WallTime now) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 24> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return {text.data(), size};
}

std::string SignedHeaders(std::span<const std::pair<std::string, std::string>> headers) {
  std::string names;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

}  // namespace

std::string SigV4CanonicalRequest(std::string_view method, std::string_view target,
                                  std::span<const std::pair<std::string, std::string>> headers,
                                  std::string_view body_hash) {
  const std::size_t mark = target.find('?');
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  std::string out(method);
  out += '\n' + EncodePath(target.substr(0, mark)) + '\n' + CanonicalQuery(query) + '\n';
  for (const auto& [name, value] : headers) out += name + ':' + value + '\n';
  out += '\n' + SignedHeaders(headers) + '\n';
  out += body_hash;
  return out;
}

std::string SigV4StringToSign(std::string_view timestamp, std::string_view scope,
                              std::string_view canonical_request) {
  const std::array<std::string_view, 1> pieces{canonical_request};
  std::string out(kAlgorithm);
  out.append("\n").append(timestamp).append("\n").append(scope).append("\n");
  return out + Hex(Sha256(pieces));
}

std::string SigV4Signature(std::string_view secret, std::string_view date, std::string_view region,
                           std::string_view service, std::string_view string_to_sign) {
  std::string key = Hmac("AWS4" + std::string(secret), date);
  for (const std::string_view step : {region, service, std::string_view("aws4_request")})
    key = Hmac(key, step);
  return Hex(Hmac(key, string_to_sign));
}

Result<std::vector<std::pair<std::string, std::string>>> SigV4Signer::Sign(const Outgoing& request,
                                                                           WallTime now) const {
  const std::string timestamp = Timestamp(now);
  const std::string date = timestamp.substr(0, 8);
  std::vector<std::pair<std::string, std::string>> headers = {
      {"content-type", std::string(request.content_type)},
      {"host", std::string(request.host)},
      {"x-amz-date", timestamp}};
  if (!credentials_.session_token.empty())
    headers.emplace_back("x-amz-security-token", credentials_.session_token);
  const std::string scope = date + '/' + region_ + '/' + service_ + "/aws4_request";
  const std::string canonical =
      SigV4CanonicalRequest(request.method, request.target, headers, Hex(Sha256(request.body)));
  const std::string signature =
      SigV4Signature(credentials_.secret_access_key, date, region_, service_,
                     SigV4StringToSign(timestamp, scope, canonical));
  std::vector<std::pair<std::string, std::string>> fields = {{"X-Amz-Date", timestamp}};
  if (!credentials_.session_token.empty())
    fields.emplace_back("X-Amz-Security-Token", credentials_.session_token);
  fields.emplace_back("Authorization", std::string(kAlgorithm) +
                                           " Credential=" + credentials_.access_key_id + '/' +
                                           scope + ", SignedHeaders=" + SignedHeaders(headers) +
                                           ", Signature=" + signature);
  return fields;
}

}  // namespace triage::providers
