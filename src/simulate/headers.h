#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "llm/types.h"
#include "net/http.h"

namespace triage::simulate {

using OwnHeaders = std::vector<std::pair<std::string, std::string>>;

/// Whether the request carries `key` where the dialect's clients put it: as a bearer token, in
/// x-api-key or x-goog-api-key or ?key=, as the access key id of a SigV4 signature, as the keyId of
/// an OCI signature. An empty `key` is carried by all.
bool CarriesKey(const net::HttpRequest& request, llm::Dialect dialect, std::string_view key);

/// A header's value as it may be written down: secrets become "redacted".
std::string_view Recordable(std::string_view name, std::string_view value);
/// The target without the value of Gemini's ?key=.
std::string RecordableTarget(std::string_view target);

/// Name of the header that carries the request's id; empty when the dialect has none.
std::string_view RequestIdHeader(llm::Dialect dialect);

/// What is left of a limit per minute.
struct Allowance {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  std::chrono::milliseconds reset{0};  ///< until it is whole again
};

/// The headers that tell a client its limits, as OpenAI and Anthropic send them; the other
/// dialects have none.
void AddLimits(llm::Dialect dialect, const Allowance& requests, const Allowance& tokens,
               WallTime now, OwnHeaders& headers);

/// Headers of an error beside those of any answer: Bedrock's exception type, Anthropic's
/// x-should-retry.
void AddErrorHeaders(llm::Dialect dialect, int status, OwnHeaders& headers);

}  // namespace triage::simulate
