#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "llm/answer.h"
#include "wire/codec.h"

namespace triage::wire::responses {

/// One item of `output`: parts [begin, end) of an answer. Text, refusals and opaque content that
/// follow each other are one message.
struct OutputItem {
  enum class Kind : std::uint8_t { kMessage, kReasoning, kCall, kOpaque };
  Kind kind = Kind::kMessage;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Whether a part of an answer stands in a message's content; false also for what is not written.
bool IsAnswerContent(const llm::Part& part);
/// Whether it is written at all: opaque parts of other dialects are not.
bool IsWritten(const llm::Part& part);

std::vector<OutputItem> OutputItems(std::span<const llm::Part> parts);

/// Writes response objects and their items: those of a whole answer and those of a stream are the
/// same. Keeps what it needs of the client's request.
class Renderer {
 public:
  explicit Renderer(const AnswerContext& context);

  /// Takes over id, model and time of the provider's answer where the context leaves room for them.
  void Adopt(const llm::Answer& answer);

  std::string_view id() const { return id_; }

  /// Id of the item at `index` of `output` when `part` is its first.
  std::string ItemId(const llm::Part& part, std::size_t index) const;

  bool wants_logprobs() const { return wants_logprobs_; }

  /// One content part; `logprobs` go into an output_text.
  static void WriteContent(JsonWriter& json, const llm::Part& part,
                           std::span<const llm::TokenLogprob> logprobs);
  /// An assistant's message; `logprobs` are of its first text.
  static void WriteMessage(JsonWriter& json, std::string_view id, std::span<const llm::Part> parts,
                           std::string_view status, std::span<const llm::TokenLogprob> logprobs);
  /// `parts` are those of the item.
  void WriteItem(JsonWriter& json, std::span<const llm::Part> parts, std::size_t index,
                 std::string_view status, std::span<const llm::TokenLogprob> logprobs) const;

  /// The whole object. Without `answer` its output is empty. `error` is why it failed.
  void WriteResponse(JsonWriter& json, std::string_view status, const llm::Answer* answer,
                     const Error* error) const;

 private:
  std::string id_;
  std::string base_;  // of the items' ids
  std::string model_;
  std::int64_t created_ = 0;
  std::string echo_;          // members that repeat the request, rendered
  std::string service_tier_;  // as the request wants it, a JSON text
  bool wants_logprobs_ = false;
};

}  // namespace triage::wire::responses
