#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llm/answer.h"
#include "llm/conversation.h"
#include "simulate/fault.h"

namespace triage::simulate {

/// What a scripted answer depends on beside the conversation.
struct ScriptContext {
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;  ///< signs the thinking, shapes the ids
  std::string_view model;
  std::optional<std::string_view> recorded;  ///< what the model once said to this question
  std::uint64_t seed = 1;                    ///< of a synthetic text
  std::uint64_t number = 0;                  ///< of the request: ids differ between requests
  std::int64_t created = 0;                  ///< Unix seconds
  bool encrypted_reasoning = false;          ///< Responses: `include` asks for it
};

/// The answer that a request calls for by what is in it (docs/simulate.md has the list): a call of
/// the first tool, the results of tools, an instance of a schema, thinking first, a refusal, the
/// recorded text, else a synthetic one; cut at stop sequences and at the limit of tokens. Usage is
/// complete except for prompt caching.
llm::Answer ScriptedAnswer(const llm::Conversation& conversation, const ScriptContext& context);

/// The fault that the last user text asks for: "please fail with 429", "please break the stream",
/// "please send an error event", "please be slow".
std::optional<Fault> AskedFault(const llm::Conversation& conversation);

/// Text of the last user message.
std::string LastUserText(const llm::Conversation& conversation);

/// Whether the model of that dialect would think: Anthropic's only when told to, others also when
/// an effort is named.
bool ThinkingAsked(const llm::Conversation& conversation, llm::Dialect dialect);

/// ceil(code points / 4) of all texts, tool calls, results and definitions, and 85 an image.
std::int64_t PromptTokens(const llm::Conversation& conversation);

/// A random id, the same for the same numbers: "chatcmpl-", "toolu_", … and `length` letters.
std::string MadeId(std::string_view prefix, std::size_t length, std::uint64_t seed,
                   std::uint64_t number);

/// What a model says to a question of which nothing is recorded: 20 to 120 words that begin with
/// "Simulated answer".
std::string SyntheticAnswer(std::string_view model, std::string_view prompt, std::uint64_t seed);

}  // namespace triage::simulate
