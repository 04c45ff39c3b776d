#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "simulate/headers.h"
#include "simulate/latency.h"

namespace triage::simulate {

/// What a provider's limiter says to one request.
struct Admission {
  bool allowed = true;
  std::chrono::milliseconds retry_after{0};  ///< when not allowed
  Allowance requests;
  Allowance tokens;
};

/// Requests and tokens per minute of each model: two token buckets that start full and refill
/// evenly. Shared by the threads of one provider.
class RateLimits {
 public:
  /// Takes one request of `tokens` tokens at `elapsed` (simulated time since the start; may not go
  /// back). What a model does not limit is always there.
  Admission Take(const ModelSpec& spec, std::int64_t tokens, std::chrono::microseconds elapsed);

 private:
  struct Bucket {
    double level = 0;  // set full at first use
    bool used = false;
  };

  struct Buckets {
    Bucket requests;
    Bucket tokens;
    std::chrono::microseconds at{0};
  };

  std::mutex mutex_;
  std::map<std::string, Buckets, std::less<>> models_;
};

}  // namespace triage::simulate
