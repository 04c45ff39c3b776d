#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/conversation.h"
#include "llm/types.h"

namespace triage::llm {

struct TokenLogprob {
  std::string token;
  double logprob = 0;
  std::vector<std::uint8_t> bytes = {};  ///< empty = not given
  std::vector<TokenLogprob> top = {};    ///< alternatives, most probable first

  bool operator==(const TokenLogprob&) const = default;
};

/// A whole answer in no dialect's terms: the first choice, as others cannot be translated.
struct Answer {
  std::string id = {};       ///< the provider's; may be empty
  std::string model = {};    ///< what the provider says it ran
  std::int64_t created = 0;  ///< Unix seconds; 0 = not told
  std::vector<Part> parts = {};
  FinishReason finish = FinishReason::kUnknown;
  std::string raw_finish = {};     ///< the provider's own word, so that unknown ones survive
  std::string stop_sequence = {};  ///< which one ended it, where told
  std::optional<Usage> usage = {};
  std::vector<TokenLogprob> logprobs = {};  ///< of the text
  std::string service_tier = {};

  bool operator==(const Answer&) const = default;
};

enum class PartKind : std::uint8_t { kText, kThinking, kToolCall, kRefusal, kOpaque };

/// One step of a streamed answer. Grammar: kStart, then parts, kFinish, kEnd; kUsage anywhere
/// between kStart and kEnd. A part is kPartStart, its deltas, kPartEnd, under its number `part`
/// (0, 1, … in order of their kPartStart). Tool calls may overlap each other; other parts do not.
/// kEnd says that the provider's stream ended as its dialect says it must; it comes from nothing
/// else.
struct StreamEvent {
  enum class Kind : std::uint8_t {
    kStart,      ///< id, model, created; usage when told this early
    kPartStart,  ///< part_kind; id, name, item_id of a tool call; id of thinking; for kOpaque
                 ///< `name` is the type and `text` the whole JSON, and no deltas follow
    kText,       ///< text: a delta of a text, thinking or refusal part
    kSignature,  ///< text: a piece of the signature of a thinking part or a tool call
    kArguments,  ///< text: a piece of a tool call's arguments, which need not be valid UTF-8 alone
    kCitation,   ///< citation: belongs to the text part
    kLogprobs,   ///< logprobs: of the text since the last
    kPartEnd,
    kUsage,   ///< usage: all that is known up to now (set, do not add)
    kFinish,  ///< finish, raw_finish, stop_sequence
    kEnd,
  };

  Kind kind = Kind::kStart;
  int part = -1;
  PartKind part_kind = PartKind::kText;
  bool redacted = false;  ///< kPartStart of thinking
  std::string text = {};
  std::string id = {};
  std::string name = {};
  std::string item_id = {};
  std::string model = {};
  std::int64_t created = 0;
  Dialect origin = Dialect::kOpenAiChat;  ///< of signatures and opaque parts
  FinishReason finish = FinishReason::kUnknown;
  std::string raw_finish = {};
  std::string stop_sequence = {};
  std::optional<Usage> usage = {};
  std::optional<Citation> citation = {};
  std::vector<TokenLogprob> logprobs = {};
  std::string service_tier = {};

  bool operator==(const StreamEvent&) const = default;
};

/// Builds the Answer that a stream's events amount to. Events must follow the grammar.
class AnswerBuilder {
 public:
  void Add(const StreamEvent& event);

  /// What has been said so far.
  const Answer& answer() const { return answer_; }

  bool ended() const { return ended_; }

 private:
  Answer answer_;
  std::vector<std::size_t> places_;  // by part number: index into answer_.parts
  bool ended_ = false;
};

/// The events of a whole answer, in order: what a provider that streams would have sent.
std::vector<StreamEvent> EventsOf(const Answer& answer);

/// The texts of all text parts, joined.
std::string TextOf(const Answer& answer);

}  // namespace triage::llm
