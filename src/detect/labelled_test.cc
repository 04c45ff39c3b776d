// Precision and recall of the detectors on the labelled texts of tests/detect/. Prints the table
// that docs/policies.md holds.
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "detect/detectors.h"

namespace triage::detect {
namespace {

constexpr std::array kMeasured = {Finding::kCardNumber, Finding::kIban,  Finding::kNationalId,
                                  Finding::kEmail,      Finding::kPhone, Finding::kHealth,
                                  Finding::kMoney,      Finding::kLegal};

struct Labelled {
  std::string text;
  std::string labels;  // space-separated, with a space at both ends
};

std::vector<Labelled> Load(const std::string& name) {
  std::ifstream file(std::string(TRIAGE_SOURCE_DIR) + "/tests/detect/" + name);
  std::vector<Labelled> rows;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    EXPECT_NE(tab, std::string::npos) << line;
    Labelled row{.text = line.substr(tab + 1), .labels = ' ' + line.substr(0, tab) + ' '};
    for (std::size_t at; (at = row.text.find("\\n")) != std::string::npos;) {
      row.text.replace(at, 2, "\n");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

struct Counts {
  int right = 0;
  int wrong = 0;   // found, not there
  int missed = 0;  // there, not found

  double Precision() const { return right + wrong == 0 ? 1 : 1.0 * right / (right + wrong); }

  double Recall() const { return right + missed == 0 ? 1 : 1.0 * right / (right + missed); }
};

std::array<Counts, kMeasured.size()> Measure(const std::string& name, bool tell) {
  std::array<Counts, kMeasured.size()> counts;
  for (const Labelled& row : Load(name)) {
    const llm::Turn turn{.role = llm::Role::kUser, .text = row.text};
    const Findings found = Detectors::BuiltIn().Read({&turn, 1}, {}).found;
    for (std::size_t i = 0; i < kMeasured.size(); ++i) {
      const std::string label(Name(kMeasured[i]));
      const bool there = row.labels.find(' ' + label + ' ') != std::string::npos;
      const bool seen = found.Has(kMeasured[i]);
      counts[i].right += there && seen ? 1 : 0;
      counts[i].wrong += !there && seen ? 1 : 0;
      counts[i].missed += there && !seen ? 1 : 0;
      if (tell && there != seen) {
        fmt::print("{} {}: {}\n", there ? "missed" : "wrong ", label, row.text);
      }
    }
  }
  return counts;
}

void Print(const std::string& name, const std::array<Counts, kMeasured.size()>& counts) {
  fmt::print("\n{}\n| detector | texts | precision | recall |\n| --- | --- | --- | --- |\n", name);
  for (std::size_t i = 0; i < kMeasured.size(); ++i) {
    fmt::print("| {} | {} | {:.2f} | {:.2f} |\n", Name(kMeasured[i]),
               counts[i].right + counts[i].missed, counts[i].Precision(), counts[i].Recall());
  }
}

TEST(LabelledTexts, ThatTheDataWereCorrectedByAreNearlyAllRight) {
  const auto counts = Measure("tuned.tsv", true);
  Print("tuned.tsv", counts);
  for (const Counts& count : counts) {
    EXPECT_GE(count.Precision(), 0.95);
    EXPECT_GE(count.Recall(), 0.95);
  }
}

TEST(LabelledTexts, ThatNothingWasCorrectedByKeepPrecisionAndRecall) {
  const auto counts = Measure("unseen.tsv", false);
  Print("unseen.tsv", counts);
  for (const Counts& count : counts) {
    EXPECT_GE(count.Precision(), 0.85);
    EXPECT_GE(count.Recall(), 0.75);
  }
}

}  // namespace
}  // namespace triage::detect
