#include "wire/anthropic_turns.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/anthropic.h"
#include "wire/json_tree.h"

namespace triage::wire::anthropic {
namespace {

using llm::CacheHint;
using llm::Message;
using llm::Role;

constexpr int kMostBreakpoints = 4;  // of a request; a fifth is refused

template <class P>
int Breakpoints(const P& part) {
  int count = 0;
  if constexpr (requires { part.cache; }) count += part.cache != CacheHint::kNone ? 1 : 0;
  if constexpr (requires { part.content; }) {
    for (const llm::ToolResultContent& content : part.content)
      count += std::visit([](const auto& each) { return Breakpoints(each); }, content);
  }
  return count;
}

int Breakpoints(const llm::Conversation& conversation) {
  int count = 0;
  for (const llm::Tool& tool : conversation.tools) {
    if (tool.is_function()) count += Breakpoints<llm::Tool>(tool);
  }
  for (const Message& message : conversation.messages) {
    for (const llm::Part& part : message.parts)
      count += std::visit([](const auto& each) { return Breakpoints(each); }, part);
  }
  return count;
}

std::string_view WithoutBlanksAtEnd(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  return trimmed.empty() ? trimmed
                         : text.substr(0, static_cast<std::size_t>(trimmed.data() - text.data()) +
                                              trimmed.size());
}

void WriteUserTurn(JsonWriter& json, std::string_view text) {
  json.Begin('{');
  json.Member("role", "user");
  json.Member("content", text);
  json.End('}');
}

}  // namespace

void Warn(std::vector<std::string>& warnings, std::string text) {
  if (std::ranges::find(warnings, text) == warnings.end()) warnings.push_back(std::move(text));
}

TurnWriter::TurnWriter(const llm::Conversation& conversation, JsonWriter& json,
                       std::vector<std::string>& warnings)
    : conversation_(conversation),
      json_(json),
      warnings_(warnings),
      own_(conversation.origin == kSelf) {
  // The last ones reach furthest; what stands in front of them is cached with them.
  if (!own_) surplus_cache_ = std::max(Breakpoints(conversation) - kMostBreakpoints, 0);
}

// Newer models take system text between the turns as a turn of its own; a client of this dialect
// that sends it asks for one of those. For others it goes to the front.
bool TurnWriter::StaysInPlace(std::size_t message) const {
  if (!own_) return false;
  const auto& messages = conversation_.messages;
  return std::any_of(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(message),
                     [](const Message& each) { return each.role != Role::kSystem; });
}

void TurnWriter::WriteSystem() {
  std::vector<const llm::TextPart*> texts;
  bool begun = false;
  for (const Message& message : conversation_.messages) {
    if (message.role != Role::kSystem) {
      begun = true;
      continue;
    }
    if (begun && own_) continue;
    if (begun) Warn(warnings_, "system text between the turns was moved to the front");
    for (const llm::Part& part : message.parts) {
      const auto* text = std::get_if<llm::TextPart>(&part);
      if (text != nullptr && !text->text.empty()) texts.push_back(text);
      if (text == nullptr) Warn(warnings_, "parts of system messages that are no text");
    }
  }
  if (texts.empty()) return;
  json_.Key("system");
  if (texts.size() == 1 && texts.front()->cache == CacheHint::kNone) {
    json_.String(texts.front()->text);
    return;
  }
  json_.Begin('[');
  for (const llm::TextPart* text : texts) Write(*text);
  json_.End(']');
}

void TurnWriter::WriteMessages() {
  json_.Key("messages");
  json_.Begin('[');
  const auto& messages = conversation_.messages;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != Role::kSystem || StaysInPlace(i)) Collect(messages[i]);
  }
  Flush(true);
  if (!begun_) {
    // Instructions alone are no conversation to this API.
    Warn(warnings_, "a user turn was put behind the instructions");
    WriteUserTurn(json_, "(Follow the instructions.)");
  }

  json_.End(']');
}

void TurnWriter::Collect(const Message& message) {
  std::string_view role = "user";
  if (message.role == Role::kAssistant) role = "assistant";
  if (message.role == Role::kSystem) role = "system";
  if (!message.name.empty()) Warn(warnings_, "name");
  for (const llm::Part& part : message.parts) {
    if (!std::visit([this](const auto& each) { return Makes(each); }, part)) continue;
    if (role != role_) Flush(false);
    role_ = role;
    const bool result = std::holds_alternative<llm::ToolResultPart>(part);
    (result ? results_ : others_).push_back(&part);
  }
}

bool TurnWriter::Makes(const llm::TextPart& text) {
  return !text.text.empty();
}

bool TurnWriter::Makes(const llm::RefusalPart& refusal) {
  return !refusal.text.empty();
}

bool TurnWriter::Makes(const llm::ThinkingPart& thinking) {
  if (IsOwn(thinking)) return true;
  Warn(warnings_, "thinking of another provider");
  return false;
}

bool TurnWriter::Makes(const llm::OpaquePart& opaque) {
  if (opaque.origin == kSelf) return true;
  Warn(warnings_, opaque.type);
  return false;
}

bool TurnWriter::Makes(const llm::ImagePart& image) {
  if (image.file_id.empty() || image.origin == kSelf) return true;
  Warn(warnings_, "image by file id");
  return false;
}

bool TurnWriter::Makes(const llm::DocumentPart& document) {
  if (!document.file_id.empty() && document.origin != kSelf) {
    Warn(warnings_, "document by file id");
    return false;
  }
  if (!own_ && !document.data.empty() && document.media_type != "application/pdf") {
    Warn(warnings_, fmt::format("document of type {}", document.media_type));
    return false;
  }
  return true;
}

