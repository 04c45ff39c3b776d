#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_writer.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "wire/codec.h"
#include "wire/json_tree.h"

// OCI Generative AI's native chat, POST /20231130/actions/chat, with apiFormat GENERIC: every model
// but Cohere's. Reference: the models of package generativeaiinference in Oracle's SDKs.

namespace triage::wire::oci {

inline constexpr llm::Dialect kSelf = llm::Dialect::kOci;

Result<llm::Conversation> ReadRequest(std::string_view body, const ReadLimits& limits);
Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                    const llm::Profile& profile);

Result<llm::Answer> ReadAnswer(std::string_view body);
std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context);

std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter();

/// {"code","message"}, with the code word that OCI uses for such an error.
std::string ErrorBody(const Error& error, int status);

// What requests, answers and streams have in common.

/// kInvalidRequest that points at `at`: "/chatRequest/messages: REMEDY".
Error Invalid(JsonValue at, std::string_view remedy);

/// A content object. Types that are not known become OpaquePart; nothing when it is broken.
std::optional<llm::Part> ReadContent(JsonValue content);
/// Text, image, document or opaque part of `kSelf`; false when it has no place here.
bool WriteContent(JsonWriter& json, const llm::Part& part);

/// A whole call. `fallback_id` stands in where it has none.
llm::ToolCallPart ReadToolCall(JsonValue call, std::string_view fallback_id);
void WriteToolCall(JsonWriter& json, const llm::ToolCallPart& call);

/// Parts of an ASSISTANT message in canonical order: thinking, content, refusal, calls.
Result<std::vector<llm::Part>> ReadAssistant(JsonValue message);
/// Members content, reasoningContent, refusal, annotations and toolCalls, as far as there are any;
/// thinking, citations and opaque parts of another dialect are passed over.
void WriteAssistant(JsonWriter& json, std::span<const llm::Part> parts);

llm::Citation ReadAnnotation(JsonValue annotation);
/// Member annotations, when the text parts have citations that can be said.
void WriteAnnotations(JsonWriter& json, std::span<const llm::Part> parts);

llm::FinishReason FinishOf(std::string_view word);
std::string_view FinishWord(const llm::Answer& answer);

/// Token counts, set field by field. As OpenAI's, the totals include their parts.
class UsageCount {
 public:
  /// False when it tells no total.
  bool Read(JsonValue usage);
  std::optional<llm::Usage> Disjoint() const;

 private:
  std::optional<std::int64_t> prompt_, completion_, cached_, reasoning_;
};

void WriteUsage(JsonWriter& json, const llm::Usage& usage);

std::vector<llm::TokenLogprob> ReadLogprobs(JsonValue logprobs);
void WriteLogprobs(JsonWriter& json, std::span<const llm::TokenLogprob> logprobs);

}  // namespace triage::wire::oci
