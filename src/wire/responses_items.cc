#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/json.h"
#include "wire/json_tree.h"
#include "wire/responses.h"

namespace triage::wire {
namespace {

constexpr std::int64_t kMostItems = 100;  // of a page; the API's own bound

Error BadParameter(std::string_view name, std::string_view remedy) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("{}: {}", name, remedy),
          .field = std::string(name)};
}

std::string_view IdPrefix(std::string_view type) {
  if (type == "function_call") return "fc";
  if (type == "function_call_output") return "fco";
  if (type == "reasoning") return "rs";
  return type.empty() || type == "message" ? "msg" : "item";
}

// Its own id, else one made of the response's and the item's place.
std::string IdOf(JsonValue item, std::string_view response_id, std::size_t place) {
  if (item["id"].is_string()) return item["id"].string();
  const std::string_view base = response_id.substr(response_id.find('_') + 1);
  return fmt::format("{}_{}_in{}", IdPrefix(item["type"].text()), base, place);
}

void WriteMember(JsonWriter& json, JsonValue member) {
  json.Key(member.key());
  json.Raw(member.raw());
}

// In the form in which the API lists items: with id, type and status, content as a list.
void WriteItem(JsonWriter& json, JsonValue item, std::string_view id) {
  const bool message = item["type"].null();
  json.Begin('{');
  json.Member("id", id);
  if (message) json.Member("type", "message");
  if (item["status"].null()) json.Member("status", "completed");
  for (JsonValue member : item) {
    if (member.key() == "id" || (member.null() && member.key() == "status")) continue;
    if (member.key() == "content" && member.is_string()) {
      const bool answer = item["role"].text() == "assistant";
      json.Key("content");
      json.Begin('[');
      json.Begin('{');
      json.Member("type", answer ? "output_text" : "input_text");
      json.Key("text");
      json.Raw(member.raw());
      if (answer) {
        json.Key("annotations");
        json.Raw("[]");
      }
      json.End('}');
      json.End(']');
    } else {
      WriteMember(json, member);
    }
  }
  json.End('}');
}

}  // namespace

Result<ItemPage> ReadItemPage(std::string_view limit, std::string_view order,
                              std::string_view after) {
  ItemPage page{.after = std::string(after)};
  if (!limit.empty()) {
    const char* end = limit.data() + limit.size();
    const auto read = std::from_chars(limit.data(), end, page.limit);
    if (read.ec != std::errc() || read.ptr != end || page.limit < 1 || page.limit > kMostItems)
      return BadParameter("limit", fmt::format("must be a whole number from 1 to {}.", kMostItems));
  }
  if (order == "asc") {
    page.ascending = true;
  } else if (!order.empty() && order != "desc") {
    return BadParameter("order", "must be asc or desc.");
  }
  return page;
}

Result<std::string> InputItemList(std::string_view input_items, std::string_view response_id,
                                  const ItemPage& page) {
  JsonTree tree;
  if (!tree.Parse(input_items, 256)) (void)tree.Parse("[]");

  struct Entry {
    JsonValue item;
    std::string id;
  };

  std::vector<Entry> entries;
  for (JsonValue item : tree.root()) {
    std::string id = IdOf(item, response_id, entries.size());
    entries.push_back({.item = item, .id = std::move(id)});
  }
  if (!page.ascending) std::ranges::reverse(entries);
  auto at = entries.begin();
  if (!page.after.empty()) {
    at = std::ranges::find(entries, page.after, &Entry::id);
    if (at == entries.end())
      return BadParameter("after", "is no item of this response; give the last id you have.");
    ++at;
  }
  JsonWriter json;
  json.Begin('{');
  json.Member("object", "list");
  json.Key("data");
  json.Begin('[');
  const auto first = at;
  for (std::int64_t left = page.limit; left > 0 && at != entries.end(); --left, ++at)
    WriteItem(json, at->item, at->id);
  json.End(']');
  json.Key("first_id");
  first == at ? json.Null() : json.String(first->id);
  json.Key("last_id");
  first == at ? json.Null() : json.String(std::prev(at)->id);
  json.Flag("has_more", at != entries.end());
  json.End('}');
  return json.Take();
}

}  // namespace triage::wire