void TurnWriter::Flush(bool last) {
  llm::Part end;
  if (last && !own_ && role_ == "assistant" && !others_.empty()) {
    // An answer that the model shall go on with must not end in white space.
    const auto* text = std::get_if<llm::TextPart>(others_.back());
    const std::string_view kept = text != nullptr ? WithoutBlanksAtEnd(text->text) : "";
    if (text != nullptr && kept.size() < text->text.size()) {
      Warn(warnings_, "white space at the end of the last turn");
      end = llm::TextPart{.text = std::string(kept), .cache = text->cache};
      others_.pop_back();
      if (!kept.empty()) others_.push_back(&end);
    }
  }
  if (results_.empty() && others_.empty()) return;
  if (!std::exchange(begun_, true) && role_ == "assistant" && !own_) {
    Warn(warnings_, "a user turn was put in front");
    WriteUserTurn(json_, "(The conversation so far:)");
  }

  json_.Begin('{');
  json_.Member("role", role_);
  json_.Key("content");
  json_.Begin('[');
  for (const auto* parts : {&results_, &others_}) {
    for (const llm::Part* part : *parts)
      std::visit([this](const auto& each) { Write(each); }, *part);
  }
  json_.End(']');
  json_.End('}');
  results_.clear();
  others_.clear();
}

void TurnWriter::WriteCache(CacheHint cache) {
  if (cache == CacheHint::kNone) return;
  if (surplus_cache_ > 0) {
    --surplus_cache_;
    Warn(warnings_, "cache_control of more than four places");
    return;
  }
  json_.Key("cache_control");
  json_.Begin('{');
  json_.Member("type", "ephemeral");
  if (cache == CacheHint::kOneHour) json_.Member("ttl", "1h");
  json_.End('}');
}

void TurnWriter::Write(const llm::TextPart& text) {
  json_.Begin('{');
  json_.Member("type", "text");
  json_.Member("text", text.text);
  const auto own = [](const llm::Citation& citation) { return citation.origin == kSelf; };
  if (std::ranges::any_of(text.citations, own)) {
    json_.Key("citations");
    json_.Begin('[');
    for (const llm::Citation& citation : text.citations) {
      if (own(citation)) json_.Raw(citation.raw);
    }
    json_.End(']');
  }
  WriteCache(text.cache);
  json_.End('}');
}

void TurnWriter::Write(const llm::ThinkingPart& thinking) {
  json_.Begin('{');
  if (thinking.redacted) {
    json_.Member("type", "redacted_thinking");
    json_.Member("data", thinking.signature);
  } else {
    json_.Member("type", "thinking");
    json_.Member("thinking", thinking.text);
    json_.Member("signature", thinking.signature);
  }
  json_.End('}');
}

void TurnWriter::Write(const llm::ToolCallPart& call) {
  json_.Begin('{');
  json_.Member("type", "tool_use");
  json_.Member("id", SafeId(call.id));
  json_.Member("name", call.name);
  json_.Key("input");
  json_.Raw(ArgumentsObject(call.arguments));
  WriteCache(call.cache);
  json_.End('}');
}

void TurnWriter::Write(const llm::ImagePart& image) {
  if (!image.detail.empty() && image.detail != "auto") Warn(warnings_, "image detail");
  json_.Begin('{');
  json_.Member("type", "image");
  json_.Key("source");
  json_.Begin('{');
  if (!image.url.empty()) {
    json_.Member("type", "url");
    json_.Member("url", image.url);
  } else if (!image.file_id.empty()) {
    json_.Member("type", "file");
    json_.Member("file_id", image.file_id);
  } else {
    json_.Member("type", "base64");
    json_.Member("media_type", image.media_type);
    json_.Member("data", image.data);
  }
  json_.End('}');
  WriteCache(image.cache);
  json_.End('}');
}

void TurnWriter::Write(const llm::DocumentPart& document) {
  json_.Begin('{');
  json_.Member("type", "document");
  json_.Key("source");
  json_.Begin('{');
  if (!document.url.empty()) {
    json_.Member("type", "url");
    json_.Member("url", document.url);
  } else if (!document.file_id.empty()) {
    json_.Member("type", "file");
    json_.Member("file_id", document.file_id);
  } else if (!document.text.empty()) {
    json_.Member("type", "text");
    json_.Member("media_type", "text/plain");
    json_.Member("data", document.text);
  } else {
    json_.Member("type", "base64");
    json_.Member("media_type", document.media_type);
    json_.Member("data", document.data);
  }
  json_.End('}');
  if (!document.title.empty()) json_.Member("title", document.title);
  if (!document.context.empty()) json_.Member("context", document.context);
  if (document.citations) {
    json_.Key("citations");
    json_.Begin('{');
    json_.Flag("enabled", true);
    json_.End('}');
  }
  WriteCache(document.cache);
  json_.End('}');
}

void TurnWriter::Write(const llm::ToolResultPart& result) {
  json_.Begin('{');
  json_.Member("type", "tool_result");
  json_.Member("tool_use_id", SafeId(result.id));
  bool open = false;
  for (const llm::ToolResultContent& content : result.content) {
    std::visit(
        [&](const auto& part) {
          if (!Makes(part)) return;
          if (!std::exchange(open, true)) {
            json_.Key("content");
            json_.Begin('[');
          }
          Write(part);
        },
        content);
  }
  if (open) json_.End(']');
  if (result.is_error) json_.Flag("is_error", true);
  WriteCache(result.cache);
  json_.End('}');
}

}  // namespace triage::wire::anthropic
