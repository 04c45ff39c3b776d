#include "observe/metrics.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace triage::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, ACounterAddsUpWhatAllThreadsRecord) {
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 40; ++i) {
      threads.emplace_back([&counter] {
        for (int n = 0; n < 1000; ++n) counter.Add(2);
      });
    }
  }
  EXPECT_EQ(counter.value(), 80'000U);
}

TEST(Metrics, AHistogramCountsAValueOnABoundInTheBucketOfThatBound) {
  Histogram histogram({.unit = Unit::kCount, .bounds = {1, 10, 100}});
  for (const std::int64_t value : {0, 1, 2, 10, 11, 100, 101}) histogram.Record(value);
  const auto now = histogram.Read();
  EXPECT_THAT(now.counts, ElementsAre(2, 2, 2, 1));
  EXPECT_EQ(now.count, 7U);
  EXPECT_EQ(now.sum, 225);
}

TEST(Metrics, AHistogramAddsUpWhatAllThreadsRecord) {
  Histogram histogram({.unit = Unit::kSeconds, .bounds = {1'000}});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&histogram] {
        for (int n = 0; n < 500; ++n) histogram.Record(std::chrono::microseconds(3));
      });
    }
  }
  EXPECT_THAT(histogram.Read().counts, ElementsAre(0, 10'000));
  EXPECT_EQ(histogram.Read().sum, 30'000'000);
}

TEST(Metrics, TextHasFamiliesByNameAndSeriesByLabels) {
  Registry registry;
  registry.AddCounter("b_total", "Second.", {{"tier", "fast"}}).Add(3);
  registry.AddCounter("b_total", "Second.", {{"tier", "balanced"}}).Add();
  registry.AddGauge("a", "First.").Set(-4);
  EXPECT_EQ(registry.Render(),
            "# HELP a First.\n# TYPE a gauge\na -4\n"
            "# HELP b_total Second.\n# TYPE b_total counter\n"
            "b_total{tier=\"balanced\"} 1\nb_total{tier=\"fast\"} 3\n");
}

TEST(Metrics, AHistogramIsWrittenCumulativelyInSeconds) {
  Registry registry;
  Histogram& histogram = registry.AddHistogram(
      "wait_seconds", "How long.", {.unit = Unit::kSeconds, .bounds = {5'000'000, 1'000'000'000}},
      {{"a", "b"}});
  histogram.Record(std::chrono::milliseconds(4));
  histogram.Record(std::chrono::milliseconds(500));
  histogram.Record(std::chrono::seconds(2));
  EXPECT_EQ(registry.Render(),
            "# HELP wait_seconds How long.\n# TYPE wait_seconds histogram\n"
            "wait_seconds_bucket{a=\"b\",le=\"0.005\"} 1\n"
            "wait_seconds_bucket{a=\"b\",le=\"1\"} 2\n"
            "wait_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
            "wait_seconds_sum{a=\"b\"} 2.504\n"
            "wait_seconds_count{a=\"b\"} 3\n");
}

TEST(Metrics, LabelValuesAndHelpAreEscaped) {
  Registry registry;
  registry.AddCounter("c_total", "One\nline \\ \"quoted\".", {{"model", "a\"b\\c\nd"}});
  EXPECT_EQ(registry.Render(),
            "# HELP c_total One\\nline \\\\ \"quoted\".\n# TYPE c_total counter\n"
            "c_total{model=\"a\\\"b\\\\c\\nd\"} 0\n");
}

TEST(Metrics, TheSameNameAndLabelsGiveTheSameHandle) {
  Registry registry;
  Counter& first = registry.AddCounter("c_total", "Help.", {{"tier", "fast"}});
  EXPECT_EQ(&first, &registry.AddCounter("c_total", "Help.", {{"tier", "fast"}}));
  EXPECT_NE(&first, &registry.AddCounter("c_total", "Help.", {{"tier", "frontier"}}));
}

TEST(Metrics, ReadingsAreTakenWhenTheTextIsMade) {
  Registry registry;
  double value = 1.5;
  registry.AddReading(Registry::ReadingKind::kGauge, "r", "Reading.", {},
                      [&value] { return value; });
  EXPECT_THAT(registry.Render(), HasSubstr("\nr 1.5\n"));
  value = 2;
  EXPECT_THAT(registry.Render(), HasSubstr("\nr 2\n"));
}

TEST(Metrics, ProcessMetricsAreThereAndPlausible) {
  Registry registry;
  AddProcessMetrics(registry, "1.2.3");
  const std::string text = registry.Render();
  EXPECT_THAT(text, HasSubstr("triage_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(text, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(text, Not(HasSubstr("\nprocess_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("\nprocess_open_fds 0\n")));
}

TEST(MetricsDeathTest, ANameOfTwoKindsIsABug) {
  Registry registry;
  registry.AddCounter("c_total", "Help.");
  EXPECT_DEATH(registry.AddGauge("c_total", "Help."), "family.type == type");
}

TEST(MetricsDeathTest, AnInvalidNameIsABug) {
  Registry registry;
  EXPECT_DEATH(registry.AddCounter("1c", "Help."), "IsMetricName");
  EXPECT_DEATH(registry.AddCounter("c", "Help.", {{"a-b", "c"}}), "IsMetricName");
}

}  // namespace
}  // namespace triage::observe
