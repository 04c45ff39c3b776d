#pragma once

#include <array>
#include <span>
#include <string>

#include "net/http.h"
#include "pipeline/exchange.h"

namespace triage::api {

/// The `x-triage-*` headers of an answer, with the text that they point to. Not movable.
class DecisionHeaders {
 public:
  /// `whole`: the answer is complete, so cost and saving are known; a stream's are not.
  DecisionHeaders(pipeline::Exchange& exchange, bool whole);
  DecisionHeaders(const DecisionHeaders&) = delete;
  DecisionHeaders& operator=(const DecisionHeaders&) = delete;

  /// Room for the caller's own headers behind ours.
  void Add(std::string_view name, std::string_view value);

  std::span<const net::Header> all() const { return {headers_.data(), count_}; }

 private:
  std::array<net::Header, 18> headers_;
  std::size_t count_ = 0;
  std::string id_;
  std::string warning_;
  std::string reason_;
  std::string confidence_;
  std::string escalations_;
  std::string cost_;
  std::string saved_;
};

}  // namespace triage::api
