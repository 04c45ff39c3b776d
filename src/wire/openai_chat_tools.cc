#include "wire/openai_chat_tools.h"

#include <utility>

#include <fmt/format.h>

namespace triage::wire {
namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::field;
using simdjson::ondemand::object;
using Value = JsonCursor::Value;

bool IsFilledString(std::string_view token) {
  return JsonCursor::IsString(token) && token.size() > 2;
}

// `depth`: of the containers around a member's value.
bool CheckFunction(JsonCursor& cursor, Value& value, const std::string& place, int depth,
                   Fault& fault) {
  object function;
  if (value.get_object().get(function)) return false;
  std::string_view name;
  for (auto each : function) {
    field entry;
    std::string_view key;
    if (std::move(each).get(entry) || !cursor.Key(entry, key)) return false;
    Value& inner = entry.value();
    const std::string_view token = JsonCursor::Token(inner);
    if (key == "name") name = token;
    if (!cursor.Check(inner, depth)) return false;
    if (key == "parameters" && token != "null" && !token.starts_with('{'))
      return fault.WrongType(place + "/parameters", "a JSON Schema object");
  }
  return IsFilledString(name) || fault.Say(place + "/name", "is missing; name the function.");
}

bool CheckTool(JsonCursor& cursor, Value& value, const std::string& place, Fault& fault) {
  object tool;
  if (value.get_object().get(tool)) return false;
  std::string_view type;
  bool described = false;
  for (auto each : tool) {
    field entry;
    std::string_view key;
    if (std::move(each).get(entry) || !cursor.Key(entry, key)) return false;
    Value& inner = entry.value();
    if (key == "type") type = JsonCursor::Token(inner);
    if (key == "function" && JsonCursor::Token(inner).starts_with('{')) {
      described = true;
      if (!CheckFunction(cursor, inner, place + "/function", 4, fault)) return false;
    } else if (!cursor.Check(inner, 3)) {
      return false;
    }
  }
  if (!JsonCursor::IsString(type)) return fault.WrongType(place + "/type", "a string");
  if (type == "\"function\"" && !described)
    return fault.Say(place + "/function", "is missing; describe the function.");
  return true;
}

}  // namespace

bool Fault::Say(std::string pointer, std::string_view message) {
  error_ = Error{.code = ErrorCode::kInvalidRequest,
                 .message = fmt::format("{}: {}", pointer, message),
                 .field = std::move(pointer)};
  return false;
}

bool Fault::WrongType(std::string pointer, std::string_view wanted) {
  return Say(std::move(pointer), fmt::format("must be {}.", wanted));
}

bool CheckTools(JsonCursor& cursor, Value& value, std::string_view pointer, Fault& fault,
                bool& any) {
  const std::string_view token = JsonCursor::Token(value);
  if (token == "null") return true;
  if (!token.starts_with('['))
    return cursor.Check(value, 1) && fault.WrongType(std::string(pointer), "an array");
  const bool functions = pointer == "/functions";
  array tools;
  if (value.get_array().get(tools)) return false;
  std::size_t index = 0;
  for (auto each : tools) {
    Value tool;
    if (std::move(each).get(tool)) return false;
    const std::string place = fmt::format("{}/{}", pointer, index++);
    if (!JsonCursor::Token(tool).starts_with('{'))
      return cursor.Check(tool, 2) && fault.WrongType(place, "an object");
    const bool right = functions ? CheckFunction(cursor, tool, place, 3, fault)
                                 : CheckTool(cursor, tool, place, fault);
    if (!right) return false;
    any = true;
  }
  return true;
}

}  // namespace triage::wire
