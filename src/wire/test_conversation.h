#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "llm/answer.h"
#include "llm/conversation.h"

// Random values for the tests of codecs.

namespace triage::wire {

/// What a dialect can say, for values that shall survive it.
struct Expressible {
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  bool model_in_url = false;   ///< and so in no body
  bool no_answer_ids = false;  ///< answers name neither themselves nor their model
  bool names = false;          ///< of participants
  bool developer = false;
  bool image_urls = false;
  bool image_detail = false;
  bool documents = false;
  bool document_texts = false;
  bool cache = false;
  bool signatures = false;  ///< of thinking
  bool thinking = false;    ///< in the history
  bool failed_results = false;
  bool several_choices = false;
  bool penalties = false;
  bool seed = false;
  bool top_k = false;
  bool logprobs = false;
  bool json_object = false;
  bool schema_names = false;
  bool refusals = false;
  bool metadata = false;
  bool stop_sequence = false;  ///< says which one ended an answer
};

class Invention {
 public:
  Invention(std::uint64_t seed, Expressible can) : random_(seed), can_(can) {}

  bool Sometimes() { return random_.Below(2) == 0; }

  std::size_t Below(std::size_t bound) { return random_.Below(bound); }

  std::string Text() {
    static constexpr std::string_view kPieces[] = {"parcel", "\"", "\\", "\n", "ü",
                                                   "箱",     "📦", "{",  "\t", " x"};
    std::string text;
    for (std::size_t i = 0, n = 1 + Below(6); i < n; ++i) text += kPieces[Below(10)];
    return text + ".";  // no dialect keeps white space at the end under all circumstances
  }

  std::string Word() { return "w" + std::to_string(Below(1'000'000)); }

  std::string Json() {
    return "{\"" + Word() + "\": [ " + std::to_string(Below(99)) + ", null ],\"a\":{}}";
  }

  llm::CacheHint Cache() {
    if (!can_.cache || !Sometimes()) return llm::CacheHint::kNone;
    return Sometimes() ? llm::CacheHint::kFiveMinutes : llm::CacheHint::kOneHour;
  }

  llm::TextPart TextPart() {
    llm::TextPart part{.text = Text()};
    part.cache = Cache();
    return part;
  }

  llm::Part UserPart() {
    switch (Below(4)) {
      case 0: {
        llm::ImagePart part{.origin = can_.dialect};
        if (can_.image_urls && Sometimes()) {
          part.url = "https://example.com/" + Word() + ".png";
        } else {
          part.media_type = "image/png";
          part.data = "aGVsbG8=";
        }
        if (can_.image_detail && Sometimes()) part.detail = "high";
        part.cache = can_.dialect == llm::Dialect::kOpenAiChat ? llm::CacheHint::kNone : Cache();
        return part;
      }
      case 1: {
        if (!can_.documents) return TextPart();
        llm::DocumentPart part{.origin = can_.dialect};
        if (can_.document_texts && Sometimes()) {
          part.text = Text();
        } else {
          part.media_type = "application/pdf";
          part.data = "JVBERi0=";
        }
        part.title = Word();
        part.cache = can_.dialect == llm::Dialect::kOpenAiChat ? llm::CacheHint::kNone : Cache();
        return part;
      }
      default: return TextPart();
    }
  }

  llm::ToolCallPart Call() {
    return {.id = "call_" + std::to_string(++calls_),
            .name = Word(),
            .arguments = Sometimes() ? Json() : "{}",
            .origin = can_.dialect};
  }

  llm::ThinkingPart Thinking() {
    llm::ThinkingPart part{.text = Text(), .origin = can_.dialect};
    if (can_.signatures) part.signature = "sig/" + Word() + "+==";
    return part;
  }

  llm::Message Assistant(std::vector<llm::ToolCallPart>& calls) {
    llm::Message message{.role = llm::Role::kAssistant, .parts = {}};
    if (can_.thinking && Sometimes()) message.parts.emplace_back(Thinking());
    if (Sometimes()) {
      llm::TextPart text{.text = Text()};
      message.parts.emplace_back(std::move(text));
    }
    if (can_.refusals && Below(5) == 0)
      message.parts.emplace_back(llm::RefusalPart{.text = Text()});
    for (std::size_t i = 0, n = Below(3); i < n; ++i) {
      calls.push_back(Call());
      message.parts.emplace_back(calls.back());
    }
    if (message.parts.empty() || std::holds_alternative<llm::ThinkingPart>(message.parts.back()))
      message.parts.emplace_back(llm::TextPart{.text = Text()});
    return message;
  }

