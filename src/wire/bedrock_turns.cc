#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "wire/bedrock.h"

namespace triage::wire::bedrock {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;

bool IsBlank(std::string_view text) {
  return Trim(text).empty();
}

class TurnWriter {
 public:
  TurnWriter(JsonWriter& json, const Conversation& conversation, TurnOptions options,
             Warnings& warnings)
      : json_(json), conversation_(conversation), options_(options), warnings_(warnings) {}

  void Write() {
    WriteSystem();
    WriteMessages();
  }

 private:
  void Warn(std::string text) { warnings_.Add(std::move(text)); }

  void WriteText(std::string_view text) {
    json_.Begin('{');
    json_.Member("text", text);
    json_.End('}');
  }

  void WriteCache(llm::CacheHint cache) {
    WriteCachePoint(json_, cache, options_.cache_points, warnings_);
  }

  // System text. What stands between turns is sent where it stands: moved to the front it would
  // change the prefix that earlier requests have put in the cache.

  std::size_t LeadingSystem() const {
    const auto& messages = conversation_.messages;
    const auto turn = std::ranges::find_if(
        messages, [](const Message& message) { return message.role != Role::kSystem; });
    return static_cast<std::size_t>(turn - messages.begin());
  }

  void WriteSystem() {
    bool open = false;
    for (std::size_t i = 0; i < LeadingSystem(); ++i) {
      for (const llm::Part& part : conversation_.messages[i].parts) {
        const auto* text = std::get_if<llm::TextPart>(&part);
        const auto* opaque = std::get_if<llm::OpaquePart>(&part);
        const bool own = opaque != nullptr && opaque->origin == kSelf;
        if (text == nullptr && !own) Warn("system content other than text");
        if (!own && (text == nullptr || IsBlank(text->text))) continue;
        if (!std::exchange(open, true)) {
          json_.Key("system");
          json_.Begin('[');
        }
        if (own) {
          json_.Raw(opaque->json);
        } else {
          WriteText(text->text);
          WriteCache(text->cache);
        }
      }
    }
    if (open) json_.End(']');
  }

  // Turns. Users and assistants must alternate, a user begins, and the results of tools come first
  // in the user's turn.

  void WriteMessages() {
    json_.Key("messages");
    json_.Begin('[');
    const auto& messages = conversation_.messages;
    bool begun = false;
    for (std::size_t at = LeadingSystem(); at < messages.size();) {
      const bool assistant = messages[at].role == Role::kAssistant;
      std::size_t end = at;
      while (end < messages.size() && (messages[end].role == Role::kAssistant) == assistant) ++end;
      const std::span<const Message> turn = std::span(messages).subspan(at, end - at);
      at = end;
      for (const Message& message : turn) WarnOf(message);
      if (!std::ranges::any_of(turn, [&](const Message& each) { return Says(each); })) continue;
      if (assistant && !begun) {
        Warn("a user turn was put in front");
        WriteTurn(false, kBegin);
      }
      begun = true;
      WriteTurn(assistant, turn);
    }
    if (!begun) {
      Warn("a user turn was put behind the instructions");
      WriteTurn(false, kBegin);
    }
    json_.End(']');
  }

  static inline const std::array<Message, 1> kBegin = {
      Message{.role = Role::kUser, .parts = {llm::TextPart{.text = "Begin."}}}};

  void WriteTurn(bool assistant, std::span<const Message> turn) {
    json_.Begin('{');
    json_.Member("role", assistant ? "assistant" : "user");
    json_.Key("content");
    json_.Begin('[');
    for (const bool results : {true, false}) {
      for (const Message& message : turn) {
        if ((message.role == Role::kTool) != results) continue;
        for (const llm::Part& part : message.parts) {
          if (Expressible(part)) WritePart(part);
        }
      }
    }
    if (!assistant && !options_.own && LacksText(turn)) {
      Warn("a text was put beside a document");
      WriteText("See the document.");
    }
    json_.End(']');
    json_.End('}');
  }

  // A document may not stand in a turn without text.
  bool LacksText(std::span<const Message> turn) const {
    bool document = false;
    for (const Message& message : turn) {
      for (const llm::Part& part : message.parts) {
        if (std::holds_alternative<llm::TextPart>(part) && Expressible(part)) return false;
        document =
            document || (std::holds_alternative<llm::DocumentPart>(part) && Expressible(part));
      }
    }
    return document;
  }

  bool Says(const Message& message) const {
    return std::ranges::any_of(message.parts, [&](const auto& part) { return Expressible(part); });
  }

  // Signatures of Anthropic's own API hold here too, when it is its model that reads them.
  bool Own(const llm::ThinkingPart& thinking) const {
    return thinking.origin == kSelf ||
           (thinking.origin == llm::Dialect::kAnthropic && options_.anthropic);
  }

