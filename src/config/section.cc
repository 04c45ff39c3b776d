#include "config/section.h"

#include <algorithm>

#include "base/error.h"
#include "config/scalars.h"
#include "config/schema.h"

namespace triage::config {

const Node* Section::Get(std::string_view key) const {
  if (map_ == nullptr) return nullptr;
  const Node* found = map_->Find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::optional<std::string> Section::Text(std::string_view key) const {
  const Node* node = Get(key);
  if (node == nullptr || !node->is_scalar()) return std::nullopt;
  return node->text;
}

std::vector<std::string> Section::Texts(std::string_view key) const {
  std::vector<std::string> texts;
  for (const Node* node : Scalars(Get(key))) texts.push_back(node->text);
  return texts;
}

std::optional<std::int64_t> Section::Integer(std::string_view key) const {
  auto text = Text(key);
  return text ? ParseInteger(*text) : std::nullopt;
}

std::optional<double> Section::Number(std::string_view key) const {
  auto text = Text(key);
  return text ? ParseNumber(*text) : std::nullopt;
}

std::optional<PricePerMillion> Section::Price(std::string_view key) const {
  auto text = Text(key);
  if (!text) return std::nullopt;
  auto parsed = ParsePrice(*text);
  if (!parsed) return std::nullopt;
  return *parsed;
}

std::optional<std::chrono::sys_days> Section::Date(std::string_view key) const {
  auto text = Text(key);
  return text ? ParseDate(*text) : std::nullopt;
}

std::string DefaultedSection::Text(std::string_view key) const {
  if (auto given = section_.Text(key)) return *given;
  std::string path = pattern_.empty() ? std::string(key) : pattern_ + "." + std::string(key);
  auto schema = ConfigSchema();
  auto found = std::ranges::find(schema, path, &Key::path);
  TRIAGE_CHECK(found != schema.end() && !found->fallback.empty());
  return std::string(found->fallback);
}

// CheckShape has let only texts of the right type through, and a test parses every default.
std::int64_t DefaultedSection::Integer(std::string_view key) const {
  return ParseInteger(Text(key)).value_or(0);
}

std::int64_t DefaultedSection::Size(std::string_view key) const {
  return ParseSize(Text(key)).value_or(0);
}

double DefaultedSection::Number(std::string_view key) const {
  return ParseNumber(Text(key)).value_or(0);
}

bool DefaultedSection::Bool(std::string_view key) const {
  return ParseBool(Text(key)).value_or(false);
}

std::chrono::milliseconds DefaultedSection::Duration(std::string_view key) const {
  return ParseDuration(Text(key)).value_or(std::chrono::milliseconds(0));
}

std::vector<const Node*> Scalars(const Node* node) {
  std::vector<const Node*> scalars;
  if (node == nullptr) return scalars;
  if (node->is_scalar()) scalars.push_back(node);
  for (const Node& item : node->items) {
    if (item.is_scalar()) scalars.push_back(&item);
  }
  return scalars;
}

std::vector<const Node*> Maps(const Node* node) {
  std::vector<const Node*> maps;
  if (node == nullptr) return maps;
  if (node->kind == Node::Kind::kMap) maps.push_back(node);
  for (const Node& item : node->items) {
    if (item.kind == Node::Kind::kMap) maps.push_back(&item);
  }
  return maps;
}

Capabilities ReadWords(const std::vector<std::string>& names) {
  auto has = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  return {.tools = has("tools"),
          .vision = has("vision"),
          .json = has("json"),
          .json_schema = has("json_schema"),
          .logprobs = has("logprobs"),
          .choices = has("choices"),
          .image_urls = has("image_urls"),
          .documents = has("documents"),
          .embeddings = has("embeddings")};
}

Capabilities ReadCapabilities(const std::vector<std::string>& names) {
  Capabilities capabilities = ReadWords(names);
  capabilities.json = capabilities.json || capabilities.json_schema;
  capabilities.image_urls = capabilities.vision;
  return capabilities;
}

}  // namespace triage::config
