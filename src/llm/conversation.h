#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/types.h"

namespace triage::llm {

/// One JSON value as text, byte for byte as its author wrote it: tool schemas and arguments keep
/// their key order, which providers' prompt caches depend on.
using JsonText = std::string;

/// A prompt-cache breakpoint behind a part or tool (Anthropic's `cache_control`).
enum class CacheHint : std::uint8_t { kNone, kFiveMinutes, kOneHour };

/// Where a piece of text comes from. What a dialect knows beyond these stays in `raw`.
struct Citation {
  std::string title;
  std::string url;         ///< empty for a document of the request
  std::string cited_text;  ///< empty = not given
  int document = -1;       ///< index among the request's documents; -1 = none
  /// Characters of the *answer's* part [begin, end) that the citation is for; -1 = not given.
  std::int64_t begin = -1;
  std::int64_t end = -1;
  JsonText raw;  ///< the citation object of `origin`; written as it is to the same dialect
  Dialect origin = Dialect::kOpenAiChat;

  bool operator==(const Citation&) const = default;
};

struct TextPart {
  std::string text;
  std::vector<Citation> citations = {};
  CacheHint cache = CacheHint::kNone;

  bool operator==(const TextPart&) const = default;
};

/// Exactly one of `url` (never fetched by Triage), `data` and `file_id` is set.
struct ImagePart {
  std::string url = {};
  std::string data = {};        ///< base64, as it came
  std::string media_type = {};  ///< of `data`: "image/png"
  std::string file_id = {};     ///< of a file at `origin`'s provider: cannot be translated
  std::string detail = {};      ///< OpenAI's low, high, auto; empty = not given
  CacheHint cache = CacheHint::kNone;
  Dialect origin = Dialect::kOpenAiChat;  ///< of `file_id`

  bool operator==(const ImagePart&) const = default;
};

/// Exactly one of `url`, `data`, `text` and `file_id` is set.
struct DocumentPart {
  std::string url = {};
  std::string data = {};        ///< base64
  std::string text = {};        ///< a plain-text document
  std::string media_type = {};  ///< of `data`: "application/pdf"
  std::string file_id = {};
  std::string title = {};    ///< or file name
  std::string context = {};  ///< Anthropic's note on the document
  bool citations = false;    ///< the answer shall cite it
  CacheHint cache = CacheHint::kNone;
  Dialect origin = Dialect::kOpenAiChat;  ///< of `file_id`

  bool operator==(const DocumentPart&) const = default;
};

/// A model's reasoning. `signature` (Anthropic's signature, Gemini's thought signature, OpenAI's
/// encrypted content) goes back byte for byte to the provider family it came from (`origin`) and to
/// no other.
struct ThinkingPart {
  std::string text = {};
  std::string signature = {};
  bool redacted = false;  ///< only `signature` is there: Anthropic's redacted_thinking
  std::string id = {};    ///< OpenAI Responses' reasoning item
  Dialect origin = Dialect::kOpenAiChat;

  bool operator==(const ThinkingPart&) const = default;
};

struct ToolCallPart {
  std::string id = {};  ///< never empty: readers make one up where the dialect has none
  std::string name = {};
  JsonText arguments = {};     ///< an object; "{}" when there are none. As the model wrote it.
  std::string item_id = {};    ///< OpenAI Responses' id of the item, beside the call's
  std::string signature = {};  ///< Gemini's thought signature on the call
  CacheHint cache = CacheHint::kNone;
  Dialect origin = Dialect::kOpenAiChat;  ///< of `signature`

  bool operator==(const ToolCallPart&) const = default;
};

using ToolResultContent = std::variant<TextPart, ImagePart, DocumentPart>;

struct ToolResultPart {
  std::string id = {};    ///< of the call
  std::string name = {};  ///< of the tool; readers fill it from the call where they can
  std::vector<ToolResultContent> content = {};
  bool is_error = false;
  CacheHint cache = CacheHint::kNone;

  bool operator==(const ToolResultPart&) const = default;
};

struct RefusalPart {
  std::string text;

  bool operator==(const RefusalPart&) const = default;
};

/// What only one dialect has (Anthropic's server_tool_use, audio, …): passed to a target of the
/// same dialect as it came, dropped with a warning elsewhere.
struct OpaquePart {
  Dialect origin = Dialect::kOpenAiChat;
  std::string type;  ///< the dialect's own word, for the warning
  JsonText json;

