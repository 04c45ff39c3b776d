#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/profile.h"
#include "llm/types.h"

namespace triage::wire {

/// A body as pieces to be sent one after the other. Pieces point into the request, the profile and
/// this. Not movable.
class SplicedBody {
 public:
  SplicedBody() = default;
  SplicedBody(const SplicedBody&) = delete;
  SplicedBody& operator=(const SplicedBody&) = delete;

  std::span<const std::string_view> parts() const {
    if (!many_.empty()) return many_;
    return {few_.data(), count_};
  }

  std::size_t size() const;

  /// What was left out or changed because the profile says so, as WrittenRequest::warnings.
  std::vector<std::string>& warnings() { return warnings_; }

 private:
  friend class Splicer;

  void Put(std::string_view part);

  std::array<std::string_view, 6> few_;  // enough for a profile without quirks
  std::size_t count_ = 0;
  std::vector<std::string_view> many_;  // all parts, when they are more
  std::string model_;
  std::string limit_key_;
  std::string temperature_;
  std::vector<std::string> warnings_;
};

/// The client's bytes for a provider of the same dialect: `model` replaced; for streams of OpenAI
/// chat `stream_options.include_usage` true; fields that the profile refuses left out; the limit of
/// output tokens, "developer" roles and the temperature as the profile wants them. All other bytes
/// stay as they are and in their order, so that a provider's prompt cache sees the same prefix
/// every time. Not for a request with `rewrite`. Allocates only when the profile asks for changes.
/// `request`, `profile` and `out` live as long as the parts are used; `out` is new.
void SpliceRequest(const llm::Request& request, std::string_view provider_model,
                   const llm::Profile& profile, SplicedBody& out);

}  // namespace triage::wire
