#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace triage::jobs {
class StoreThread;
}

namespace triage::api {

class BackgroundResponses;

/// What routes ask of the process around them; `app` fills it. Called on I/O threads.
class Operations {
 public:
  virtual ~Operations() = default;

  /// Loads the configuration anew and takes it whole, or changes nothing. Resumes on the calling
  /// thread. Gives the version taken; the error's message lists every problem.
  virtual Task<Result<std::string>> Reload() = 0;
  /// Prometheus' text format.
  virtual std::string Metrics() = 0;

  struct Readiness {
    bool ready = false;
    std::vector<std::string> details;  ///< what is not as it should be, though it may still serve
  };

  virtual Readiness Ready() = 0;

  /// The store of responses; null when none are kept.
  virtual jobs::StoreThread* Responses() = 0;
  virtual BackgroundResponses& RunningResponses() = 0;
};

}  // namespace triage::api
