#include "config/summary.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace triage::config {

namespace {

std::string Show(const Address& address) {
  bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), address.host, address.port);
}

std::string ShowContext(std::int64_t tokens) {
  if (tokens == 0) return "unknown";
  if (tokens >= 1000) return fmt::format("{}k", tokens / 1000);
  return fmt::format("{}", tokens);
}

std::string ThresholdSource(const Routing& routing) {
  std::vector<std::string> parts;
  if (!routing.thresholds.empty()) {
    for (double value : routing.thresholds) parts.push_back(fmt::format("{:g}", value));
    return "thresholds " + Join(parts);
  }
  std::string text = fmt::format("keep {:g} of the best tier's quality", routing.keep_quality);
  for (const auto& [tier, share] : routing.share) {
    text += fmt::format(", {:g} % to {}", share * 100, tier);
  }
  return text;
}

// One line of a table: columns padded to the widest of all lines.
struct Row {
  std::string tier, model, upstream, context, prices;
};

std::string Table(const std::vector<Row>& rows) {
  auto widest = [&](std::string Row::* column) {
    std::size_t width = 0;
    for (const Row& row : rows) width = std::max(width, (row.*column).size());
    return width;
  };
  std::size_t tier = widest(&Row::tier), model = widest(&Row::model);
  std::size_t upstream = widest(&Row::upstream), context = widest(&Row::context);
  std::string text;
  for (const Row& row : rows) {
    text += fmt::format("  {:<{}}  {:<{}}  {:<{}}  {:>{}}  {}\n", row.tier, tier, row.model, model,
                        row.upstream, upstream, row.context, context, row.prices);
  }
  return text;
}

std::vector<Row> TierRows(const Config& config) {
  std::vector<Row> rows = {
      {"tier", "model", "provider / its model", "context", "USD per 1M in / out"}};
  for (const Tier& tier : config.tiers) {
    std::string name = tier.name;
    for (const std::string& member : tier.chain) {
      const Model& model = *config.FindModel(member);
      std::string prices = "unknown";
      if (const Prices* now = InForce(model.prices, config.read_on)) {
        prices = FormatPrice(now->input) + " / " + FormatPrice(now->output);
        prices += now->as_of.empty() ? " (configuration)" : " (catalogue, " + now->as_of + ")";
      }
      rows.push_back({name, model.name, model.provider + " / " + model.model,
                      ShowContext(model.context), prices});
      name.clear();
    }
  }
  return rows;
}

// Where calls go, and by what proof; no credential.
std::string ProviderLines(const Config& config) {
  std::size_t widest = 0;
  for (const Provider& provider : config.providers) {
    widest = std::max(widest, provider.name.size());
  }
  std::string text;
  for (const Provider& provider : config.providers) {
    text += fmt::format("{:<11} {:<{}}  {}{}, {}, {}\n", text.empty() ? "providers" : "",
                        provider.name, widest, provider.base_url, provider.paths.generate,
                        llm::Name(provider.dialect), Name(provider.auth.kind));
  }
  return text;
}

}  // namespace

std::string FormatPrice(PricePerMillion price) {
  return FormatUsd(NanoDollars(price.nano_dollars));
}

std::string Summary(const Config& config) {
  std::string text =
      fmt::format("configuration {}{}\n", config.version, config.production ? ", production" : "");
  text +=
      fmt::format("listen      {}{}", Show(config.listen.http), config.listen.tls ? " (TLS)" : "");
  text += config.listen.admin ? ", admin " + Show(*config.listen.admin) + "\n"
                              : ", no admin listener\n";
  text += ProviderLines(config);
  text += Table(TierRows(config));
  const Routing& routing = config.routing;
  text += fmt::format("routing     {}; {}; band ±{:g}; router {}\n", Name(routing.rule),
                      ThresholdSource(routing), routing.band,
                      routing.router.empty() ? "none" : routing.router.string());
  if (routing.judge.mode != JudgeMode::kOff) {
    text += fmt::format("judge       {}, {}; {} ms\n", routing.judge.model,
                        Name(routing.judge.mode), routing.judge.deadline.count());
  }
  std::string preset = routing.preset.empty() ? "no preset" : "preset " + routing.preset;
  for (const auto& [feature, name] : config.workloads) {
    preset += fmt::format(", {} for {}", name, feature);
  }
  text += fmt::format("policies    {}; {}\n", config.policies.size(), preset);
  text += fmt::format("baseline    {}\n", config.baseline);
  text += fmt::format("ledger      {}\n", config.ledger.path.string());
  return text;
}

}  // namespace triage::config
