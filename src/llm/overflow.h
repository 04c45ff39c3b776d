#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace triage::llm {

/// What a provider said when it refused a request as too long for its model; zero = it did not say.
struct Overflow {
  std::int64_t limit = 0;   ///< tokens that the window holds
  std::int64_t tokens = 0;  ///< tokens of the request without its answer, as the provider counts
};

/// Recognises that refusal by the provider's error code or type, or by its words; one table of
/// data for all providers, since most speak for models of others. Nothing for every other error.
std::optional<Overflow> ReadOverflow(std::string_view code, std::string_view message);

}  // namespace triage::llm
