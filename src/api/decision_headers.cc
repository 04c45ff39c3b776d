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

/// "left out: a; b", in printable ASCII and of bounded length.
std::string WarningText(std::span<const std::string> warnings) {
  constexpr std::size_t kMost = 1000;
  std::string text;
  for (const std::string& warning : warnings) {
    if (!text.empty()) text += "; ";
    for (const char c : warning) text += c >= ' ' && c <= '~' ? c : '?';
    if (text.size() > kMost) {
      text.resize(kMost);
      return text + " ...";
    }
  }
  return text;
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
    warning_ = WarningText(exchange.reply().warnings());
    if (!warning_.empty()) Add("x-triage-warning", warning_);
  }
  reason_ = exchange.outgrown()   ? decide::Reason(decision->steps.back())
            : exchange.promoted() ? "promotion: no model of the chosen tier answered"
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
