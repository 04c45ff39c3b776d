#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "simulate/recorded.h"

namespace triage::app {

/// One request of the demo's made-up company: who asks which recorded question, and how.
struct DemoRequest {
  std::size_t question = 0;  ///< index into the questions
  bool stream = false;
  std::string user;
  std::string team;
  std::string feature;
  std::string session;
  std::string_view impact;
};

/// Every question once, in an order and with askers that depend on the seed only. A few users ask
/// most, as they do.
std::vector<DemoRequest> MakeTraffic(std::span<const simulate::RecordedQuestion> questions,
                                     std::uint64_t seed);

/// The body of the chat completion request, `model: auto`.
std::string RequestBody(const DemoRequest& request, std::string_view prompt);

/// The x-triage-* fields; views into the request.
std::vector<net::Header> RequestHeaders(const DemoRequest& request);

}  // namespace triage::app
