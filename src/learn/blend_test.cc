#include "learn/blend.h"

#include <gtest/gtest.h>

namespace triage::learn {
namespace {

TEST(Heads, FitBesideTheLengthHeadForEveryNumberOfTiers) {
  for (std::size_t tiers = 2; tiers <= kMaxTiers; ++tiers) {
    const Heads heads(tiers);
    std::size_t last = heads.not_worse(tiers - 2);
    if (heads.has_better()) last = heads.better(tiers - 2);
    if (heads.has_right()) last = heads.right(tiers - 1);
    EXPECT_LT(last, Heads::kLength) << tiers;
  }
}

TEST(LinearGain, IsTheMeanOfTwoWaysToTell) {
  HeadValues heads{};
  const Heads plan(2);
  EXPECT_NEAR(LinearGain(heads, 2, 0), 0, 1e-6);  // one half everywhere
  heads[plan.not_worse(0)] = -30;                 // surely worse
  heads[plan.better(0)] = -30;
  heads[plan.right(0)] = -30;
  heads[plan.right(1)] = 30;
  EXPECT_NEAR(LinearGain(heads, 2, 0), -1, 1e-6);
  heads[plan.right(1)] = -30;  // and yet nobody is right
  EXPECT_NEAR(LinearGain(heads, 2, 0), -0.5, 1e-6);
  HeadValues many{};
  many[Heads(8).not_worse(3)] = 30;
  EXPECT_NEAR(LinearGain(many, 8, 3), 0, 1e-6);
}

TEST(Offsets, MoveAKindAsFarAsItsRowsAskAndNoOther) {
  std::vector<float> rest;
  std::vector<Kind> kinds;
  std::vector<int> folds;
  for (int i = 0; i < 300; ++i) {
    const bool code = i % 3 == 0;
    rest.push_back(code ? 0.3F : (i % 2 == 0 ? 0.2F : -0.2F));
    kinds.push_back(code ? Kind::kCode : Kind::kPlain);
    folds.push_back(i % 5);
  }
  const auto offsets = ChooseOffsets(rest, kinds, folds);
  EXPECT_NEAR(offsets[static_cast<std::size_t>(Kind::kCode)], 0.2, 1e-4);  // 100 rows: shrunk by ⅓
  EXPECT_NEAR(offsets[static_cast<std::size_t>(Kind::kPlain)], 0, 1e-6);
  EXPECT_EQ(offsets[static_cast<std::size_t>(Kind::kMaths)], 0);
}

TEST(KindOf, TellsKindsByShape) {
  Features features;
  const auto kind = [&](std::string_view text, bool tools = false) {
    const llm::Turn turn{.role = llm::Role::kUser, .text = text};
    llm::Needs needs;
    needs.tools = tools;
    features.Extract({&turn, 1}, needs, {}, 0);
    return KindOf(features.shape());
  };
  EXPECT_EQ(kind("What is the capital of Peru?"), Kind::kShort);
  EXPECT_EQ(kind("What is the capital of Peru?", true), Kind::kTools);
  EXPECT_EQ(kind("Which one?\nA. this\nB. that\nC. neither"), Kind::kOptions);
  EXPECT_EQ(kind("Какая столица у Перу? Расскажите подробно"), Kind::kScript);
  EXPECT_EQ(kind("Add 3 and 4, then 5 times 6, then take 7 from 100"), Kind::kMaths);
  EXPECT_EQ(kind("int main() { return f[0]; } { int a[2]; g(); }"), Kind::kCode);
}

}  // namespace
}  // namespace triage::learn
