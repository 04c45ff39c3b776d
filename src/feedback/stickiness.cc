#include "feedback/stickiness.h"

#include <algorithm>

namespace triage::feedback {
namespace {

constexpr int kMostTurns = 100;
constexpr int kPermille = 1000;
// So that sums of a hundred turns stay far from 128 bits whatever a caller says.
constexpr std::int64_t kMostTokens = 1'000'000'000;

struct Shape {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t read = 0;  // of `input`, from the cache, in this request
  int turns_after = 0;
  int hit_permille = 0;
};

std::int64_t Hit(std::int64_t tokens, int permille) {
  return tokens * permille / kPermille;
}

NanoDollars CostOf(const TurnPrices& prices, const Shape& shape) {
  CostSum sum;
  sum.Add(shape.read, prices.cache_read);
  sum.Add(shape.input - shape.read, prices.cache_write);
  sum.Add(shape.output, prices.output);
  std::int64_t context = shape.input;
  for (int turn = 0; turn < shape.turns_after; ++turn) {
    context += shape.output;
    const std::int64_t read = Hit(context, shape.hit_permille);
    sum.Add(read, prices.cache_read);
    sum.Add(context - read, prices.input);
    sum.Add(shape.output, prices.output);
  }
  return sum.Rounded();
}

}  // namespace

SwitchAnswer WeighSwitch(const SwitchQuestion& question) {
  const auto tokens = [](std::int64_t value) {
    return std::clamp<std::int64_t>(value, 0, kMostTokens);
  };
  Shape shape{.input = tokens(question.input_tokens),
              .output = tokens(question.output_tokens),
              .turns_after = std::clamp(question.turns_after, 0, kMostTurns),
              .hit_permille = std::clamp(question.hit_permille, 0, kPermille)};
  SwitchAnswer answer;
  answer.change = CostOf(question.candidate, shape);
  const NanoDollars cold = CostOf(question.current, shape);
  if (question.warm) {
    shape.read = Hit(std::min(tokens(question.cached_tokens), shape.input), shape.hit_permille);
  }
  answer.stay = CostOf(question.current, shape);
  answer.cache_value = cold - answer.stay;
  return answer;
}

}  // namespace triage::feedback
