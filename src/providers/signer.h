#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace triage::providers {

/// A request as it goes out, for whoever signs it.
struct Outgoing {
  std::string_view method;
  std::string_view host;    ///< value of the Host field
  std::string_view target;  ///< path and query, as in the request line
  std::string_view content_type = {};
  std::span<const std::string_view> body = {};  ///< pieces, one after the other
};

/// Makes the header fields that prove who calls, anew for every call. Used by one thread.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                        WallTime now) const = 0;
};

}  // namespace triage::providers
