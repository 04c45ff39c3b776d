#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/json.h"
#include "wire/json_tree.h"
#include "wire/responses.h"
#include "wire/responses_parts.h"
#include "wire/responses_render.h"
#include "wire/responses_request.h"

namespace triage::wire {
namespace {

using responses::Invalid;
using responses::InvalidMember;

Result<void> Parse(JsonTree& tree, std::string_view body, const ReadLimits& limits) {
  if (body.size() > limits.max_body_bytes) {
    return Error{.code = ErrorCode::kTooLarge,
                 .message = fmt::format("The body has {} bytes; {} are allowed.", body.size(),
                                        limits.max_body_bytes)};
  }
  Result<void> parsed = tree.Parse(body, limits.max_depth);
  if (parsed && !tree.root().is_object()) return Invalid(tree.root(), "must be a JSON object.");
  return parsed;
}

bool IsReference(JsonValue item) {
  const JsonValue type = item["type"];
  if (!type.null()) return type.text() == "item_reference";
  return item["role"].null() && item["id"].is_string();
}

// A reasoning item that says nothing by itself: its provider would look its id up.
bool IsBareReasoning(JsonValue item) {
  return item["type"].text() == "reasoning" && item["encrypted_content"].null() &&
         item["content"].size() == 0;
}

// The items of a stateless input, as they came but for what cannot be resolved.
class ItemList {
 public:
  explicit ItemList(JsonWriter& json) : json_(json) {}

  // Ids of items belong to reasoning that may be gone: a provider that knows the id of a call
  // refuses it without the reasoning that led to it.
  void KeepIds(bool keep) { keep_ids_ = keep; }

  void Add(JsonValue item) {
    if (IsBareReasoning(item)) return;
    const std::string_view type = item["type"].text();
    if (keep_ids_ || (type != "function_call" && type != "message")) return json_.Raw(item.raw());
    json_.Begin('{');
    for (JsonValue member : item) {
      if (member.key() == "id") continue;
      json_.Key(member.key());
      json_.Raw(member.raw());
    }
    json_.End('}');
  }

  void AddText(std::string_view text) {
    json_.Begin('{');
    json_.Member("role", "user");
    json_.Key("content");
    json_.Raw(text);
    json_.End('}');
  }

