#include "admit/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::admit {
namespace {

TEST(AdmissionMetrics, AreCountedByPriorityAndReason) {
  observe::Registry registry;
  Metrics metrics(registry);
  metrics.Refused(Priority::kBulk, Refusal::kOverload);
  metrics.Refused(Priority::kBulk, Refusal::kNone);
  metrics.Waited(Priority::kInteractive, std::chrono::milliseconds(20));
  const std::string text = registry.Render();
  for (const char* line :
       {"triage_admission_refused_total{priority=\"bulk\",reason=\"overload\"} 1\n",
        "triage_admission_refused_total{priority=\"interactive\",reason=\"queue_full\"} 0\n",
        "triage_admission_refused_total{priority=\"interactive\",reason=\"expected_wait\"} 0\n",
        "triage_admission_refused_total{priority=\"interactive\",reason=\"timeout\"} 0\n",
        "triage_admission_refused_total{priority=\"interactive\",reason=\"client_limit\"} 0\n",
        "triage_admission_refused_total{priority=\"bulk\",reason=\"evicted\"} 0\n",
        "triage_admission_wait_seconds_bucket{priority=\"interactive\",le=\"0.01\"} 0\n",
        "triage_admission_wait_seconds_bucket{priority=\"interactive\",le=\"0.025\"} 1\n",
        "triage_admission_wait_seconds_count{priority=\"bulk\"} 0\n"}) {
    EXPECT_THAT(text, testing::HasSubstr(line));
  }
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("reason=\"none\"")));
}

}  // namespace
}  // namespace triage::admit
