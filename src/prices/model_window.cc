#include "prices/model_window.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace triage::prices {
namespace {

constexpr double kDeviations = 2.5;  // mean ones; two standard deviations of a normal distribution
constexpr double kLeastMargin = 0.05;
constexpr double kMostMargin = 0.50;
// Ratios beyond these are no tokenizer's; local servers that cut prompts report what is left.
constexpr double kLeastRatio = 0.4;
constexpr double kMostRatio = 4.0;
// What a chat template adds outweighs the text of shorter ones.
constexpr std::int64_t kLeastTokens = 64;
constexpr std::uint32_t kMemory = 64;  // answers that the moving average goes back
constexpr std::int64_t kLeastLimit = 256;
constexpr std::chrono::hours kToldFor{24};
constexpr std::chrono::hours kGuessedFor{1};

std::int64_t Times(std::int64_t tokens, double factor) {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(tokens) * factor));
}

}  // namespace

ModelWindow::Estimate ModelWindow::Tokens(const TextSize& size) const {
  const Ratio ratio =
      scripts_[static_cast<std::size_t>(size.script)].ratio.load(std::memory_order_relaxed);
  const double margin =
      std::clamp(kDeviations * static_cast<double>(ratio.deviation), kLeastMargin, kMostMargin);
  const auto mean = static_cast<double>(ratio.mean);
  // Media are counted by a rule that is rough in both directions.
  return {.tokens = Times(size.text, mean) + size.media,
          .least = Times(size.text, mean / (1 + margin)) + size.media / 4,
          .most = Times(size.text, mean * (1 + margin)) + size.media};
}

void ModelWindow::Observe(Learned& learned, double ratio) {
  if (ratio < kLeastRatio || ratio > kMostRatio) return;
  const std::uint32_t answers = learned.answers.load(std::memory_order_relaxed);
  // The start counts as one answer that came out at 1.
  const double weight = 1.0 / (std::min(answers, kMemory) + 2);
  Ratio now = learned.ratio.load(std::memory_order_relaxed);
  const double off =
      std::abs(ratio - static_cast<double>(now.mean)) / static_cast<double>(now.mean);
  // Where the average still moves, being off it says little of how single answers scatter.
  const double settled = answers == 0 ? 0 : weight;
  now.deviation =
      static_cast<float>(static_cast<double>(now.deviation) * (1 - settled) + off * settled);
  now.mean = static_cast<float>(static_cast<double>(now.mean) * (1 - weight) + ratio * weight);
  learned.ratio.store(now, std::memory_order_relaxed);
  learned.answers.store(answers + 1, std::memory_order_relaxed);
}

void ModelWindow::Learn(const TextSize& size, std::int64_t tokens) {
  if (size.media > 0 || size.text < kLeastTokens || tokens <= 0) return;
  Observe(scripts_[static_cast<std::size_t>(size.script)],
          static_cast<double>(tokens) / static_cast<double>(size.text));
}

void ModelWindow::Refused(const TextSize& size, std::int64_t output, std::int64_t configured,
                          const llm::Overflow& told, SteadyTime now) {
  Learn(size, told.tokens);
  std::int64_t limit = told.limit >= kLeastLimit ? told.limit : 0;
  std::chrono::hours keep = kToldFor;
  if (limit == 0 && told.tokens == 0) {
    const std::int64_t guess = Tokens(size).tokens;
    const std::int64_t window = Window(configured, now);
    if (window > 0) {
      Learn(size, std::max(window - output, guess + guess / 10));
    } else {
      limit = std::max(guess + output, kLeastLimit);
      keep = kGuessedFor;
    }
  }
  if (limit == 0) return;
  seen_limit_.store(limit, std::memory_order_relaxed);
  seen_until_.store((now + keep).time_since_epoch().count(), std::memory_order_relaxed);
}

std::int64_t ModelWindow::Window(std::int64_t configured, SteadyTime now) const {
  const std::int64_t seen = seen_limit_.load(std::memory_order_relaxed);
  if (seen == 0 || now.time_since_epoch().count() >= seen_until_.load(std::memory_order_relaxed)) {
    return configured;
  }
  return configured > 0 ? std::min(configured, seen) : seen;
}

}  // namespace triage::prices
