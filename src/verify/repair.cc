#include "verify/repair.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "verify/coerce.h"
#include "verify/json_text.h"
#include "verify/loose_json.h"
#include "wire/json.h"
#include "wire/json_tree.h"

namespace triage::verify {
namespace {

constexpr int kDepth = static_cast<int>(Schema::kMostInstanceDepth);
constexpr std::size_t kMostErrorLines = 8;

// An answer among more values than these is not to be found.
constexpr std::size_t kMostValues = 16;

/// Objects and arrays that stand in the text, one behind the other; what an outer one holds is part
/// of it. Reads each byte a few times at most. None when there are too many.
std::vector<LooseValue> ValuesIn(std::string_view text) {
  std::vector<LooseValue> values;
  std::size_t budget = 4 * text.size() + 64;
  for (std::size_t at = text.find_first_of("{["); at != std::string_view::npos && budget > 0;) {
    std::optional<LooseValue> value = ReadLooseJson(text, at, budget);
    at = text.find_first_of("{[", value ? value->end : at + 1);
    if (value) values.push_back(std::move(*value));
    if (values.size() > kMostValues) return {};
  }
  return values;
}

/// What stands in fenced blocks that begin as JSON does.
std::vector<std::string_view> FencedJson(std::string_view text) {
  std::vector<std::string_view> blocks;
  for (std::size_t at = text.find("```"); at != std::string_view::npos; at = text.find("```", at)) {
    const std::size_t line = text.find('\n', at);
    if (line == std::string_view::npos) break;
    // The closing fence begins a line: strings may hold others.
    const std::size_t end = text.find("\n```", line);
    if (end == std::string_view::npos) break;
    const std::string_view block = Trim(text.substr(line, end - line));
    if (block.starts_with('{') || block.starts_with('[')) blocks.push_back(block);
    at = end + 4;
  }
  return blocks;
}

bool IsStrict(std::string_view text) {
  wire::JsonTree tree;
  return tree.Parse(text, kDepth).has_value();
}

/// Candidate answers, the first that holds alone: the text itself, a fenced block, what stands
/// between prose.
std::vector<LooseValue> Candidates(std::string_view text) {
  if (IsStrict(text)) return {{.json = std::string(text), .end = text.size(), .what = {}}};
  const auto note = [](std::vector<LooseValue> values, std::string_view what) {
    for (LooseValue& value : values) value.what.insert(value.what.begin(), what);
    return values;
  };
  std::vector<LooseValue> values;
  for (const std::string_view block : FencedJson(text)) {
    for (LooseValue& value : ValuesIn(block)) {
      // All of the block: a part of it is not what it says.
      if (Trim(block.substr(value.end)).empty()) values.push_back(std::move(value));
    }
  }
  const std::string_view trimmed = Trim(text);
  const bool only_fence = trimmed.starts_with("```") && trimmed.ends_with("```");
  if (!values.empty()) {
    return note(std::move(values), only_fence ? "took away a markdown fence"
                                              : "took away the text round a markdown fence");
  }
  values = ValuesIn(text);
  if (values.size() == 1 && trimmed.size() > 1 && Trim(text.substr(values[0].end)).empty() &&
      (trimmed.front() == '{' || trimmed.front() == '[')) {
    return values;
  }
  // Among prose, brackets hold all sorts of things: [1] is a footnote.
  const bool any_object = std::ranges::any_of(
      values, [](const LooseValue& value) { return value.json.starts_with('{'); });
  if (any_object) {
    std::erase_if(values, [](const LooseValue& value) { return !value.json.starts_with('{'); });
  }
  return note(std::move(values), "took away the text around the JSON");
}

std::optional<Repaired> Finish(LooseValue value, const Schema* schema) {
  if (!IsStrict(value.json)) return std::nullopt;  // a key twice, bytes that are no UTF-8
  if (schema != nullptr && !schema->Validate(value.json).valid()) {
    wire::JsonTree tree;
    if (!tree.Parse(value.json, kDepth)) return std::nullopt;
    value.json = Coerce(*schema, tree.root(), value.what);
    if (!schema->Validate(value.json).valid()) return std::nullopt;
  }
  if (value.what.empty()) return std::nullopt;
  Repaired repaired{.json = std::move(value.json), .what = {}};
  for (const std::string_view what : value.what) repaired.what.emplace_back(what);
  return repaired;
}

}  // namespace

std::optional<Repaired> Repair(std::string_view text, const Schema* schema) {
  if (text.size() > Schema::kMostInstanceBytes) return std::nullopt;
  std::optional<Repaired> found;
  for (LooseValue& value : Candidates(text)) {
    std::optional<Repaired> repaired = Finish(std::move(value), schema);
    if (!repaired) continue;
    if (found && found->json != repaired->json) return std::nullopt;  // which one was meant?
    found = std::move(repaired);
  }
  return found;
}

Result<Merged> MergeFields(std::string_view base, std::string_view patch,
                           std::span<const std::string> names) {
  const auto bad = [](std::string message, std::string_view name = {}) {
    return Error{.code = ErrorCode::kInvalidRequest,
                 .message = std::move(message),
                 .field = name.empty() ? std::string() : "/" + EscapePointer(name)};
  };
  wire::JsonTree old_tree;
  wire::JsonTree new_tree;
  if (!old_tree.Parse(base, kDepth) || !old_tree.root().is_object()) {
    return bad("the answer to be mended is no JSON object");
  }
  if (!new_tree.Parse(patch, kDepth) || !new_tree.root().is_object()) {
    return bad("the answer with the mended fields is no JSON object");
  }
  Merged merged{.json = "{", .taken = {}};
  const auto append = [&](std::string_view key, std::string_view raw) {
    if (merged.json.size() > 1) merged.json += ',';
    wire::AppendJsonString(merged.json, key);
    merged.json += ':';
    merged.json += raw;
  };
  for (const wire::JsonValue member : old_tree.root()) {
    const bool mended = std::ranges::find(names, member.key()) != names.end();
    const wire::JsonValue other = mended ? new_tree.root()[member.key()] : wire::JsonValue();
    append(member.key(), other.present() ? other.raw() : member.raw());
  }
  for (const std::string& name : names) {
    const wire::JsonValue value = new_tree.root()[name];
    if (!value.present()) {
      return bad(fmt::format("the answer with the mended fields lacks \"{}\"", name), name);
    }
    if (!old_tree.root()[name].present()) append(name, value.raw());
    merged.taken.push_back(name);
  }
  merged.json += '}';
  return merged;
}

std::string ReaskText(std::span<const Verdict> verdicts) {
  std::string lines;
  std::size_t count = 0;
  bool more = false;
  for (const Verdict& verdict : verdicts) {
    if (verdict.outcome != Outcome::kFail) continue;
    more |= verdict.more_errors;
    if (verdict.errors.empty()) {
      if (count++ < kMostErrorLines) lines += fmt::format("- {}\n", verdict.reason);
      continue;
    }
    for (const FieldError& error : verdict.errors) {
      if (count++ >= kMostErrorLines) break;
      lines += fmt::format("- {}: expected {}, got {}\n",
                           error.pointer.empty() ? "the whole answer" : error.pointer,
                           error.expected, error.got);
    }
  }
  if (count == 0) return {};
  more |= count > kMostErrorLines;
  return fmt::format("Your last answer cannot be used:\n{}{}", lines,
                     more ? "There are more such errors. Answer again, in full and with nothing "
                            "else around it.\n"
                          : "Answer again, in full and with nothing else around it.\n");
}

std::string FieldsText(std::span<const std::string> names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += wire::JsonString(name);
  }
  return fmt::format("Give one JSON object with just these fields of the answer and no others: {}.",
                     list);
}

}  // namespace triage::verify
