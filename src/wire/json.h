#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/types.h"

namespace triage::wire {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
std::string JsonString(std::string_view text);

/// Appends what the inside of a JSON string stands for. `raw` is free of control characters and has
/// every quote escaped, as simdjson's first stage makes sure. Lone surrogates become U+FFFD. False
/// for an unknown escape.
bool AppendUnescaped(std::string& out, std::string_view raw);

/// Whether every backslash in the inside of a JSON string starts a valid escape.
bool ValidEscapes(std::string_view raw);

/// RFC 8259 number.
bool IsJsonNumber(std::string_view text);

/// Length of the well-formed UTF-8 sequence at `at` (Unicode table 3-7); 0 when there is none.
std::size_t Utf8SequenceLength(std::string_view text, std::size_t at);

/// At most `max_bytes` of `text`, cut between characters.
std::string_view Utf8Prefix(std::string_view text, std::size_t max_bytes);

/// Bytes of `text` without a character that is cut at its end: what can be written for now of a
/// text that comes in pieces.
std::size_t WholeCharacters(std::string_view text);

/// Where the value of member `key` of the top-level object stands in `text`, which is known to be
/// valid JSON and to give the key without escapes; an empty range when there is none.
llm::ByteRange FindMember(std::string_view text, std::string_view key);

/// Offsets of the first quotes of the top-level object's keys, in order. `text` is valid JSON.
std::vector<std::uint32_t> FindKeys(std::string_view text);

struct JsonProblem {
  std::size_t offset = 0;  ///< of the byte at fault
  std::string reason;      ///< e.g. "expected ':'"
};

/// What is wrong with a text that should be one JSON value (RFC 8259, nesting of at most
/// `max_depth`). A slow, plain parser that says where and why; the fast one only says that
/// something is.
std::optional<JsonProblem> FindJsonProblem(std::string_view text, int max_depth);

}  // namespace triage::wire
