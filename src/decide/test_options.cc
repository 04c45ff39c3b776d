#include "decide/test_options.h"

#include <string>

namespace triage::decide {
namespace {

PricePerMillion Usd(const char* price) {
  return ParsePrice(price).value();
}

ModelOption Model(std::string name, std::string provider, std::int64_t window, const char* input,
                  const char* output) {
  return {.name = std::move(name),
          .provider = std::move(provider),
          .provider_model = "",
          .aliases = {},
          .context_window = window,
          .max_output = 0,
          .capabilities = {Capability::kTools, Capability::kJson, Capability::kJsonSchema},
          .input = Usd(input),
          .output = Usd(output)};
}

}  // namespace

Options ThreeTiers() {
  Options options;
  options.router_version = "r1";
  options.config_version = "c1";
  options.models = {Model("llama-fast", "groq", 8'192, "0.05", "0.08"),
                    Model("llama-together", "together", 32'768, "0.06", "0.06"),
                    Model("haiku", "anthropic", 65'536, "0.50", "1.00"),
                    Model("opus", "anthropic", 131'072, "2.50", "10.00"),
                    Model("gpt", "openai", 131'072, "2.50", "10.00")};
  options.models[0].provider_model = "llama-3.1-8b-instant";
  options.models[0].aliases = {"quick"};
  options.models[0].max_output = 4'096;
  options.models[0].capabilities = {Capability::kTools, Capability::kJson};
  options.models[1].provider_model = "meta/llama-3.1-8b";
  options.models[1].capabilities = {Capability::kJson};
  options.models[2].provider_model = "haiku-20240307";
  options.models[3].provider_model = "opus-20240229";
  options.models[3].capabilities.Add(Capability::kVision);
  options.models[4].provider_model = "gpt-4o-2024-05-13";
  options.models[4].capabilities.Add(Capability::kLogprobs);
  options.models.push_back(Model("side", "oci", 0, "1", "1"));
  options.models.back().provider_model = "side-1";
  options.tiers = {{.name = "fast", .chain = {0, 1}},
                   {.name = "balanced", .chain = {2}},
                   {.name = "frontier", .chain = {3, 4}}};
  options.sensitivity = {{.name = "restricted", .providers = {"oci"}},
                         {.name = "internal", .providers = {"oci", "anthropic"}}};
  options.policies = {
      {.when = {.user = {"ceo", "cfo"}, .query_type = {"analysis"}}, .min_tier = 2},
      {.when = {.feature = {"bulk-extract"}}, .max_tier = 0, .verify = {"json_schema"}},
      {.when = {.impact = {llm::Impact::kHigh, llm::Impact::kCritical}}, .min_tier = 1},
      {.when = {.detected = {"card_number", "iban"}}, .sensitivity = 1},
      {.when = {.team = {"interns"}}, .max_tier = 1},
      {.when = {.feature = {"naïve\r\nx-evil: 1"}}, .min_tier = 2},
  };
  options.verify = {"basic"};
  options.known_checks = {"basic", "json_schema", "citations"};
  options.thresholds = {0.5, 0.5};
  options.baseline_model = 3;
  return options;
}

Options TwoTiers() {
  Options options;
  options.models = {Model("m0", "p", 131'072, "0.1", "0.1"), Model("m1", "p", 131'072, "1", "1")};
  options.tiers = {{.name = "small", .chain = {0}}, {.name = "large", .chain = {1}}};
  options.thresholds = {0.5};
  return options;
}

Options FiveTiers() {
  Options options;
  const char* prices[] = {"0.1", "0.2", "0.5", "1", "5"};
  for (int i = 0; i < 5; ++i) {
    options.models.push_back(Model("m" + std::to_string(i), "p", 131'072, prices[i], prices[i]));
    options.tiers.push_back({.name = "t" + std::to_string(i), .chain = {i}});
  }
  options.thresholds = {0.5, 0.5, 0.5, 0.5};
  return options;
}

}  // namespace triage::decide
