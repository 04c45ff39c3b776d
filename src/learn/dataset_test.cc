#include "learn/dataset.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace triage::learn {
namespace {

class DatasetFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::vector<std::string> Write(std::string_view text) {
    std::ofstream(path_, std::ios::binary) << text;
    return {path_};
  }

  std::string path_ = (std::filesystem::temp_directory_path() /
                       ("triage_dataset_" + std::to_string(::getpid()) + ".jsonl"))
                          .string();
};

constexpr std::string_view kGood =
    R"({"id":"1","dataset":"d","family":"f","prompt":"p","scores":{"a":1,"b":0.5},"output_chars":{"a":8}})"
    "\n";

TEST_F(DatasetFile, RowsAreRead) {
  const auto data = ReadDataset(Write(kGood));
  ASSERT_TRUE(data);
  ASSERT_EQ(data->rows.size(), 1U);
  const auto a = data->FindModel("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(data->rows[0].Find(*a)->output_chars, 8);
  EXPECT_FLOAT_EQ(data->rows[0].Find(*data->FindModel("b"))->score, 0.5F);
  EXPECT_FALSE(data->FindModel("c"));
}

TEST_F(DatasetFile, BadLinesAreCountedLocatedAndSkipped) {
  std::string text(kGood);
  text += "not json\n\n";
  text += R"({"id":"2","prompt":"p","scores":{"a":7}})"
          "\n";
  text += kGood;
  const auto data = ReadDataset(Write(text), {.max_bad_share = 0.5});
  ASSERT_TRUE(data);
  EXPECT_EQ(data->rows.size(), 2U);
  EXPECT_EQ(data->bad_lines, 2);
  ASSERT_EQ(data->first_bad.size(), 2U);
  EXPECT_EQ(data->first_bad[0].line, 2);
  EXPECT_EQ(data->first_bad[1].line, 4);
  EXPECT_EQ(data->first_bad[1].why, "score of a is not in 0..1");
}

TEST_F(DatasetFile, TooManyBadLinesAreRefusedWithTheirPlace) {
  const auto data = ReadDataset(Write(std::string(kGood) + "[]\n"), {.max_bad_share = 0.1});
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(data.error().message.find(":2: not a JSON object"), std::string::npos);
}

TEST_F(DatasetFile, NothingAndMissingFilesAreRefused) {
  EXPECT_FALSE(ReadDataset(Write("")));
  EXPECT_EQ(ReadDataset(std::vector<std::string>{"/nowhere.jsonl"}).error().code, ErrorCode::kIo);
}

TEST_F(DatasetFile, ATruncatedGzipFileIsRefused) {
  std::ifstream whole(TRIAGE_SOURCE_DIR "/data/demo_answers.jsonl.gz", std::ios::binary);
  std::string head(4000, '\0');
  whole.read(head.data(), 4000);
  const auto data = ReadDataset(Write(head), {.max_bad_share = 1});
  EXPECT_FALSE(data);
}

TEST(Prices, AreExactAndTokensAreAQuarterOfTheCharacters) {
  const auto prices = ReadPrices(TRIAGE_SOURCE_DIR "/data/prices.json");
  ASSERT_TRUE(prices) << prices.error().message;
  const ModelPrice& top = prices->at("gpt-4o");
  EXPECT_EQ(top.output.nano_dollars, 10'000'000'000);
  EXPECT_EQ(prices->at("gemini-1.5-flash").input.nano_dollars, 75'000'000);
  EXPECT_EQ(PromptTokens("äöüß1"), 2);
  EXPECT_EQ(RowCost(1000, 100, top).value(), 2'500'000 + 1'000'000);
}

}  // namespace
}  // namespace triage::learn
