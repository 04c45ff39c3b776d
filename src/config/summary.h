#pragma once

#include <string>
#include <string_view>

#include "config/config.h"

namespace triage::config {

/// The effective configuration on one screen: listeners, tiers, chains, prices, routing. No
/// secrets.
std::string Summary(const Config& config);

/// A price in USD per million tokens with at least two decimals: "0.05", "0.075".
std::string FormatPrice(PricePerMillion price);

/// Texts of config/examples at build time: "three-tier" or "start-simple"; empty for other names.
std::string_view BuiltInExample(std::string_view name);

}  // namespace triage::config
