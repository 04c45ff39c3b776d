#include "providers/sigv4.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <map>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

namespace triage::providers {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string Hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string Sha256Hex(std::span<const std::string_view> pieces) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  TRIAGE_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  for (const std::string_view piece : pieces) EVP_DigestUpdate(context, piece.data(), piece.size());
  EVP_DigestFinal_ex(context, digest.data(), &size);
  EVP_MD_CTX_free(context);
  return Hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// RFC 3986: all but the unreserved characters.
std::string Encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string Decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape = text[at] == '%' && at + 2 < text.size() && DigitOf(text[at + 1]) >= 0 &&
                        DigitOf(text[at + 2]) >= 0;
    out +=
        escape ? static_cast<char>(DigitOf(text[at + 1]) * 16 + DigitOf(text[at + 2])) : text[at];
    if (escape) at += 2;
  }
  return out;
}

// Without empty segments, "." and ".." (RFC 3986 §5.2.4), and encoded once more: the path on the
// wire is already.
std::string CanonicalPath(std::string_view path) {
  std::vector<std::string_view> segments;
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  std::string out;
  for (const std::string_view segment : segments) out += '/' + Encode(segment);
  if (out.empty() || folder) out += '/';
  return out;
}

std::string CanonicalQuery(std::string_view query) {
  Fields parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string_view value = parameter.substr(std::min(equals + 1, parameter.size()));
    if (!parameter.empty()) {
      parameters.emplace_back(Encode(Decode(parameter.substr(0, equals))), Encode(Decode(value)));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) {
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  }
  return out;
}

// Without blanks at its ends, runs of blanks as one.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : Trim(value)) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank) {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

using Headers = std::map<std::string, std::string>;

// In lower case and order; values of one name joined as they came.
Headers CanonicalHeaders(std::span<const std::pair<std::string, std::string>> headers) {
  Headers canonical;
  for (const auto& [name, value] : headers) {
    std::string& joined = canonical[ToLowerAscii(name)];
    if (!joined.empty()) joined += ',';
    joined += CanonicalValue(value);
  }
  return canonical;
}

std::string Names(const Headers& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

std::string CanonicalRequest(const AwsRequest& request, const Headers& headers) {
  const std::size_t mark = std::min(request.target.find('?'), request.target.size());
  const std::string_view query = request.target.substr(std::min(mark + 1, request.target.size()));
  std::string out =
      fmt::format("{}\n{}\n{}\n", request.method, CanonicalPath(request.target.substr(0, mark)),
                  CanonicalQuery(query));
  for (const auto& [name, value] : headers) out += fmt::format("{}:{}\n", name, value);
  return out + fmt::format("\n{}\n{}", Names(headers), request.body_sha256);
}

// "20150830T123600Z"
std::string Timestamp(WallTime now) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string AwsCanonicalRequest(const AwsRequest& request) {
  return CanonicalRequest(request, CanonicalHeaders(request.headers));
}

std::vector<std::pair<std::string, std::string>> SignForAws(const AwsRequest& request,
                                                            const AwsCredentials& credentials,
                                                            const AwsScope& scope, WallTime now) {
  const std::string time = Timestamp(now);
  const std::string date = time.substr(0, 8);
  Fields fields = {{"X-Amz-Date", time}};
  if (!credentials.session_token.empty()) {
    fields.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  Headers headers = CanonicalHeaders(request.headers);
  for (const auto& [name, value] : fields) headers[ToLowerAscii(name)] = value;

  const std::string path = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const std::string canonical = CanonicalRequest(request, headers);
  const std::array<std::string_view, 1> hashed{canonical};
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, path, Sha256Hex(hashed));
  std::string key = "AWS4" + credentials.secret_access_key;
  for (const std::string_view step :
       {std::string_view(date), std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = Hmac(key, step);
  }
  fields.emplace_back(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key_id, path, Names(headers), Hex(Hmac(key, text))));
  return fields;
}

Result<std::vector<std::pair<std::string, std::string>>> SigV4Signer::Sign(const Outgoing& request,
                                                                           WallTime now) const {
  Fields headers = {{"host", std::string(request.host)}};
  if (!request.content_type.empty()) {
    headers.emplace_back("content-type", std::string(request.content_type));
  }
  const std::string hash = Sha256Hex(request.body);
  return SignForAws(
      {.method = request.method, .target = request.target, .headers = headers, .body_sha256 = hash},
      credentials_, scope_, now);
}

}  // namespace triage::providers