  llm::Message Results(const std::vector<llm::ToolCallPart>& calls) {
    llm::Message message{.role = llm::Role::kTool, .parts = {}};
    for (const llm::ToolCallPart& call : calls) {
      llm::ToolResultPart result{.id = call.id, .name = call.name};
      result.content.emplace_back(llm::TextPart{.text = Text()});
      result.is_error = can_.failed_results && Sometimes();
      message.parts.emplace_back(std::move(result));
    }
    return message;
  }

  llm::Conversation Conversation() {
    llm::Conversation c;
    c.origin = can_.dialect;
    if (!can_.model_in_url) c.model = Word();
    if (Sometimes()) {
      llm::Message system{.role = llm::Role::kSystem, .parts = {}};
      system.parts.emplace_back(TextPart());
      if (can_.developer && Sometimes()) system.developer = true;
      c.messages.push_back(std::move(system));
    }
    for (std::size_t turn = 0, n = 1 + Below(3); turn < n; ++turn) {
      llm::Message user{.role = llm::Role::kUser, .parts = {}};
      for (std::size_t i = 0, m = 1 + Below(3); i < m; ++i) user.parts.push_back(UserPart());
      if (can_.names && Sometimes()) user.name = Word();
      c.messages.push_back(std::move(user));
      if (turn + 1 == n) break;
      std::vector<llm::ToolCallPart> calls;
      c.messages.push_back(Assistant(calls));
      if (calls.empty()) continue;
      c.messages.push_back(Results(calls));
      std::vector<llm::ToolCallPart> none;
      llm::Message said{.role = llm::Role::kAssistant, .parts = {}};
      said.parts.emplace_back(llm::TextPart{.text = Text()});
      c.messages.push_back(std::move(said));
    }
    if (Sometimes()) {
      for (std::size_t i = 0, n = 1 + Below(2); i < n; ++i) {
        llm::Tool tool{.name = Word(), .parameters = Json(), .origin = can_.dialect};
        if (Sometimes()) tool.description = Text();
        c.tools.push_back(std::move(tool));
      }
      using Kind = llm::ToolChoice::Kind;
      if (Sometimes()) c.tool_choice = {.kind = Sometimes() ? Kind::kAuto : Kind::kRequired};
      if (Below(4) == 0) c.tool_choice = {.kind = Kind::kTool, .name = c.tools.front().name};
    }
    if (Below(4) == 0) {
      c.response_format = {.kind = llm::ResponseFormat::Kind::kJsonSchema, .schema = Json()};
      if (can_.schema_names) c.response_format->name = Word();
    } else if (can_.json_object && Below(4) == 0) {
      c.response_format = {.kind = llm::ResponseFormat::Kind::kJsonObject};
    }
    c.max_output_tokens = static_cast<std::int64_t>(20'000 + Below(1000));
    if (Sometimes()) c.temperature = static_cast<double>(Below(5)) / 4;
    if (Sometimes()) c.top_p = static_cast<double>(1 + Below(4)) / 4;
    if (can_.top_k && Sometimes()) c.top_k = static_cast<std::int64_t>(1 + Below(40));
    if (can_.penalties && Sometimes()) c.frequency_penalty = 0.5;
    if (can_.penalties && Sometimes()) c.presence_penalty = -0.25;
    if (can_.seed && Sometimes()) c.seed = static_cast<std::int64_t>(Below(1000));
    if (Sometimes()) c.stop.push_back(Word());
    if (can_.several_choices && Sometimes()) c.choices = 2;
    if (can_.logprobs && Sometimes()) {
      c.logprobs = true;
      c.top_logprobs = 3;
    }
    if (can_.metadata && Sometimes()) c.metadata = R"({"team":"a"})";
    return c;
  }

  llm::Answer Answer() {
    llm::Answer answer;
    if (!can_.no_answer_ids) answer = {.id = "id_" + Word(), .model = Word()};
    answer.created = 1'700'000'000;
    bool called = false;
    if (can_.thinking && Sometimes()) answer.parts.emplace_back(Thinking());
    if (Sometimes()) answer.parts.emplace_back(llm::TextPart{.text = Text()});
    for (std::size_t i = 0, n = Below(3); i < n; ++i) {
      answer.parts.emplace_back(Call());
      called = true;
    }
    if (answer.parts.empty()) answer.parts.emplace_back(llm::TextPart{.text = Text()});
    answer.finish = called ? llm::FinishReason::kToolCalls
                           : (Sometimes() ? llm::FinishReason::kStop : llm::FinishReason::kLength);
    llm::Usage usage;
    usage.fresh_input = static_cast<std::int64_t>(Below(1000));
    usage.cache_read = static_cast<std::int64_t>(Below(1000));
    usage.output = static_cast<std::int64_t>(1 + Below(1000));
    answer.usage = usage;
    return answer;
  }

 private:
  Random random_;
  Expressible can_;
  int calls_ = 0;
};

}  // namespace triage::wire
