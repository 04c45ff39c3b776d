#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "config/build.h"
#include "config/paths.h"
#include "config/schema.h"
#include "config/section.h"

namespace triage::config {
namespace {

StreamMode ReadMode(std::string_view text) {
  if (text == "hold") return StreamMode::kHold;
  return text == "after" ? StreamMode::kAfter : StreamMode::kWindow;
}

/// Whether it may name a check; reports names that are taken or that no header could carry.
bool CheckName(const BuildContext& context, const Node::Entry& entry, const std::string& path) {
  const std::vector<std::string> known = CheckNames(context.config);
  if (std::ranges::find(known, entry.key) != known.end()) {
    context.problems.Error(entry.at, path, "there is a check of this name already", "another name");
    return false;
  }
  const bool plain = std::ranges::all_of(entry.key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (!plain) context.problems.Error(entry.at, path, "not a name", "letters, digits, - and _");
  return plain;
}

}  // namespace

std::vector<std::string> CheckNames(const Config& config) {
  std::vector<std::string> names;
  for (const std::string_view words : {kCheckWords, kStreamModeWords, std::string_view("off")}) {
    for (std::size_t at = 0; at <= words.size();) {
      const std::size_t end = std::min(words.find('|', at), words.size());
      names.emplace_back(words.substr(at, end - at));
      at = end + 1;
    }
  }
  if (!config.verify.spot_check.model.empty()) names.emplace_back(kSpotCheck);
  for (const Verify::Pattern& pattern : config.verify.patterns) names.push_back(pattern.name);
  for (const Verify::Webhook& webhook : config.verify.webhooks) names.push_back(webhook.name);
  return names;
}

std::vector<std::string> ReadChecks(const BuildContext& context, const Node* list,
                                    const std::string& path) {
  std::vector<std::string> checks;
  for (const Node* node : Scalars(list)) {
    if (context.CheckReference(*node, path, "check", CheckNames(context.config)))
      checks.push_back(node->text);
  }
  return checks;
}

void BuildVerify(BuildContext& context) {
  const DefaultedSection section(Section(&context.root).Child("verify"), "verify");
  Verify& verify = context.config.verify;
  verify.stream = ReadMode(section.Text("stream"));
  const DefaultedSection window = section.Child("window");
  verify.window_tokens = window.Integer("tokens");
  verify.window_time = window.Duration("time");
  verify.max_bytes = static_cast<std::size_t>(section.Size("max_bytes"));
  if (const Node* patterns = section.section().Get("patterns")) {
    for (const Node::Entry& entry : patterns->entries) {
      const std::string path = "verify.patterns." + entry.key;
      if (!CheckName(context, entry, path)) continue;
      const DefaultedSection pattern(Section(&entry.value), "verify.patterns.*");
      verify.patterns.push_back({.name = entry.key,
                                 .pattern = pattern.section().Text("pattern").value_or(""),
                                 .must_match = pattern.Text("must") == "match"});
    }
  }
  if (const Node* webhooks = section.section().Get("webhooks")) {
    for (const Node::Entry& entry : webhooks->entries) {
      if (!CheckName(context, entry, "verify.webhooks." + entry.key)) continue;
      const DefaultedSection webhook(Section(&entry.value), "verify.webhooks.*");
      verify.webhooks.push_back({.name = entry.key,
                                 .url = webhook.section().Text("url").value_or(""),
                                 .token = Secret(webhook.section().Text("token").value_or("")),
                                 .deadline = webhook.Duration("deadline")});
    }
  }
  const DefaultedSection spot = section.Child("spot_check");
  verify.spot_check = {.model = {},
                       .deadline = spot.Duration("deadline"),
                       .intervene = spot.Bool("intervene"),
                       .share = spot.Number("share"),
                       .catches = spot.Number("catches")};
  if (const Node* model = spot.section().Get("model");
      model != nullptr && context.CheckReference(*model, "verify.spot_check.model", "model",
                                                 ModelNames(context.config))) {
    verify.spot_check.model = model->text;
    if (context.config.FindModel(model->text)->capabilities.embeddings) {
      context.problems.Error(model->at, "verify.spot_check.model",
                             "it makes embeddings, no answers", "a model that generates text");
    }
  }
  const Node* defaults = section.section().Get("default");
  verify.defaults = defaults == nullptr ? std::vector<std::string>{"basic"}
                                        : ReadChecks(context, defaults, "verify.default");
  const DefaultedSection cascade = section.Child("cascade");
  verify.cascade = {.most = static_cast<int>(cascade.Integer("most")),
                    .reasks = static_cast<int>(cascade.Integer("reasks")),
                    .fields = cascade.Bool("fields"),
                    .cost_cap = cascade.Number("cost_cap")};
}

void BuildFeedback(BuildContext& context) {
  const DefaultedSection section(Section(&context.root).Child("feedback"), "feedback");
  context.config.feedback = {
      .implicit = section.Bool("implicit"),
      .without_history = section.Bool("without_history"),
      .act = section.Number("act"),
      .label = section.Number("label"),
      .floor_turns = static_cast<int>(section.Integer("floor_turns")),
      .per_user_hour = static_cast<int>(section.Integer("per_user_hour")),
      .sessions = static_cast<std::size_t>(section.Integer("sessions")),
      .session_ttl = section.Duration("session_ttl"),
      .retry_ttl = section.Duration("retry_ttl"),
      .retry_memory = static_cast<std::size_t>(section.Size("retry_memory"))};
  const Feedback& feedback = context.config.feedback;
  if (feedback.label > feedback.act) {
    const Node* label = section.section().Get("label");
    const Node* act = section.section().Get("act");
    context.problems.Error((label != nullptr ? label : act)->at, "feedback.label",
                           "it is above feedback.act", "at most feedback.act");
  }
}

}  // namespace triage::config
