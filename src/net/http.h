#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace triage::net {

/// A header field. On reading, views into the message's buffer; on writing, bytes that outlive the
/// call.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// A request as the server has read it: head and whole body. Views are valid until the handler
/// returns.
struct HttpRequest {
  std::string_view method;
  std::string_view target;  ///< as sent: path and query
  std::vector<Header> headers;
  std::string_view body;
  bool keep_alive = true;
  bool http_1_0 = false;

  std::string_view path() const { return target.substr(0, target.find('?')); }

  std::string_view query() const {
    auto mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  }

  /// Value of the first header of that name (case-insensitive); nothing when there is none.
  std::optional<std::string_view> Find(std::string_view name) const;
};

/// Value of the first header of that name (case-insensitive).
std::optional<std::string_view> FindHeader(std::span<const Header> headers, std::string_view name);

/// "OK", "Not Found", …; empty for a status we do not know.
std::string_view ReasonPhrase(int status);

}  // namespace triage::net
