#include "wire/chat_answer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <simdjson.h>

#include "wire/json.h"
#include "wire/json_cursor.h"

namespace triage::wire {
namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::field;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

// Calls `take(key, value)` for the fields of an object; false when it is none or broken.
template <class Take>
bool EachField(JsonCursor& cursor, value& v, Take&& take) {
  object fields;
  if (v.get_object().get(fields)) return false;
  for (auto each : fields) {
    field entry;
    std::string_view key;
    if (std::move(each).get(entry) || !cursor.Key(entry, key)) return false;
    if (!take(key, entry.value())) return false;
  }
  return true;
}

bool IsObject(value& v) {
  return JsonCursor::Token(v).starts_with('{');
}

// Counts that are not whole, not plausible or null are as if absent.
void ReadCount(value& v, std::optional<std::int64_t>& out) {
  constexpr std::int64_t kMost = 1'000'000'000'000;
  const std::string_view token = JsonCursor::Token(v);
  std::int64_t number = 0;
  const char* end = token.data() + token.size();
  const auto parsed = std::from_chars(token.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end && number >= 0 && number <= kMost) out = number;
}

bool ReadUsage(JsonCursor& cursor, value& v, ChatAnswer& answer) {
  if (!IsObject(v)) return true;
  answer.has_usage = true;
  RawUsage& usage = answer.usage;
  return EachField(cursor, v, [&](std::string_view key, value& inner) {
    if (key == "prompt_tokens") ReadCount(inner, usage.prompt);
    if (key == "completion_tokens") ReadCount(inner, usage.completion);
    if (key == "total_tokens") ReadCount(inner, usage.total);
    if (key == "prompt_tokens_details" && IsObject(inner)) {
      return EachField(cursor, inner, [&](std::string_view name, value& count) {
        if (name == "cached_tokens") ReadCount(count, usage.cached);
        return true;
      });
    }
    if (key == "completion_tokens_details" && IsObject(inner)) {
      return EachField(cursor, inner, [&](std::string_view name, value& count) {
        if (name == "reasoning_tokens") ReadCount(count, usage.reasoning);
        return true;
      });
    }
    return true;
  });
}

llm::FinishReason FinishOf(std::string_view word) {
  if (word == "stop") return llm::FinishReason::kStop;
  if (word == "length") return llm::FinishReason::kLength;
  if (word == "tool_calls" || word == "function_call") return llm::FinishReason::kToolCalls;
  if (word == "content_filter") return llm::FinishReason::kContentFilter;
  if (word == "error") return llm::FinishReason::kError;
  return llm::FinishReason::kUnknown;
}

bool ReadChoices(JsonCursor& cursor, value& v, ChatAnswer& answer) {
  if (!JsonCursor::Token(v).starts_with('[')) return true;
  answer.has_choices = true;
  answer.empty_choices = true;
  array choices;
  if (v.get_array().get(choices)) return false;
  for (auto each : choices) {
    value choice;
    if (std::move(each).get(choice)) return false;
    answer.empty_choices = false;
    if (!IsObject(choice)) continue;
    const bool read = EachField(cursor, choice, [&](std::string_view key, value& inner) {
      const std::string_view token = JsonCursor::Token(inner);
      const bool reason = key == "finish_reason" || key == "native_finish_reason";
      if (!reason || !JsonCursor::IsString(token)) return true;
      const llm::FinishReason finish = FinishOf(JsonCursor::Inside(token));
      // Only an error is worth reading in the provider's native word (OpenRouter).
      if (key == "native_finish_reason" && finish != llm::FinishReason::kError) return true;
      answer.finished = true;
      if (answer.finish != llm::FinishReason::kError) answer.finish = finish;
      return true;
    });
    if (!read) return false;
  }
  return true;
}

bool ReadError(JsonCursor& cursor, value& v, ChatAnswer& answer) {
  const std::string_view token = JsonCursor::Token(v);
  if (token == "null") return true;
  answer.has_error = true;
  answer.error_message.clear();
  if (JsonCursor::IsString(token)) {
    return AppendUnescaped(answer.error_message, JsonCursor::Inside(token));
  }
  if (!token.starts_with('{')) return true;
  return EachField(cursor, v, [&](std::string_view key, value& inner) {
    const std::string_view text = JsonCursor::Token(inner);
    if (key != "message" || !JsonCursor::IsString(text)) return true;
    answer.error_message.clear();
    return AppendUnescaped(answer.error_message, JsonCursor::Inside(text));
  });
}

}  // namespace

std::optional<llm::Usage> RawUsage::Disjoint() const {
  if (!prompt && !completion) return std::nullopt;
  llm::Usage usage;
  const std::int64_t input = prompt.value_or(0);
  const std::int64_t output = completion.value_or(0);
  usage.cache_read = std::min(cached.value_or(0), input);
  usage.fresh_input = input - usage.cache_read;
  usage.reasoning = reasoning.value_or(0);
  // Some providers (xAI) count reasoning beside completion_tokens, which only the total tells.
  const bool beside = total && *total == input + output + usage.reasoning;
  if (!beside || usage.reasoning == 0) usage.reasoning = std::min(usage.reasoning, output);
  usage.output = beside && usage.reasoning > 0 ? output : output - usage.reasoning;
  return usage;
}

bool ReadChatAnswer(std::string_view text, ChatAnswer& answer) {
  thread_local std::string padded;
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded.assign(text);
  JsonCursor cursor(64);
  const bool read = WithParser(padded.size(), [&](simdjson::ondemand::parser& parser) {
    simdjson::ondemand::document document;
    if (parser.iterate(padded.data(), padded.size(), padded.capacity()).get(document)) return false;
    value top;
    if (document.get_value().get(top)) return false;
    const bool whole = EachField(cursor, top, [&](std::string_view key, value& v) {
      if (key == "usage") return ReadUsage(cursor, v, answer);
      if (key == "choices") return ReadChoices(cursor, v, answer);
      if (key == "error") return ReadError(cursor, v, answer);
      if (key == "model") {
        const std::string_view token = JsonCursor::Token(v);
        if (!JsonCursor::IsString(token)) return true;
        answer.model.clear();
        return AppendUnescaped(answer.model, JsonCursor::Inside(token));
      }
      return true;
    });
    return whole && document.current_location().error() != simdjson::SUCCESS;
  });
  if (padded.capacity() > 256 * 1024) {
    padded.clear();
    padded.shrink_to_fit();
  }
  return read;
}

}  // namespace triage::wire
