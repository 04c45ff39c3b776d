// Questions in many languages under the examples' configurations and the shipped router: what is
// trivial goes to the cheapest tier, what is not never does.
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "app/load_config.h"
#include "app/snapshot.h"
#include "base/clock.h"
#include "learn/features.h"
#include "observe/metrics.h"
#include "pipeline/deciding.h"
#include "prices/text_size.h"

namespace triage::app {
namespace {

struct Question {
  std::string language;
  bool easy = false;
  std::string text;
};

std::vector<Question> Questions() {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/detect/sanity.tsv");
  std::vector<Question> questions;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream stream(line);
    Question question;
    std::string kind;
    std::getline(stream, question.language, '\t');
    std::getline(stream, kind, '\t');
    std::getline(stream, question.text);
    EXPECT_TRUE(kind == "easy" || kind == "hard") << line;
    question.easy = kind == "easy";
    questions.push_back(std::move(question));
  }
  return questions;
}

class Asking : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const Result<config::Snapshot> config = LoadExample(GetParam());
    ASSERT_TRUE(config) << config.error().message;
    auto snapshot = BuildSnapshot(*config, registry_, nullptr);
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    snapshot_ = *std::move(snapshot);
    ASSERT_NE(snapshot_->router, nullptr);
  }

  decide::Decision Ask(const std::string& text) {
    llm::Request request;
    request.model = "auto";
    request.text = text;
    request.turns.push_back({.role = llm::Role::kUser, .text = request.text});
    auto decision = pipeline::DecideRequest(*snapshot_, request, prices::Measure(request),
                                            features_, SystemClock());
    EXPECT_TRUE(decision) << text;
    return decision ? *std::move(decision) : decide::Decision{};
  }

  observe::Registry registry_;
  std::shared_ptr<const pipeline::Snapshot> snapshot_;
  learn::Features features_;
};

TEST_P(Asking, SendsTrivialQuestionsOfEveryLanguageToTheCheapestTier) {
  std::set<std::string> languages;
  for (const Question& question : Questions()) {
    if (!question.easy) continue;
    languages.insert(question.language);
    const decide::Decision decision = Ask(question.text);
    EXPECT_EQ(decision.tier, 0) << question.text << ": " << decision.query_type;
  }
  EXPECT_GE(languages.size(), 10U);
}

TEST_P(Asking, SendsNoProofLegalOrClinicalQuestionThere) {
  std::set<std::string> languages;
  for (const Question& question : Questions()) {
    if (question.easy) continue;
    languages.insert(question.language);
    EXPECT_GT(Ask(question.text).tier, 0) << question.text;
  }
  EXPECT_GE(languages.size(), 10U);
}

INSTANTIATE_TEST_SUITE_P(Examples, Asking, testing::Values("three-tier", "start-simple"),
                         [](const auto& example) {
                           return std::string(example.param) == "three-tier" ? "ThreeTiers"
                                                                             : "TwoTiers";
                         });

}  // namespace
}  // namespace triage::app
