#include "learn/split.h"

#include <map>

#include <gtest/gtest.h>

#include "learn/dataset.h"
#include "learn/split_golden.h"

namespace triage::learn {
namespace {

TEST(Split, AgreesWithTheReferenceOnShippedRows) {
  const std::vector<std::string> paths{TRIAGE_SOURCE_DIR "/data/outcomes.jsonl.gz"};
  const auto data = ReadDataset(paths);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->rows.size(), 21499U);
  std::map<std::string_view, const Row*> by_id;
  std::size_t demo = 0;
  for (const Row& row : data->rows) {
    by_id.emplace(row.id, &row);
    const bool answered = row.dataset == "gsm8k" || row.dataset == "math_l5" ||
                          row.dataset == "cruxeval" || row.dataset == "mmlu_pro";
    if (answered && Fold(row.prompt) == 0) ++demo;
  }
  EXPECT_EQ(demo, 2059U);
  for (const GoldenRow& golden : kGoldenRows) {
    ASSERT_TRUE(by_id.contains(golden.id)) << golden.id;
    const std::string& prompt = by_id[golden.id]->prompt;
    EXPECT_EQ(Fold(prompt), golden.fold) << golden.id;
    EXPECT_EQ(Core(prompt).substr(0, golden.core_begin.size()), golden.core_begin) << golden.id;
  }
}

TEST(Split, AgreesWithTheReferenceOnOddTexts) {
  for (const GoldenText& golden : kGoldenTexts) {
    EXPECT_EQ(Core(golden.text), golden.core) << golden.text;
    EXPECT_EQ(Fold(golden.text), golden.fold) << golden.text;
  }
}

}  // namespace
}  // namespace triage::learn
