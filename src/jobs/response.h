#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace triage::jobs {

enum class ResponseStatus : std::uint8_t {
  kQueued,
  kInProgress,
  kCompleted,
  kIncomplete,
  kFailed,
  kCancelled,
};

/// The API's word: queued, in_progress, completed, incomplete, failed, cancelled.
std::string_view Name(ResponseStatus status);
std::optional<ResponseStatus> ParseResponseStatus(std::string_view text);

/// Nothing more will happen to it.
bool IsFinal(ResponseStatus status);

/// A response that is kept so that it can be read again and gone on from. Its texts are JSON that
/// this folder does not look into.
struct StoredResponse {
  std::string id;     ///< resp_…
  std::string owner;  ///< the key it was made with; nobody else can see it
  WallTime created;
  ResponseStatus status = ResponseStatus::kCompleted;
  bool background = false;
  std::string previous_id = {};  ///< the response that it goes on from; empty = none
  std::string input_items = {};  ///< array: all that the model was given, history included
  std::string response = {};     ///< the response object
  /// Ids of the response's output items, by which later requests may refer to them.
  std::vector<std::string> item_ids = {};

  bool operator==(const StoredResponse&) const = default;
};

/// What becomes of a response that is not final.
struct Progress {
  std::string id;
  ResponseStatus status = ResponseStatus::kInProgress;
  std::string response;
  std::vector<std::string> item_ids = {};
};

}  // namespace triage::jobs
