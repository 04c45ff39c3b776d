#include "admit/metrics.h"

#include <string>

namespace triage::admit {
namespace {

/// 1 ms … 60 s.
observe::Buckets WaitBuckets() {
  observe::Buckets buckets{.unit = observe::Unit::kSeconds, .bounds = {}};
  for (const std::int64_t ms :
       {1, 5, 10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 30'000, 60'000}) {
    buckets.bounds.push_back(ms * 1'000'000);
  }
  return buckets;
}

}  // namespace

Metrics::Metrics(observe::Registry& registry) {
  for (std::size_t p = 0; p < kPriorities; ++p) {
    const std::string priority(Name(static_cast<Priority>(p)));
    waits_[p] =
        &registry.AddHistogram("triage_admission_wait_seconds",
                               "Time in the queue of exchanges that had to wait and were admitted.",
                               WaitBuckets(), {{"priority", priority}});
    for (std::size_t r = 1; r < kRefusals; ++r) {
      refused_[p][r] = &registry.AddCounter(
          "triage_admission_refused_total", "Exchanges that were turned away, by reason.",
          {{"priority", priority}, {"reason", std::string(Name(static_cast<Refusal>(r)))}});
    }
  }
}

void Metrics::Waited(Priority priority, std::chrono::nanoseconds wait) {
  waits_[static_cast<std::size_t>(priority)]->Record(wait);
}

void Metrics::Refused(Priority priority, Refusal reason) {
  if (reason == Refusal::kNone) return;
  refused_[static_cast<std::size_t>(priority)][static_cast<std::size_t>(reason)]->Add();
}

}  // namespace triage::admit
