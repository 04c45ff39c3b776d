#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jobs/response.h"

namespace triage::jobs {

/// Keeps responses for a time, and at most so many bytes of them. One caller at a time; blocks on
/// disk: on an I/O thread it is reached through a StoreThread. A response that is past its time is
/// not there, whether it has been removed from the file yet or not. Error kIo.
class ResponseStore {
 public:
  virtual ~ResponseStore() = default;

  /// Keeps a response; one with the same id is replaced. When it returns, the response survives the
  /// end of the process; of the last few before a power failure some may be lost. The oldest
  /// responses make room. Error kTooLarge for one that would fill the store alone.
  virtual Result<void> Put(const StoredResponse& response) = 0;

  /// Moves a response on, durably as Put does. False, and nothing is changed, when it is not there
  /// or is final: who finishes it first decides (an answer that comes after the cancellation is
  /// dropped). Error kTooLarge as Put.
  virtual Result<bool> Advance(const Progress& progress) = 0;

  /// Nothing when there is none with this id, or when it is somebody else's.
  virtual Result<std::optional<StoredResponse>> Find(std::string_view id,
                                                     std::string_view owner) = 0;

  /// The owner's responses that have output items with these ids, each response once, newest first.
  virtual Result<std::vector<StoredResponse>> FindByItems(std::string_view owner,
                                                          std::span<const std::string> ids) = 0;

  /// False when Find would find nothing. Its text is overwritten in the file.
  virtual Result<bool> Delete(std::string_view id, std::string_view owner) = 0;

  /// Responses that are not final, oldest first: after a restart, those whose work was lost.
  virtual Result<std::vector<StoredResponse>> Unfinished() = 0;

  /// Removes what is past its time; how many that were.
  virtual Result<std::size_t> Expire() = 0;
};

}  // namespace triage::jobs
