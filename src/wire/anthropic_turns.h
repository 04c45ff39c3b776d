#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "llm/conversation.h"

namespace triage::wire::anthropic {

/// Adds `text` unless it is there.
void Warn(std::vector<std::string>& warnings, std::string text);

/// Writes what a request says to the model, in the order that the API demands: turns of one role
/// that follow each other are one, a user turn begins with the results of tools, no block is empty,
/// the first turn is the user's. What it has no words for it leaves out and warns of.
class TurnWriter {
 public:
  /// All outlive it.
  TurnWriter(const llm::Conversation& conversation, JsonWriter& json,
             std::vector<std::string>& warnings);

  /// Members `system`, when there is system text, and `messages`.
  void WriteSystem();
  void WriteMessages();

  /// Member `cache_control` of the block or tool that is being written. Parts before tools.
  void WriteCache(llm::CacheHint cache);

 private:
  bool StaysInPlace(std::size_t message) const;
  void Collect(const llm::Message& message);
  void Flush(bool last);

  // Whether the part makes a block; what makes none for want of words is warned of.
  bool Makes(const llm::TextPart& text);
  bool Makes(const llm::RefusalPart& refusal);
  bool Makes(const llm::ThinkingPart& thinking);
  bool Makes(const llm::OpaquePart& opaque);
  bool Makes(const llm::ImagePart& image);
  bool Makes(const llm::DocumentPart& document);

  bool Makes(const llm::ToolCallPart&) { return true; }

  bool Makes(const llm::ToolResultPart&) { return true; }

  void Write(const llm::TextPart& text);

  void Write(const llm::RefusalPart& refusal) { Write(llm::TextPart{.text = refusal.text}); }

  void Write(const llm::ThinkingPart& thinking);

  void Write(const llm::OpaquePart& opaque) { json_.Raw(opaque.json); }

  void Write(const llm::ImagePart& image);
  void Write(const llm::DocumentPart& document);
  void Write(const llm::ToolCallPart& call);
  void Write(const llm::ToolResultPart& result);

  const llm::Conversation& conversation_;
  JsonWriter& json_;
  std::vector<std::string>& warnings_;
  const bool own_;
  int surplus_cache_ = 0;  // breakpoints that are left out yet

  // The turn that is being collected.
  std::string_view role_;
  std::vector<const llm::Part*> results_;
  std::vector<const llm::Part*> others_;
  bool begun_ = false;  // a turn has been written
};

}  // namespace triage::wire::anthropic