  bool operator==(const OpaquePart&) const = default;
};

using Part = std::variant<TextPart, ImagePart, DocumentPart, ThinkingPart, ToolCallPart,
                          ToolResultPart, RefusalPart, OpaquePart>;

/// One turn. Canonical form, which readers produce and writers may rely on: tool results stand in
/// kTool messages of their own, all results that follow one assistant turn in one message; a kTool
/// message holds nothing but ToolResultParts. System text stands where the client put it: in front,
/// or between turns. No message is without parts.
struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  bool developer = false;  ///< a kSystem message that its client called "developer"
  std::string name = {};   ///< OpenAI's participant name

  bool operator==(const Message&) const = default;
};

struct Tool {
  std::string name = {};
  std::string description = {};
  JsonText parameters = {};         ///< JSON Schema object; empty = none given
  std::optional<bool> strict = {};  ///< OpenAI's and Anthropic's strict mode
  CacheHint cache = CacheHint::kNone;
  /// Not a function: a tool that the provider runs (web search, code, custom grammar). `json` is
  /// the whole definition, fit for `origin` only.
  JsonText json = {};
  Dialect origin = Dialect::kOpenAiChat;

  bool is_function() const { return json.empty(); }

  bool operator==(const Tool&) const = default;
};

struct ToolChoice {
  enum class Kind : std::uint8_t { kAuto, kNone, kRequired, kTool };
  Kind kind = Kind::kAuto;
  std::string name = {};  ///< of kTool

  bool operator==(const ToolChoice&) const = default;
};

struct ResponseFormat {
  enum class Kind : std::uint8_t { kText, kJsonObject, kJsonSchema };
  Kind kind = Kind::kText;
  std::string name = {};
  std::string description = {};
  JsonText schema = {};
  std::optional<bool> strict = {};

  bool operator==(const ResponseFormat&) const = default;
};

/// How much the model shall think; what the client did not say is not set.
struct Reasoning {
  std::string effort = {};  ///< none, minimal, low, medium, high, xhigh, max; others as they came
  std::optional<std::int64_t> budget_tokens = {};  ///< Anthropic's and Gemini's
  std::optional<bool> enabled = {};                ///< thinking on or off at all
  bool adaptive = false;                           ///< Anthropic's {"type":"adaptive"}
  std::string summary = {};  ///< OpenAI's auto, concise, detailed; or Anthropic's `display`

  bool empty() const { return *this == Reasoning{}; }

  bool operator==(const Reasoning&) const = default;
};

/// A top-level field without a neutral meaning.
struct ExtraField {
  std::string name;
  JsonText json;

  bool operator==(const ExtraField&) const = default;
};

/// A generation request in no dialect's terms. What the client left out is empty, so that the
/// target's own default holds.
struct Conversation {
  Dialect origin = Dialect::kOpenAiChat;
  std::string model = {};
  bool stream = false;
  bool include_usage = false;  ///< OpenAI chat: the client asked for the usage chunk

  std::vector<Message> messages = {};
  std::vector<Tool> tools = {};
  std::optional<ToolChoice> tool_choice = {};
  std::optional<bool> parallel_tool_calls = {};
  std::optional<ResponseFormat> response_format = {};
  Reasoning reasoning = {};

  std::optional<std::int64_t> max_output_tokens = {};
  std::optional<double> temperature = {};
  std::optional<double> top_p = {};
  std::optional<std::int64_t> top_k = {};
  std::optional<double> frequency_penalty = {};
  std::optional<double> presence_penalty = {};
  std::optional<std::int64_t> seed = {};
  std::vector<std::string> stop = {};
  std::optional<std::int64_t> choices = {};  ///< n
  std::optional<bool> logprobs = {};
  std::optional<std::int64_t> top_logprobs = {};
  std::string user = {};  ///< the end user's id as the dialect's own field gives it
  std::string service_tier = {};
  std::string verbosity = {};
  JsonText metadata = {};  ///< the `metadata` object

  /// In the client's order. Written to a target of dialect `origin`, dropped elsewhere.
  std::vector<ExtraField> extra = {};

  bool operator==(const Conversation&) const = default;
};

/// What a model must be able to do to serve it.
Needs NeedsOf(const Conversation& conversation);

}  // namespace triage::llm
