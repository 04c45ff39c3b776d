#include "learn/features.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <set>

#include <gtest/gtest.h>

namespace {
std::atomic<std::int64_t> g_allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  ++g_allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);  // NOLINT
  if (memory == nullptr) std::abort();
  return memory;
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}  // NOLINT

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}  // NOLINT

namespace triage::learn {
namespace {

void ExtractText(Features& features, std::string_view text) {
  const llm::Turn turn{.role = llm::Role::kUser, .text = text};
  features.Extract({&turn, 1}, {}, {}, 0);
}

std::set<std::uint32_t> Words(const Features& features) {
  return {features.words().begin(), features.words().end()};
}

TEST(Features, AreASetThatDoesNotDependOnWhatWasReadBefore) {
  Features fresh;
  Features used;
  ExtractText(used, "something else entirely, 12 times, with\nlines and [brackets]");
  ExtractText(used, "the cat and the cat");
  ExtractText(fresh, "the cat and the cat");
  EXPECT_EQ(Words(fresh), Words(used));
  EXPECT_EQ(Words(fresh).size(), fresh.words().size());
  EXPECT_EQ(fresh.words().size(), 6U);  // the, cat, and; the cat, cat and, and the
  EXPECT_TRUE(std::equal(fresh.shape().begin(), fresh.shape().end(), used.shape().begin()));
}

TEST(Features, AllocateNothingWhileExtracting) {
  Features features;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "word" + std::to_string(i) + " ";
  const std::int64_t before = g_allocations;
  ExtractText(features, text);
  ExtractText(features, "short");
  EXPECT_EQ(g_allocations, before);
}

TEST(Features, TakeBoundedRoomAndSayThatALongTextWasCut) {
  Features features;
  std::string text(2U << 20, ' ');
  for (std::size_t i = 0; i < text.size(); i += 2) text[i] = static_cast<char>('a' + i * 7 % 26);
  ExtractText(features, text);
  EXPECT_TRUE(features.truncated());
  EXPECT_LE(features.words().size(), 2 * Features::kHead);
  EXPECT_LE(features.chars().size(), 2 * Features::kHead);
  ExtractText(features, text.substr(0, 2 * Features::kHead));
  EXPECT_FALSE(features.truncated());
}

TEST(Features, TakeTimeLinearInTheLength) {
  Features features;
  std::string text;
  while (text.size() < 16000) text += "Which of these " + std::to_string(text.size()) + " is so? ";
  const auto time = [&](std::size_t size) {
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < 200; ++i) {
      const auto start = std::chrono::steady_clock::now();
      ExtractText(features, std::string_view(text).substr(0, size));
      best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
    }
    return best.count();
  };
  const auto small = time(2000);
  EXPECT_LT(time(16000), 8 * small * 3);  // three times the proportion: clocks are shared
}

TEST(Features, SurviveInvalidUtf8AndWhiteSpace) {
  Features features;
  ExtractText(features, "\xff\xfe\xc3(\xe2\x82 broken \xf0\x28\x8c\xbc");
  EXPECT_FALSE(features.words().empty());
  ExtractText(features, " \n\t \r\n   ");
  EXPECT_TRUE(features.words().empty());
  features.Extract({}, {}, {}, 0);
  EXPECT_TRUE(features.words().empty());
  EXPECT_EQ(features.shape(Shape::kLength), 0);
}

TEST(Features, ReadTheLastTwoUserTurnsAndNotTheSystemPrompt) {
  Features features;
  const llm::Turn turns[] = {{llm::Role::kSystem, "boilerplate instructions"},
                             {llm::Role::kUser, "oldest"},
                             {llm::Role::kUser, "middle"},
                             {llm::Role::kAssistant, "answer"},
                             {llm::Role::kUser, "newest"}};
  llm::Needs needs;
  needs.tools = true;
  features.Extract(turns, needs, {}, 100);
  EXPECT_EQ(features.words().size(), 3U);  // one bucket for the class of the system prompt
  EXPECT_GT(features.shape(Shape::kSystemLength), 0);
  EXPECT_GT(features.shape(Shape::kTurns), 0);
  EXPECT_EQ(features.shape(Shape::kTools), 1);
}

TEST(Features, SeeOptionsDigitsAndCode) {
  Features features;
  ExtractText(features, "How much?\nA. 10\nB. 20\n(C) 30");
  EXPECT_FLOAT_EQ(features.shape(Shape::kOptions), 0.3F);
  EXPECT_GT(features.shape(Shape::kOptionDigits), 0);
  ExtractText(features, "def f(x): return {x: [x]};");
  EXPECT_GT(features.shape(Shape::kCode), 0.5F);
  EXPECT_EQ(features.shape(Shape::kOptions), 0);
}

TEST(Features, ComeBackFromTheLearningStore) {
  Features features;
  ExtractText(features, "Prove that there are infinitely many primes: 2, 3, 5 …");
  std::string bytes;
  features.Serialize(bytes);
  Features back;
  ASSERT_TRUE(back.Restore(bytes));
  EXPECT_EQ(Words(back), Words(features));
  EXPECT_EQ(back.chars().size(), features.chars().size());
  for (std::size_t i = 0; i < kShapes; ++i) {
    EXPECT_NEAR(back.shape()[i], features.shape()[i], 1e-3);
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(back.Restore(bytes.substr(0, cut))) << cut;
  }
  bytes[0] = 99;
  EXPECT_EQ(back.Restore(bytes).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace triage::learn
