#include "config/prices.h"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "config/section.h"

namespace triage::config {

namespace {

std::optional<TokenPrices> ReadTokenPrices(const Section& section) {
  const auto input = section.Price("input");
  const auto output = section.Price("output");
  if (!input || !output) return std::nullopt;
  TokenPrices prices;
  prices.input = *input;
  prices.output = *output;
  prices.cache_read = section.Price("cache_read").value_or(*input);
  prices.cache_write_5m = section.Price("cache_write_5m").value_or(*input);
  prices.cache_write_1h = section.Price("cache_write_1h").value_or(prices.cache_write_5m);
  prices.reasoning = section.Price("reasoning").value_or(*output);
  return prices;
}

std::optional<Prices> ReadOne(const Section& section) {
  const std::optional<TokenPrices> tokens = ReadTokenPrices(section);
  if (!tokens) return std::nullopt;
  Prices prices;
  static_cast<TokenPrices&>(prices) = *tokens;
  const auto amount = [&](std::string_view key) {
    return NanoDollars(section.Price(key).value_or(PricePerMillion{}).nano_dollars);
  };
  prices.from = section.Date("from");
  prices.per_request = amount("per_request");
  prices.per_image = amount("per_image");
  // A share is written as a price is: a decimal that is exact to nine places.
  if (const auto share = section.Price("batch")) prices.batch = Share{share->nano_dollars};
  if (section.Get("long_context") != nullptr) {
    const Section extra = section.Child("long_context");
    const auto above = extra.Integer("above");
    const auto dearer = ReadTokenPrices(extra);
    if (!above || !dearer) return std::nullopt;
    prices.long_context = Prices::LongContext{.above = *above, .prices = *dearer};
  }
  return prices;
}

}  // namespace

std::vector<Prices> ReadPrices(const Node* node, const std::string& path, Problems& problems) {
  std::vector<Prices> all;
  const std::vector<const Node*> maps = Maps(node);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    std::optional<Prices> one = ReadOne(Section(maps[i]));
    if (!one) return {};
    const std::string at = fmt::format("{}[{}]", path, i);
    if (i > 0 && !one->from) {
      problems.Error(maps[i]->at, at, "without `from` it overlaps the prices before it",
                     "from: the first day of these prices, such as 2024-07-23");
      return {};
    }
    if (i > 0 && all.back().from && *one->from <= *all.back().from) {
      problems.Error(
          maps[i]->at, at,
          fmt::format("it begins on {:%Y-%m-%d} and overlaps the prices before it, which "
                      "begin on {:%Y-%m-%d}",
                      *one->from, *all.back().from),
          "each day once, in the order of days");
      return {};
    }
    all.push_back(std::move(*one));
  }
  return all;
}

const Prices* InForce(const std::vector<Prices>& prices, std::chrono::sys_days day) {
  const Prices* in_force = nullptr;
  for (const Prices& one : prices) {
    if (one.from && *one.from > day) break;
    in_force = &one;
  }
  return in_force;
}

}  // namespace triage::config
