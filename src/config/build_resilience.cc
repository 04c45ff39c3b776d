#include "config/build.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

void BuildResilience(BuildContext& context) {
  const DefaultedSection section(Section(&context.root).Child("resilience"), "resilience");
  Resilience& resilience = context.config.resilience;
  const DefaultedSection breaker = section.Child("breaker");
  const auto whole = [](const DefaultedSection& from, std::string_view key) {
    return static_cast<int>(from.Integer(key));
  };
  resilience.breaker = {.min_volume = whole(breaker, "min_volume"),
                        .failure_share = breaker.Number("failure_share"),
                        .consecutive = whole(breaker, "consecutive"),
                        .quiet_consecutive = whole(breaker, "quiet_consecutive"),
                        .slow_share = breaker.Number("slow_share"),
                        .open_for = breaker.Duration("open_for"),
                        .open_most = breaker.Duration("open_most"),
                        .ramp = breaker.Duration("ramp")};
  if (resilience.breaker.open_most < resilience.breaker.open_for) {
    const Node* most = breaker.section().Get("open_most");
    const Node* least = breaker.section().Get("open_for");
    context.problems.Error((most != nullptr ? most : least)->at, "resilience.breaker.open_most",
                           "it is shorter than open_for", "at least open_for");
  }
  const DefaultedSection retries = section.Child("retries");
  resilience.retries = {.most = whole(retries, "most"),
                        .backoff = retries.Duration("backoff"),
                        .longest = retries.Duration("longest"),
                        .pacing = retries.Duration("pacing")};
  const DefaultedSection promotion = section.Child("promotion");
  resilience.promotion = {.share = promotion.Number("share"),
                          .always_per_minute = whole(promotion, "always_per_minute"),
                          .most_per_hour = {}};
  if (const auto text = promotion.section().Text("most_usd_per_hour")) {
    if (const auto price = ParsePrice(*text))
      resilience.promotion.most_per_hour = NanoDollars(price->nano_dollars);
  }
  const DefaultedSection hedge = section.Child("hedge");
  resilience.hedge.share = hedge.Number("share");
  for (const Node* tier : Scalars(hedge.section().Get("tiers"))) {
    if (context.CheckReference(*tier, "resilience.hedge.tiers", "tier", TierNames(context.config)))
      resilience.hedge.tiers.push_back(tier->text);
  }
  if (const auto text = section.section().Text("min_throughput"))
    resilience.min_throughput = ParseSize(*text).value_or(0);
  resilience.min_throughput_over = section.Duration("min_throughput_over");
}

}  // namespace triage::config
