#include "config/config.h"

#include <algorithm>

namespace triage::config {

std::string_view Name(Rule rule) {
  switch (rule) {
    case Rule::kThresholds: return "thresholds";
    case Rule::kExpectedCost: return "expected_cost";
  }
  return "thresholds";
}

std::string_view Name(JudgeMode mode) {
  switch (mode) {
    case JudgeMode::kOff: return "off";
    case JudgeMode::kInBand: return "in_band";
    case JudgeMode::kAlways: return "always";
  }
  return "off";
}

std::string_view Name(StreamMode mode) {
  switch (mode) {
    case StreamMode::kHold: return "hold";
    case StreamMode::kWindow: return "window";
    case StreamMode::kAfter: return "after";
  }
  return "window";
}

std::string_view Name(Auth::Kind kind) {
  switch (kind) {
    case Auth::Kind::kNone: return "none";
    case Auth::Kind::kBearer: return "bearer";
    case Auth::Kind::kHeader: return "header";
    case Auth::Kind::kAwsSigV4: return "aws_sigv4";
    case Auth::Kind::kOciSignature: return "oci_signature";
  }
  return "none";
}

const Provider* Config::FindProvider(std::string_view name) const {
  auto found = std::ranges::find(providers, name, &Provider::name);
  return found == providers.end() ? nullptr : &*found;
}

const Model* Config::FindModel(std::string_view name) const {
  auto found = std::ranges::find_if(models, [&](const Model& model) {
    return model.name == name || std::ranges::find(model.aliases, name) != model.aliases.end();
  });
  return found == models.end() ? nullptr : &*found;
}

int Config::TierIndex(std::string_view name) const {
  auto found = std::ranges::find(tiers, name, &Tier::name);
  return found == tiers.end() ? -1 : static_cast<int>(found - tiers.begin());
}

}  // namespace triage::config