 private:
  JsonWriter& json_;
  bool keep_ids_ = true;
};

// Stored texts are ours and parse; should a file have been tampered with, they are as if empty.
void ParseStored(JsonTree& tree, std::string_view text) {
  if (!tree.Parse(text, 256)) (void)tree.Parse("null");
}

bool HasBareReasoning(JsonValue items) {
  for (JsonValue item : items) {
    if (IsBareReasoning(item)) return true;
  }
  return false;
}

}  // namespace

Result<ResponsesControls> ReadControls(std::string_view body, const ReadLimits& limits) {
  JsonTree tree;
  Result<void> parsed = Parse(tree, body, limits);
  if (!parsed) return std::move(parsed).error();
  const JsonValue root = tree.root();
  ResponsesControls controls;
  for (const auto& [name, place] :
       {std::pair<std::string_view, std::string*>{"model", &controls.model},
        {"previous_response_id", &controls.previous_response_id}}) {
    const JsonValue value = root[name];
    if (value.null()) continue;
    if (!value.is_string()) return Invalid(value, "must be a string.");
    *place = value.string();
  }
  for (const auto& [name, place] :
       {std::pair<std::string_view, bool*>{"background", &controls.background},
        {"store", &controls.store},
        {"stream", &controls.stream}}) {
    const JsonValue value = root[name];
    if (value.null()) continue;
    if (!value.boolean()) return Invalid(value, "must be true or false.");
    *place = *value.boolean();
  }
  if (controls.background && !controls.store)
    return InvalidMember(root, "store", "must be true with background; leave it out.");
  for (JsonValue item : root["input"]) {
    if (!item.is_object() || !IsReference(item)) continue;
    if (!item["id"].is_string())
      return InvalidMember(item, "id", "is required; give the id of an item.");
    controls.references.push_back(item["id"].string());
  }
  return controls;
}

Result<std::string> StatelessBody(std::string_view body, const KeptResponse* previous,
                                  std::span<const KeptResponse> referenced,
                                  const ReadLimits& limits) {
  JsonTree tree;
  Result<void> parsed = Parse(tree, body, limits);
  if (!parsed) return std::move(parsed).error();
  const JsonValue root = tree.root();
  const JsonValue input = root["input"];
  if (!input.null() && !input.is_string() && !input.is_array())
    return Invalid(input, "must be a string or a list of items.");

  JsonTree past_input;
  JsonTree past_output;
  if (previous != nullptr) {
    ParseStored(past_input, previous->input_items);
    ParseStored(past_output, previous->response);
  }
  std::vector<std::unique_ptr<JsonTree>> others;
  using ItemsById = std::unordered_map<std::string_view, JsonValue>;
  const auto learn = [](JsonValue output, ItemsById& by_id) {
    for (JsonValue item : output) {
      if (item["id"].is_string()) by_id.emplace(item["id"].text(), item);
    }
  };
  ItemsById past;
  learn(past_output.root()["output"], past);
  learn(past_input.root(), past);
  ItemsById known;
  for (const KeptResponse& each : referenced) {
    JsonTree& other = *others.emplace_back(std::make_unique<JsonTree>());
    ParseStored(other, each.response);
    learn(other.root()["output"], known);
  }

  JsonWriter items;
  ItemList list(items);
  items.Begin('[');
  std::vector<JsonValue> own;
  bool bare = HasBareReasoning(past_input.root()) || HasBareReasoning(past_output.root()["output"]);
  if (input.is_array()) {
    for (JsonValue item : input) {
      if (!item.is_object() || !IsReference(item)) {
        own.push_back(item);
        continue;
      }
      if (past.contains(item["id"].text())) continue;  // it stands in front already
      const auto found = known.find(item["id"].text());
      if (found == known.end()) {
        return Invalid(item, fmt::format("item '{}' is not kept here; send the item itself.",
                                         Utf8Prefix(item["id"].text(), 64)));
      }
      own.push_back(found->second);
    }
    bare = bare || std::ranges::any_of(own, IsBareReasoning);
  }
  list.KeepIds(!bare);
  for (JsonValue item : past_input.root()) list.Add(item);
  for (JsonValue item : past_output.root()["output"]) list.Add(item);
  if (input.is_string()) list.AddText(input.raw());
  for (JsonValue item : own) list.Add(item);
  items.End(']');

  JsonWriter out;
  out.Begin('{');
  bool told_input = false;
  const auto tell_input = [&] {
    out.Key("input");
    // A text alone stays one.
    previous == nullptr&& input.is_string() ? out.Raw(input.raw()) : out.Raw(items.Take());
    told_input = true;
  };
  for (JsonValue member : root) {
    const std::string_view key = member.key();
    if (key == "store" || key == "background" || key == "previous_response_id") continue;
    if (key == "input") {
      tell_input();
      continue;
    }
    out.Key(key);
    out.Raw(member.raw());
  }
  if (!told_input && previous != nullptr) tell_input();
  out.Flag("store", false);
  out.End('}');
  return out.Take();
}

std::string InputItems(std::string_view stateless_body) {
  JsonTree tree;
  ParseStored(tree, stateless_body);
  const JsonValue input = tree.root()["input"];
  if (input.is_array()) return std::string(input.raw());
  JsonWriter json;
  json.Begin('[');
  if (input.is_string()) ItemList(json).AddText(input.raw());
  json.End(']');
  return json.Take();
}

std::vector<std::string> OutputItemIds(std::string_view response) {
  JsonTree tree;
  ParseStored(tree, response);
  std::vector<std::string> ids;
  for (JsonValue item : tree.root()["output"]) {
    if (item["id"].is_string()) ids.push_back(item["id"].string());
  }
  return ids;
}

std::string ResponseWithoutAnswer(std::string_view status, const AnswerContext& context,
                                  const Error* error) {
  JsonWriter json;
  responses::Renderer(context).WriteResponse(json, status, nullptr, error);
  return json.Take();
}

namespace {

std::string WithText(std::string_view response, std::string_view name, std::string_view text) {
  JsonTree tree;
  ParseStored(tree, response);
  JsonWriter json;
  json.Begin('{');
  for (JsonValue member : tree.root()) {
    json.Key(member.key());
    member.key() == name ? json.String(text) : json.Raw(member.raw());
  }
  json.End('}');
  return json.Take();
}

}  // namespace

std::string WithStatus(std::string_view response, std::string_view status) {
  return WithText(response, "status", status);
}

std::string WithId(std::string_view response, std::string_view id) {
  return WithText(response, "id", id);
}

std::string ResponseOfEvent(std::string_view data) {
  JsonTree tree;
  if (!tree.Parse(data, 256)) return {};
  return std::string(tree.root()["response"].raw());
}

Result<ResponseSummary> SummaryOf(std::string_view response) {
  JsonTree tree;
  const Result<void> parsed = tree.Parse(response, 256);
  const JsonValue root = tree.root();
  if (!parsed || !root["id"].is_string() || !root["status"].is_string()) {
    return Error{.code = ErrorCode::kUpstream,
                 .message = "The provider's answer is not a response object."};
  }
  return ResponseSummary{.id = root["id"].string(), .status = root["status"].string()};
}

std::string DeletedBody(std::string_view id) {
  JsonWriter json;
  json.Begin('{');
  json.Member("id", id);
  json.Member("object", "response");
  json.Flag("deleted", true);
  json.End('}');
  return json.Take();
}

Error NoSuchResponse(std::string_view id) {
  return {.code = ErrorCode::kNotFound,
          .message = fmt::format("Response with id '{}' not found.", Utf8Prefix(id, 128))};
}

Error NoSuchPreviousResponse(std::string_view id) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("Previous response with id '{}' not found.", Utf8Prefix(id, 128)),
          .field = "/previous_response_id"};
}

Error NotCancellable(std::string_view id) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("Response '{}' is not running in the background; only such "
                                 "responses can be cancelled.",
                                 Utf8Prefix(id, 128))};
}

}  // namespace triage::wire
