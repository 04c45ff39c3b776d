#include "api/decision_headers.h"

#include <algorithm>

#include "base/error.h"
#include "decide/explain.h"

namespace triage::api {
namespace {

/// 0.00 … 1.00
std::string TwoDecimals(double value) {
  const int hundredths = static_cast<int>(std::clamp(value, 0.0, 1.0) * 100 + 0.5);
  std::string text = std::to_string(hundredths / 100) + ".";
  text.push_back(static_cast<char>('0' + hundredths / 10 % 10));
  text.push_back(static_cast<char>('0' + hundredths % 10));
  return text;
}

/// In printable ASCII and of bounded length, as a header wants it.
std::string Printed(std::string_view text) {
  constexpr std::size_t kMost = 1000;
  std::string printed;
  for (const char c : text.substr(0, kMost)) printed += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > kMost ? printed + " ..." : printed;
}

}  // namespace

DecisionHeaders::DecisionHeaders(pipeline::Exchange& exchange, bool whole)
    : id_(exchange.id().Text()) {
  Add("x-triage-id", id_);
  // Where each family of SDKs looks for an id to show in its errors.
  Add(exchange.request().dialect == llm::Dialect::kAnthropic ? "request-id" : "x-request-id", id_);
  const decide::Decision* decision = exchange.decision();
  if (decision == nullptr) return;
  if (exchange.answered()) {
    if (!exchange.tier().empty()) Add("x-triage-tier", exchange.tier());
    Add("x-triage-model", exchange.model());
    std::string warnings = exchange.doubt();
    if (exchange.hand_off())
      warnings.append(warnings.empty() ? "" : "; ")
          .append("this user has been very dissatisfied twice of late: time for a person");
    for (const std::string& warning : exchange.reply().warnings())
      warnings.append(warnings.empty() ? "" : "; ").append(warning);
    warning_ = Printed(warnings);
    if (!warning_.empty()) Add("x-triage-warning", warning_);
  }
  const bool judged = exchange.escalations() > 0 || !exchange.doubt().empty();
  reason_ = exchange.outgrown() || judged ? decide::Reason(decision->steps.back())
            : exchange.promoted()         ? "promotion: no model of the chosen tier answered"
                                          : decide::Reason(*decision);
  Add("x-triage-reason", reason_);
  confidence_ = TwoDecimals(decision->confidence);
  Add("x-triage-confidence", confidence_);
  escalations_ = std::to_string(exchange.escalations());
  Add("x-triage-escalations", escalations_);
  if (!whole) return;
  if (const auto cost = exchange.cost()) {
    cost_ = FormatUsd(*cost);
    Add("x-triage-cost-usd", cost_);
  }
  if (const auto saved = exchange.saved()) {
    saved_ = FormatUsd(*saved);
    Add("x-triage-saved-usd", saved_);
  }
}

void DecisionHeaders::Add(std::string_view name, std::string_view value) {
  TRIAGE_CHECK(count_ < headers_.size());
  headers_[count_++] = {name, value};
}

}  // namespace triage::api
