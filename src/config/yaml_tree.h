#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace triage::config {

class Problems;

/// From 1; {0, 0} = the file as a whole.
struct Position {
  int line = 0;
  int column = 0;
};

/// A parsed YAML value with its place in the file.
struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;

  Node() = default;
  explicit Node(Position where);
  Node(Kind its_kind, Position where, std::string its_raw = {});

  Kind kind = Kind::kNull;
  Position at;
  std::string raw;   ///< scalar as written; may be shown in messages unless it is a secret
  std::string text;  ///< scalar with environment variables put in; must not be shown when from_env
  bool from_env = false;
  std::vector<Node> items;     ///< of a list
  std::vector<Entry> entries;  ///< of a map, in the order of the file, keys unique

  const Node* Find(std::string_view key) const;

  bool is_null() const { return kind == Kind::kNull; }

  bool is_scalar() const { return kind == Kind::kScalar; }
};

struct Node::Entry {
  std::string key;
  Position at;
  Node value;
};

/// Parses one YAML document. `${NAME}` may stand unquoted anywhere, also inside `{…}` and `[…]`,
/// and is left as it is in `raw`. Broken YAML gives one problem and an empty map; duplicate keys
/// give one problem each, the first stays. Aliases are expanded up to a bound.
Node ParseYaml(std::string_view text, Problems& problems);

}  // namespace triage::config
