#include "wire/error_message.h"

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "llm/overflow.h"
#include "wire/json.h"
#include "wire/openai_chat.h"

namespace triage::wire {
namespace {

constexpr std::size_t kMaxMessage = 300;
constexpr std::size_t kMaxErrorBody = 256 * 1024;  // more is no error message

using nlohmann::json;

std::optional<std::string> TextAt(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// The message in one of the known shapes.
std::optional<std::string> MessageIn(const json& answer) {
  if (answer.is_array()) {  // Google wraps its object
    return answer.empty() ? std::nullopt : MessageIn(answer.front());
  }
  if (!answer.is_object()) return std::nullopt;
  if (const auto error = answer.find("error"); error != answer.end()) {
    if (error->is_string()) return error->get<std::string>();
    if (error->is_object()) return TextAt(*error, "message");
  }
  if (auto message = TextAt(answer, "message")) return message;
  if (auto message = TextAt(answer, "Message")) return message;  // AWS, before a service is reached
  return TextAt(answer, "detail");  // FastAPI's shape, as vLLM and others give it
}

// Bounded, because nlohmann's parser recurses on the way out.
bool ShallowJson(std::string_view body) {
  return body.size() <= kMaxErrorBody && !FindJsonProblem(body, 32);
}

struct Told {
  std::string message;
  std::string word;  // code or type
};

std::string WordIn(const json& answer) {
  const json* object = answer.is_array() && !answer.empty() ? &answer.front() : &answer;
  if (!object->is_object()) return {};
  if (const auto error = object->find("error"); error != object->end() && error->is_object())
    object = &*error;
  if (auto code = TextAt(*object, "code")) return *code;
  return TextAt(*object, "type").value_or("");
}

Told TellOf(std::string_view content_type, std::string_view body) {
  const std::string_view text = Trim(body);
  const bool page =
      ToLowerAscii(content_type).find("html") != std::string::npos || text.starts_with('<');
  if (page || text.empty()) return {};
  if (text.starts_with('{') || text.starts_with('[')) {
    if (!ShallowJson(text)) return {};
    const json answer = json::parse(text, nullptr, false);
    return {.message = MessageIn(answer).value_or(""), .word = WordIn(answer)};
  }
  return {.message = std::string(text.substr(0, 4 * kMaxMessage)), .word = {}};
}

}  // namespace

std::string ProviderMessage(std::string_view text) {
  std::string out;
  for (char c : Utf8Prefix(text, kMaxMessage)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
  if (Trim(out).empty()) return "The provider answered with an error.";
  return out;
}

Error ParseErrorBody(int status, std::string_view content_type, std::string_view body) {
  Error error;
  error.code = ErrorCode::kUpstream;
  error.upstream_status = status;
  const bool clients_fault =
      status >= 400 && status < 500 && status != 401 && status != 403 && status != 408;
  if (clients_fault) error.code = ErrorCode::kInvalidRequest;
  if (status == 429) error.code = ErrorCode::kRateLimited;
  if (status == 413) error.code = ErrorCode::kTooLarge;
  const Told told = TellOf(content_type, body);
  error.message = told.message.empty()
                      ? fmt::format("The provider answered with status {}.", status)
                      : ProviderMessage(told.message);
  MarkOverflow(error, told.word);
  return error;
}

void MarkOverflow(Error& error, std::string_view word) {
  const bool possible = error.code == ErrorCode::kInvalidRequest ||
                        error.code == ErrorCode::kTooLarge || error.code == ErrorCode::kUpstream;
  if (possible && llm::ReadOverflow(word, error.message)) error.code = ErrorCode::kContextLength;
}

}  // namespace triage::wire
