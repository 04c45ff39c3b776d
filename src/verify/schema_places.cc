#include "verify/schema_places.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "verify/json_text.h"

namespace triage::verify {
namespace {

using Value = wire::JsonValue;

std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Value ItemAt(Value array, std::string_view part) {
  std::size_t index = 0;
  const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
  if (read.ec != std::errc() || read.ptr != part.data() + part.size()) return {};
  for (const Value item : array) {
    if (index-- == 0) return item;
  }
  return {};
}

Value Walk(Value at, std::string_view pointer) {
  while (!pointer.empty() && at.present()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string part = UnescapePointer(pointer.substr(0, end));
    pointer.remove_prefix(end);
    at = at.is_array() ? ItemAt(at, part) : at[part];
  }
  return at;
}

}  // namespace

void SchemaPlaces::AddResource(std::string id, Value value) {
  resources_.emplace_back(std::move(id), value);
}

void SchemaPlaces::AddAnchor(std::string name, Value value, Value resource) {
  anchors_.push_back({std::move(name), value, resource});
}

/// A document's own $id, whole or without the path in front.
Value SchemaPlaces::FindResource(std::string_view base, Value resource, Value root) const {
  if (base.empty()) return resource.present() ? resource : root;
  const auto ends_with_path = [](std::string_view whole, std::string_view end) {
    return whole == end || (whole.ends_with(end) && !end.empty() &&
                            (end.front() == '/' || whole[whole.size() - end.size() - 1] == '/'));
  };
  for (const auto& [id, value] : resources_) {
    if (!id.empty() && (ends_with_path(id, base) || ends_with_path(base, id))) return value;
  }
  return {};
}

Value SchemaPlaces::FindAnchor(std::string_view name, Value resource) const {
  Value found;
  for (const Anchor& anchor : anchors_) {
    if (anchor.name != name) continue;
    if (anchor.resource.raw().data() == resource.raw().data()) return anchor.value;
    // The outermost document has no need to say its own name.
    if (!anchor.resource.present()) found = anchor.value;
  }
  return found;
}

bool SchemaPlaces::IsSettled(Value keyword) const {
  if (keyword.key() == "$recursiveRef") return resources_.size() <= 1;
  const std::string_view text = keyword.text();
  const std::size_t hash = text.find('#');
  return hash == std::string_view::npos ||
         std::ranges::count(anchors_, text.substr(hash + 1), &Anchor::name) <= 1;
}

SchemaPlaces::Found SchemaPlaces::Find(std::string_view reference, Value resource,
                                       Value root) const {
  const std::size_t hash = std::min(reference.find('#'), reference.size());
  const Value document = FindResource(reference.substr(0, hash), resource, root);
  if (!document.present()) {
    return {.value = {}, .problem = "it refers to another document, and none is fetched"};
  }
  const std::string fragment =
      PercentDecoded(hash == reference.size() ? std::string_view() : reference.substr(hash + 1));
  Found found{
      .value = fragment.empty() || fragment.starts_with('/') ? Walk(document, fragment)
                                                             : FindAnchor(fragment, document),
      .problem = {},
      .in_definitions = fragment.starts_with("/$defs/") || fragment.starts_with("/definitions/")};
  if (!found.value.present()) found.problem = "there is nothing where it refers to";
  return found;
}

}  // namespace triage::verify
