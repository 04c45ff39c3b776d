#include "wire/openai_stream.h"

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/text.h"
#include "wire/chat_answer.h"
#include "wire/error_message.h"
#include "wire/json.h"

namespace triage::wire {
namespace {

constexpr std::string_view kDone = "[DONE]";

// The key that matters and starts with `letter`.
std::string_view KeyWith(char letter) {
  switch (letter) {
    case 'u': return "\"usage\"";
    case 'e': return "\"error\"";
    case 'f': return "\"finish_reason\"";
    default: return "\"native_finish_reason\"";
  }
}

// Whether the key behind the quote at `at` is one of those that matter and its value is something
// other than null. A quote inside a string is escaped, so that text about "usage" does not look
// like the key.
bool MattersAt(std::string_view data, std::size_t at) {
  const std::string_view rest = data.substr(at);
  const std::string_view key = KeyWith(rest[1]);
  if (!rest.starts_with(key)) return false;
  std::string_view value = rest.substr(key.size());
  const auto skip_blanks = [&value] {
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t' ||
                              value.front() == '\n' || value.front() == '\r')) {
      value.remove_prefix(1);
    }
  };
  skip_blanks();
  if (!value.starts_with(':')) return false;
  value.remove_prefix(1);
  skip_blanks();
  return !value.starts_with("null");
}

bool MayStart(char second) {
  return second == 'u' || second == 'e' || second == 'f' || second == 'n';
}

// Whether a chunk says more than text. One pass: 16 bytes at a time look for a quote and the letter
// behind it.
bool Matters(std::string_view data) {
  std::size_t at = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i u = _mm_set1_epi8('u');
  const __m128i e = _mm_set1_epi8('e');
  const __m128i f = _mm_set1_epi8('f');
  const __m128i n = _mm_set1_epi8('n');
  for (; at + 17 <= data.size(); at += 16) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data.data() + at));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data.data() + at + 1));
    const __m128i letters =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(second, u), _mm_cmpeq_epi8(second, e)),
                     _mm_or_si128(_mm_cmpeq_epi8(second, f), _mm_cmpeq_epi8(second, n)));
    auto hits = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(first, quote), letters)));
    for (; hits != 0; hits &= hits - 1) {
      if (MattersAt(data, at + static_cast<unsigned>(__builtin_ctz(hits)))) return true;
    }
  }
#endif
  for (; at + 1 < data.size(); ++at) {
    if (data[at] == '"' && MayStart(data[at + 1]) && MattersAt(data, at)) return true;
  }
  return false;
}

}  // namespace

ChatStreamScanner::ChatStreamScanner(bool client_wants_usage)
    : client_wants_usage_(client_wants_usage), seen_(std::make_unique<ChatAnswer>()) {}

ChatStreamScanner::~ChatStreamScanner() = default;
ChatStreamScanner::ChatStreamScanner(ChatStreamScanner&&) noexcept = default;

ChatStreamScanner::Verdict ChatStreamScanner::OnData(std::string_view data) {
  if (data.starts_with(kDone) && Trim(data) == kDone) {
    summary_.complete = true;
    return Verdict::kRelay;
  }
  // The first chunk is parsed for its model, and because garbage shows there.
  if (!begun_ || Matters(data)) return Read(data);
  if (!data.starts_with('{') || !data.ends_with('}')) {
    if (const auto text = Trim(data); !text.starts_with('{') || !text.ends_with('}')) {
      return Fail("The provider's stream holds something that is not JSON.");
    }
  }
  ++summary_.events;
  return Verdict::kRelay;
}

bool ChatStreamScanner::IsWhole(std::string_view data) {
  return Trim(data) == kDone || !FindJsonProblem(data, 64);
}

ChatStreamScanner::Verdict ChatStreamScanner::Read(std::string_view data) {
  ChatAnswer& answer = *seen_;
  answer.has_usage = answer.has_choices = answer.empty_choices = false;
  answer.finished = answer.has_error = false;
  if (!ReadChatAnswer(data, answer)) {
    return Fail("The provider's stream holds something that is not JSON.");
  }
  begun_ = true;
  if (answer.has_usage) summary_.usage = answer.usage.Disjoint();
  if (!answer.model.empty()) summary_.served_model = answer.model;
  if (answer.finished) summary_.finish = answer.finish;
  if (answer.has_error || answer.finish == llm::FinishReason::kError) {
    return Fail(answer.error_message);
  }
  if (answer.finished) summary_.complete = true;
  const bool only_usage = answer.has_usage && (answer.empty_choices || !answer.has_choices);
  if (!only_usage) ++summary_.events;
  return only_usage && !client_wants_usage_ ? Verdict::kDrop : Verdict::kRelay;
}

ChatStreamScanner::Verdict ChatStreamScanner::Fail(std::string_view message) {
  summary_.complete = false;
  summary_.finish = llm::FinishReason::kError;
  error_ = Error{.code = ErrorCode::kUpstream, .message = ProviderMessage(message)};
  return Verdict::kFail;
}

}  // namespace triage::wire