  // Whether anything is left of the part.
  bool Expressible(const llm::Part& part) const {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) return !IsBlank(text->text);
    if (const auto* refusal = std::get_if<llm::RefusalPart>(&part)) return !IsBlank(refusal->text);
    if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) return Own(*thinking);
    if (std::holds_alternative<llm::ToolResultPart>(part)) return true;
    JsonWriter trial;
    return WriteBlock(trial, part);
  }

  void WarnOf(const Message& message) {
    if (!message.name.empty()) Warn("name");
    if (message.role == Role::kSystem) Warn("system text between turns, sent as the user's");
    for (const llm::Part& part : message.parts) WarnOf(part);
  }

  void WarnOf(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      const auto foreign = [](const llm::Citation& citation) { return citation.origin != kSelf; };
      if (std::ranges::any_of(text->citations, foreign)) Warn("citations of earlier answers");
    } else if (const auto* image = std::get_if<llm::ImagePart>(&part)) {
      if (!image->detail.empty() && image->detail != "auto") Warn("detail of an image");
      if (Expressible(part)) return;
      Warn(!image->url.empty()       ? "image by URL"
           : !image->file_id.empty() ? "image of another provider's file"
                                     : "image of type " + image->media_type);
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      if (Expressible(part)) return;
      Warn(!document->url.empty()       ? "document by URL"
           : !document->file_id.empty() ? "document of another provider's file"
                                        : "document of type " + document->media_type);
    } else if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part)) {
      if (!Own(*thinking)) Warn("thinking of another provider");
    } else if (const auto* opaque = std::get_if<llm::OpaquePart>(&part)) {
      if (opaque->origin != kSelf) Warn(opaque->type);
    } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      for (const llm::ToolResultContent& content : result->content) {
        std::visit([&](const auto& each) { WarnOf(llm::Part(each)); }, content);
      }
    }
  }

  void WritePart(const llm::Part& part) {
    if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      WriteResult(*result);
    } else if (const auto* text = std::get_if<llm::TextPart>(&part)) {
      llm::TextPart told{.text = text->text, .citations = text->citations};
      std::erase_if(told.citations, [](const auto& each) { return each.origin != kSelf; });
      WriteBlock(json_, told);
    } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
      WriteDocument(json_, *document, UniqueName(document->title));
    } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
      WriteCall(*call);
    } else {
      WriteBlock(json_, part);
    }
    std::visit(
        [&](const auto& each) {
          if constexpr (requires { each.cache; }) WriteCache(each.cache);
        },
        part);
  }

  void WriteCall(const llm::ToolCallPart& call) {
    JsonTree tree;
    if (tree.Parse(call.arguments) && tree.root().is_object()) {
      WriteBlock(json_, call);
      return;
    }
    if (!IsBlank(call.arguments)) Warn("arguments of a tool call that are no JSON object");
    llm::ToolCallPart empty = call;
    empty.arguments = "{}";
    WriteBlock(json_, empty);
  }

  // The API wants a name for every document, and no name twice.
  std::string UniqueName(std::string_view title) {
    std::string name = DocumentName(title);
    if (name.empty()) name = fmt::format("document-{}", ++unnamed_);
    const std::string first = name;
    for (int copy = 2; !document_names_.insert(name).second; ++copy) {
      name = fmt::format("{}-{}", first, copy);
    }
    return name;
  }

  void WriteResult(const llm::ToolResultPart& result) {
    json_.Begin('{');
    json_.Key("toolResult");
    json_.Begin('{');
    json_.Member("toolUseId", SafeId(result.id));
    json_.Key("content");
    json_.Begin('[');
    for (const llm::ToolResultContent& content : result.content) {
      if (const auto* text = std::get_if<llm::TextPart>(&content)) {
        if (!IsBlank(text->text)) WriteText(text->text);
      } else if (const auto* image = std::get_if<llm::ImagePart>(&content)) {
        WriteBlock(json_, *image);
      } else {
        const auto& document = std::get<llm::DocumentPart>(content);
        if (Expressible(document)) WriteDocument(json_, document, UniqueName(document.title));
      }
    }
    json_.End(']');
    if (result.is_error) json_.Member("status", "error");
    json_.End('}');
    json_.End('}');
  }

  JsonWriter& json_;
  const Conversation& conversation_;
  const TurnOptions options_;
  Warnings& warnings_;
  int unnamed_ = 0;
  std::set<std::string, std::less<>> document_names_;
};

}  // namespace

void Warnings::Add(std::string text) {
  if (std::ranges::find(texts_, text) == texts_.end()) texts_.push_back(std::move(text));
}

void WriteCachePoint(JsonWriter& json, llm::CacheHint cache, bool taken, Warnings& warnings) {
  if (cache == llm::CacheHint::kNone) return;
  if (!taken) return warnings.Add("cachePoint");
  json.Begin('{');
  json.Key("cachePoint");
  json.Begin('{');
  json.Member("type", "default");
  if (cache == llm::CacheHint::kOneHour) json.Member("ttl", "1h");
  json.End('}');
  json.End('}');
}

void WriteTurns(JsonWriter& json, const Conversation& conversation, TurnOptions options,
                Warnings& warnings) {
  TurnWriter(json, conversation, options, warnings).Write();
}

}  // namespace triage::wire::bedrock
