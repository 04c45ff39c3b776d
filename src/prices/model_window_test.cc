#include "prices/model_window.h"

#include <cmath>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace triage::prices {
namespace {

using std::chrono::hours;

constexpr TextSize kThousand{.text = 1'000, .media = 0, .script = Script::kProse};
const SteadyTime kStart{};

TEST(ModelWindow, BeginsWithTheMeasureAndAMarginOfAQuarter) {
  const ModelWindow window;
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'000);
  EXPECT_EQ(window.Tokens(kThousand).most, 1'250);
  EXPECT_EQ(window.Tokens(kThousand).least, 800);
}

TEST(ModelWindow, LearnsTheRatioAndTrustsItMoreAndMore) {
  ModelWindow window;
  window.Learn(kThousand, 1'400);
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'200);
  for (int i = 0; i < 200; ++i) window.Learn(kThousand, 1'400);
  EXPECT_NEAR(static_cast<double>(window.Tokens(kThousand).tokens), 1'400, 15);
  EXPECT_LT(window.Tokens(kThousand).most, 1'500);
  EXPECT_GE(window.Tokens(kThousand).most,
            window.Tokens(kThousand).tokens * 105 / 100 - 1);  // five percent always
}

TEST(ModelWindow, KeepsAMarginForWhatScatters) {
  ModelWindow window;
  for (int i = 0; i < 200; ++i) window.Learn(kThousand, i % 2 == 0 ? 800 : 1'200);
  const ModelWindow::Estimate estimate = window.Tokens(kThousand);
  EXPECT_NEAR(static_cast<double>(estimate.tokens), 1'000, 20);
  EXPECT_GT(estimate.most, 1'400);
  EXPECT_LE(estimate.most, estimate.tokens * 3 / 2 + 1);
}

TEST(ModelWindow, LearnsEachScriptAlone) {
  ModelWindow window;
  for (int i = 0; i < 100; ++i) window.Learn({.text = 1'000, .script = Script::kCjk}, 2'000);
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'000);
  EXPECT_GT(window.Tokens({.text = 1'000, .script = Script::kCjk}).tokens, 1'900);
}

TEST(ModelWindow, LearnsNothingFromWhatCannotBeTrueOrSaysLittle) {
  ModelWindow window;
  window.Learn({.text = 100'000}, 4'096);  // a local server cut the prompt
  window.Learn(kThousand, 50'000);
  window.Learn(kThousand, 0);
  window.Learn(kThousand, -5);
  window.Learn({.text = 10}, 30);
  window.Learn({.text = 1'000, .media = 1'600}, 2'000);
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'000);
}

TEST(ModelWindow, FollowsAModelWhoseTokenizerChanges) {
  ModelWindow window;
  for (int i = 0; i < 10'000; ++i) window.Learn(kThousand, 1'000);
  for (int i = 0; i < 300; ++i) window.Learn(kThousand, 1'300);
  EXPECT_NEAR(static_cast<double>(window.Tokens(kThousand).tokens), 1'300, 15);
}

TEST(ModelWindow, CountsMediaBesideTheText) {
  const ModelWindow window;
  const ModelWindow::Estimate estimate = window.Tokens({.text = 1'000, .media = 4'000});
  EXPECT_EQ(estimate.tokens, 5'000);
  EXPECT_EQ(estimate.most, 5'250);
  EXPECT_EQ(estimate.least, 1'800);
}

TEST(ModelWindow, TakesAToldLimitForADay) {
  ModelWindow window;
  EXPECT_EQ(window.Window(131'072, kStart), 131'072);
  window.Refused({.text = 9'000}, 400, 131'072, {.limit = 8'192, .tokens = 9'100}, kStart);
  EXPECT_EQ(window.Window(131'072, kStart + hours(23)), 8'192);
  EXPECT_EQ(window.Window(4'096, kStart), 4'096);  // what is configured is not exceeded
  EXPECT_EQ(window.Window(0, kStart), 8'192);
  EXPECT_EQ(window.Window(131'072, kStart + hours(24)), 131'072);
}

TEST(ModelWindow, LearnsFromTheCountThatARefusalTells) {
  ModelWindow window;
  window.Refused(kThousand, 400, 1'300, {.limit = 0, .tokens = 1'400}, kStart);
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'200);
  EXPECT_EQ(window.Window(1'300, kStart), 1'300);
}

TEST(ModelWindow, ThinksMoreOfARequestThatWasRefusedWithoutAWord) {
  ModelWindow window;
  window.Refused(kThousand, 400, 2'000, {}, kStart);
  EXPECT_EQ(window.Window(2'000, kStart), 2'000);
  EXPECT_EQ(window.Tokens(kThousand).tokens, 1'300);  // midway to the 1,600 that it must have had
  for (int i = 0; i < 20; ++i) window.Refused(kThousand, 400, 2'000, {}, kStart);
  EXPECT_GT(window.Tokens(kThousand).most + 400, 2'000);
}

TEST(ModelWindow, GuessesAnUnknownWindowForAnHourFromWhatItRefused) {
  ModelWindow window;
  window.Refused({.text = 30'000}, 1'000, 0, {}, kStart);
  EXPECT_EQ(window.Window(0, kStart), 31'000);
  EXPECT_EQ(window.Window(0, kStart + hours(1)), 0);
}

TEST(ModelWindow, BelievesNoAbsurdLimit) {
  ModelWindow window;
  window.Refused(kThousand, 400, 8'192, {.limit = 3, .tokens = 1'000}, kStart);
  EXPECT_EQ(window.Window(8'192, kStart), 8'192);
}

TEST(ModelWindow, IsSharedByThreads) {
  ModelWindow window;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        window.Learn(kThousand, 1'200);
        EXPECT_GE(window.Tokens(kThousand).most, window.Tokens(kThousand).least);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NEAR(static_cast<double>(window.Tokens(kThousand).tokens), 1'200, 15);
}

}  // namespace
}  // namespace triage::prices
