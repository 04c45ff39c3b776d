#pragma once

#include <cstddef>
#include <cstdint>

#include "llm/types.h"

namespace triage::prices {

/// Kinds of text that tokenizers treat so differently that each has a ratio of its own.
enum class Script : std::uint8_t {
  kProse,   ///< mostly Latin words
  kDense,   ///< code, JSON, tables, numbers: many signs and digits
  kCjk,     ///< Chinese, Japanese, Korean
  kOthers,  ///< Cyrillic, Greek, Arabic, Hebrew, Indic, Thai, …
};

inline constexpr std::size_t kScripts = 4;

/// How large a request is before any model's tokenizer is considered.
struct TextSize {
  std::int64_t text = 0;   ///< tokens that usual tokenizers make of texts, tools and roles
  std::int64_t media = 0;  ///< tokens for images and documents, by rule
  Script script = Script::kProse;
};

/// Measures a request. Texts: bytes weighed by what they are (letters, digits, signs, script), with
/// weights between those of today's tokenizers; of long texts a sample of 16 KiB is looked at. To
/// that 4 tokens for each message, and tools, schemas and calls as dense text. Media: 1,600 tokens
/// an image (what Anthropic counts at most for one of usual size; OpenAI and Gemini count less); a
/// document 2,000 tokens a page, and 256 KiB or less are a page, at most 100 of them.
TextSize Measure(const llm::Request& request);

}  // namespace triage::prices
