#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/conversation.h"
#include "llm/types.h"

namespace triage::judge {

/// Parts of every cache key and of what a calibration was fitted on: to be raised with every change
/// of a prompt's words.
inline constexpr std::string_view kRoutingPromptVersion = "routing-1";
inline constexpr std::string_view kSpotCheckPromptVersion = "spot-check-1";

/// What marks the untrusted text of one question off from our own words: 64 random bits as letters,
/// new for each question.
class Nonce {
 public:
  /// From the operating system, because base Random's state could be told from exchange ids.
  static Nonce Fresh();

  explicit Nonce(std::uint64_t bits);

  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

/// How the model is asked to answer, by what its host can do.
enum class Form : std::uint8_t {
  kLabel,       ///< one token, whose log-probabilities are the answer
  kJsonSchema,  ///< JSON under a strict schema: the crux first, the probability last
  kJson,        ///< the same fields, in JSON mode or by words alone
};

/// The form for a model: labels where it gives log-probabilities, else a schema where it takes one.
Form FormFor(bool logprobs, bool json_schema);

struct FramingOptions {
  Form form = Form::kJson;
  bool json_mode = false;  ///< kJson: the model has a JSON mode
  /// Bytes of untrusted text in one question; of what is longer the middle is left out.
  std::size_t max_text = 8'000;
  int earlier_turns = 2;  ///< user turns before the last one that are shown
  /// AskRouting: about a mid-size model's answer instead of a small one's.
  bool mid_size = false;
};

/// What an answer's text is checked for.
enum class Verdict : std::uint8_t { kOk, kHallucination, kInconsistent, kNonAnswer, kFormat };

/// ok, hallucination, inconsistent, non_answer, format.
std::string_view Name(Verdict verdict);

/// Bytes [begin, end) of the answer that was asked about.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const Span&) const = default;
};

/// One question for a model: not streamed, temperature 0, its `model` left empty.
struct Question {
  llm::Conversation conversation;
  Form form = Form::kJson;
  bool truncated = false;  ///< not all of the text is shown
  /// Of a spot check: the pieces of the answer that it may point to, by number.
  std::vector<Span> spans;
};

/// What the routing judge is shown of a request.
struct RequestView {
  std::span<const llm::Turn> turns;
  llm::Needs needs;
};

/// "Will a small (or mid-size) model's answer be acceptable?" User text is data: it stands as one
/// JSON string per turn between two lines that hold the nonce, in which nothing can be written that
/// ends it.
Question AskRouting(const RequestView& request, const FramingOptions& options, const Nonce& nonce);

/// "Is this answer acceptable?", asked about the answer that `request` got. Request and answer are
/// both data, as in AskRouting.
Question AskSpotCheck(const RequestView& request, std::string_view answer,
                      const FramingOptions& options, const Nonce& nonce);

/// `text` as a JSON string that a question may hold: without a nonce's bytes, without the
/// characters that open a delimiter or a model's control token ("<", and "[" before a capital, are
/// written as escapes), and without invisible tag and direction characters.
std::string Quote(std::string_view text, const Nonce& nonce);

}  // namespace triage::judge
