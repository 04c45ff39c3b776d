#include "llm/overflow.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace triage::llm {
namespace {

constexpr std::array kCodes = {
    std::string_view("context_length_exceeded"),    // OpenAI, Azure, Groq, Cerebras
    std::string_view("exceed_context_size_error"),  // llama.cpp's server
};

/// A provider's sentence. `limit` and `tokens` are the words right before those numbers, empty
/// where the sentence has none. Compared without regard to case.
struct Phrase {
  std::string_view text;
  std::string_view limit;
  std::string_view tokens;
};

// The first that is found counts, so the longer of two that share words stands before the other.
constexpr std::array kPhrases = {
    // Mistral: "Prompt contains N tokens …, too large for model with N maximum context length"
    Phrase{"too large for model with", "for model with ", "prompt contains "},
    // SGLang: "… exceeds the model's maximum context length of N tokens. … N tokens from the input"
    Phrase{"maximum context length of", "context length of ", "total of "},
    // Fireworks: "The prompt is too long: N, model maximum context length: N"
    Phrase{"model maximum context length", "context length: ", "too long: "},
    // Azure: "Input tokens exceed the configured limit of N tokens. Your messages
    // resulted in N tokens."
    Phrase{"exceed the configured limit of", "configured limit of ", "resulted in "},
    // OpenAI's older models: "This model's maximum context length is N tokens. However, your
    // messages resulted in N tokens."
    Phrase{"your messages resulted in", "context length is ", "resulted in "},
    // vLLM, DeepSeek, OpenRouter: "… maximum context length is N tokens. However, you requested N
    // tokens (N in the messages, N in the completion)."
    Phrase{"maximum context length is", "context length is ", "tokens ("},
    // xAI: "This model's maximum prompt length is N but the request contains N tokens."
    Phrase{"maximum prompt length is", "prompt length is ", "request contains "},
    // OpenAI's newer models: "Your input exceeds the context window of this model."
    Phrase{"exceeds the context window", "", ""},
    // Groq, Cerebras: "Please reduce the length of the messages or completion. Current length is N
    // while limit is N"
    Phrase{"reduce the length of the messages", "limit is ", "current length is "},
    // Anthropic, also through Bedrock and Vertex: "prompt is too long: N tokens > N maximum"
    Phrase{"prompt is too long", "tokens > ", "too long: "},
    // Anthropic: "input length and `max_tokens` exceed context limit: N + N > N"
    Phrase{"exceed context limit", " > ", "context limit: "},
    // Bedrock: "Input is too long for requested model."
    Phrase{"input is too long for", "", ""},
    // Gemini: "The input token count (N) exceeds the maximum number of tokens allowed (N)."
    Phrase{"exceeds the maximum number of tokens allowed", "tokens allowed ", "token count "},
    // Cohere, also through OCI: "too many tokens: total number of tokens … cannot exceed N -
    // received N."
    Phrase{"too many tokens: ", "cannot exceed ", "received "},
    // Together, Hugging Face: "`inputs` tokens + `max_new_tokens` must be <= N. Given: N `inputs`"
    Phrase{"`max_new_tokens` must be <=", "must be <= ", "given: "},
    // Replicate: "Your input is too long. Max input length is N tokens, but you supplied N tokens."
    Phrase{"max input length is", "max input length is ", "you supplied "},
    // vLLM: "The decoder prompt (length N) is longer than the maximum model length of N."
    Phrase{"longer than the maximum model length", "model length of ", "(length "},
    // vLLM: "The prompt (total length N) is too long to fit into the model (context length N)."
    Phrase{"too long to fit into the model", "(context length ", "total length "},
    // SGLang: "The input (N tokens) is longer than the model's context length (N tokens)."
    Phrase{"longer than the model's context length", "context length (", "the input ("},
    // llama.cpp: "the request exceeds the available context size", since 2025 with "request (N
    // tokens) … context size (N tokens)"
    Phrase{"exceeds the available context size", "context size (", "request ("},
    // llama-cpp-python: "Requested tokens (N) exceed context window of N"
    Phrase{"exceed context window of", "context window of ", "requested tokens ("},
    // LM Studio: "Trying to keep the first N tokens when context the overflows. However, the model
    // is loaded with context length of only N tokens"
    Phrase{"loaded with context length of only", "context length of only ", "keep the first "},
    // Ollama: "the input length exceeds the context length"
    Phrase{"exceeds the context length", "", ""},
    Phrase{"exceeds maximum context length", "", ""},
    // Moonshot: "Your request exceeded model token limit: N"
    Phrase{"exceeded model token limit", "token limit: ", "requested: "},
    // GitHub Models: "prompt token count of N exceeds the limit of N"
    Phrase{"prompt token count of", "the limit of ", "token count of "},
    // Triage itself, in front of a provider
    Phrase{"context_length_exceeded", "", ""},
};

char Lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Where `words` begin in `text`; npos = nowhere.
std::size_t Find(std::string_view text, std::string_view words) {
  const auto same = [](char a, char b) { return Lower(a) == Lower(b); };
  const auto at = std::search(text.begin(), text.end(), words.begin(), words.end(), same);
  return at == text.end() ? std::string_view::npos : static_cast<std::size_t>(at - text.begin());
}

/// The number behind `words`, an opening bracket between them allowed: "(1,048,576)".
std::int64_t NumberBehind(std::string_view text, std::string_view words) {
  if (words.empty()) return 0;
  const std::size_t at = Find(text, words);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = text.substr(at + words.size());
  if (rest.starts_with('(')) rest.remove_prefix(1);
  constexpr std::int64_t kMost = 1'000'000'000;  // more is no count of tokens
  std::int64_t number = 0;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < rest.size() && number <= kMost; ++i) {
    if (rest[i] == ',' && digits > 0 && i + 1 < rest.size() &&
        std::isdigit(static_cast<unsigned char>(rest[i + 1])) != 0) {
      continue;
    }
    if (std::isdigit(static_cast<unsigned char>(rest[i])) == 0) break;
    number = number * 10 + (rest[i] - '0');
    ++digits;
  }
  return number <= kMost ? number : 0;
}

}  // namespace

std::optional<Overflow> ReadOverflow(std::string_view code, std::string_view message) {
  for (const Phrase& phrase : kPhrases) {
    if (Find(message, phrase.text) == std::string_view::npos) continue;
    return Overflow{.limit = NumberBehind(message, phrase.limit),
                    .tokens = NumberBehind(message, phrase.tokens)};
  }
  if (std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end()) return Overflow{};
  return std::nullopt;
}

}  // namespace triage::llm
