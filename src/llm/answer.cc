#include "llm/answer.h"

#include <utility>

namespace triage::llm {
namespace {

Part EmptyPart(const StreamEvent& event) {
  switch (event.part_kind) {
    case PartKind::kText: return TextPart{};
    case PartKind::kThinking:
      return ThinkingPart{.redacted = event.redacted, .id = event.id, .origin = event.origin};
    case PartKind::kToolCall:
      return ToolCallPart{
          .id = event.id, .name = event.name, .item_id = event.item_id, .origin = event.origin};
    case PartKind::kRefusal: return RefusalPart{};
    case PartKind::kOpaque:
      return OpaquePart{.origin = event.origin, .type = event.name, .json = event.text};
  }
  return TextPart{};
}

void AppendText(Part& part, const std::string& text) {
  if (auto* plain = std::get_if<TextPart>(&part)) plain->text += text;
  if (auto* thinking = std::get_if<ThinkingPart>(&part)) thinking->text += text;
  if (auto* refusal = std::get_if<RefusalPart>(&part)) refusal->text += text;
}

}  // namespace

void AnswerBuilder::Add(const StreamEvent& event) {
  const auto number = static_cast<std::size_t>(event.part);
  Part* part =
      event.part >= 0 && number < places_.size() ? &answer_.parts[places_[number]] : nullptr;
  switch (event.kind) {
    case StreamEvent::Kind::kStart:
      answer_.id = event.id;
      answer_.model = event.model;
      answer_.created = event.created;
      if (event.usage) answer_.usage = event.usage;
      break;
    case StreamEvent::Kind::kPartStart:
      places_.push_back(answer_.parts.size());
      answer_.parts.push_back(EmptyPart(event));
      break;
    case StreamEvent::Kind::kText:
      if (part != nullptr) AppendText(*part, event.text);
      break;
    case StreamEvent::Kind::kSignature:
      if (part == nullptr) break;
      if (auto* thinking = std::get_if<ThinkingPart>(part)) {
        thinking->signature += event.text;
        thinking->origin = event.origin;
      }
      if (auto* call = std::get_if<ToolCallPart>(part)) {
        call->signature += event.text;
        call->origin = event.origin;
      }
      break;
    case StreamEvent::Kind::kArguments:
      if (part == nullptr) break;
      if (auto* call = std::get_if<ToolCallPart>(part)) call->arguments += event.text;
      break;
    case StreamEvent::Kind::kCitation:
      if (part == nullptr || !event.citation) break;
      if (auto* text = std::get_if<TextPart>(part)) text->citations.push_back(*event.citation);
      break;
    case StreamEvent::Kind::kLogprobs:
      answer_.logprobs.insert(answer_.logprobs.end(), event.logprobs.begin(), event.logprobs.end());
      break;
    case StreamEvent::Kind::kPartEnd:
      if (part == nullptr) break;
      if (auto* call = std::get_if<ToolCallPart>(part); call != nullptr && call->arguments.empty())
        call->arguments = "{}";
      break;
    case StreamEvent::Kind::kUsage: answer_.usage = event.usage; break;
    case StreamEvent::Kind::kFinish:
      answer_.finish = event.finish;
      answer_.raw_finish = event.raw_finish;
      answer_.stop_sequence = event.stop_sequence;
      break;
    case StreamEvent::Kind::kEnd: ended_ = true; break;
  }
  if (!event.service_tier.empty()) answer_.service_tier = event.service_tier;
}

std::vector<StreamEvent> EventsOf(const Answer& answer) {
  using Kind = StreamEvent::Kind;
  std::vector<StreamEvent> events;
  events.push_back({.kind = Kind::kStart,
                    .id = answer.id,
                    .model = answer.model,
                    .created = answer.created,
                    .service_tier = answer.service_tier});
  bool told_logprobs = answer.logprobs.empty();
  int number = 0;
  for (const Part& part : answer.parts) {
    StreamEvent start{.kind = Kind::kPartStart, .part = number};
    std::vector<StreamEvent> deltas;
    const auto delta = [&](Kind kind, const std::string& text, Dialect origin) {
      if (!text.empty())
        deltas.push_back({.kind = kind, .part = number, .text = text, .origin = origin});
    };
    if (const auto* text = std::get_if<TextPart>(&part)) {
      delta(Kind::kText, text->text, {});
      for (const Citation& citation : text->citations)
        deltas.push_back({.kind = Kind::kCitation, .part = number, .citation = citation});
      if (!told_logprobs) {
        deltas.push_back({.kind = Kind::kLogprobs, .part = number, .logprobs = answer.logprobs});
        told_logprobs = true;
      }
    } else if (const auto* thinking = std::get_if<ThinkingPart>(&part)) {
      start.part_kind = PartKind::kThinking;
      start.redacted = thinking->redacted;
      start.id = thinking->id;
      start.origin = thinking->origin;
      delta(Kind::kText, thinking->text, thinking->origin);
      delta(Kind::kSignature, thinking->signature, thinking->origin);
    } else if (const auto* call = std::get_if<ToolCallPart>(&part)) {
      start.part_kind = PartKind::kToolCall;
      start.id = call->id;
      start.name = call->name;
      start.item_id = call->item_id;
      start.origin = call->origin;
      delta(Kind::kArguments, call->arguments, {});
      delta(Kind::kSignature, call->signature, call->origin);
    } else if (const auto* refusal = std::get_if<RefusalPart>(&part)) {
      start.part_kind = PartKind::kRefusal;
      delta(Kind::kText, refusal->text, {});
    } else if (const auto* opaque = std::get_if<OpaquePart>(&part)) {
      start.part_kind = PartKind::kOpaque;
      start.name = opaque->type;
      start.text = opaque->json;
      start.origin = opaque->origin;
    } else {
      continue;  // what a client sends and no model answers
    }
    events.push_back(std::move(start));
    for (StreamEvent& each : deltas) events.push_back(std::move(each));
    events.push_back({.kind = Kind::kPartEnd, .part = number});
    ++number;
  }
  if (answer.usage) events.push_back({.kind = Kind::kUsage, .usage = answer.usage});
  events.push_back({.kind = Kind::kFinish,
                    .finish = answer.finish,
                    .raw_finish = answer.raw_finish,
                    .stop_sequence = answer.stop_sequence});
  events.push_back({.kind = Kind::kEnd});
  return events;
}

std::string TextOf(const Answer& answer) {
  std::string all;
  for (const Part& part : answer.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) all += text->text;
  }
  return all;
}

}  // namespace triage::llm
