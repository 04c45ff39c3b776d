#include "config/schema.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/money.h"
#include "base/text.h"
#include "config/environment.h"
#include "config/scalars.h"

namespace triage::config {

namespace {

bool IsListOfScalars(Type type) {
  return type == Type::kTextList || type == Type::kSecretList || type == Type::kChoiceList ||
         type == Type::kNumberList;
}

bool IsSecret(Type type) {
  return type == Type::kSecret || type == Type::kSecretList;
}

bool IsContainer(Type type) {
  return type == Type::kMap || type == Type::kNamedMap || type == Type::kMapList ||
         type == Type::kMaps;
}

std::vector<std::string> Choices(const Key& key) {
  std::vector<std::string> choices;
  std::string_view rest = key.choices;
  while (!rest.empty()) {
    std::size_t bar = std::min(rest.find('|'), rest.size());
    choices.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return choices;
}

bool InRange(const Key& key, double value) {
  return value >= key.low && (key.high == 0 || value <= key.high);
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool Fits(const Key& key, std::string_view text) {
  switch (key.type) {
    case Type::kMap:
    case Type::kNamedMap:
    case Type::kMaps:
    case Type::kMapList: return false;
    case Type::kText:
    case Type::kTextList:
    case Type::kTextsAndMaps:
    case Type::kSecret:
    case Type::kSecretList:
    case Type::kPath: return !text.empty() && !HasControl(text);
    case Type::kName: return IsName(text);
    case Type::kChoice:
    case Type::kChoiceList: {
      std::vector<std::string> choices = Choices(key);
      return std::ranges::find(choices, text) != choices.end();
    }
    case Type::kUrl: return IsHttpUrl(text);
    case Type::kAddress: return ParseAddress(text).has_value();
    case Type::kBool: return ParseBool(text).has_value();
    case Type::kInteger: {
      auto value = ParseInteger(text);
      return value && InRange(key, static_cast<double>(*value));
    }
    case Type::kNumber:
    case Type::kNumberList: {
      auto value = ParseNumber(text);
      return value && InRange(key, *value);
    }
    case Type::kSize: {
      auto value = ParseSize(text);
      return value && *value > 0;
    }
    case Type::kDuration: return ParseDuration(text).has_value();
    case Type::kPrice: return ParsePrice(text).has_value();
    case Type::kDate: return ParseDate(text).has_value();
  }
  return false;
}

std::string ShapeName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return "text";
    case Node::Kind::kList: return "a list";
    case Node::Kind::kMap: return "a map";
  }
  return "nothing";
}

std::string Range(const Key& key) {
  if (key.high == 0) return fmt::format(" from {:g}", key.low);
  // 0.499999 stands for "below 0.5".
  if (key.high == 0.499999) return fmt::format(" from {:g} to below 0.5", key.low);
  auto whole = [](double value) {
    return fmt::format("{:.{}f}", value, value < 1 && value > 0 ? 2 : 0);
  };
  return fmt::format(" from {} to {}", whole(key.low), whole(key.high));
}

class Checker {
 public:
  Checker(std::span<const Key> schema, const Environment& environment, Problems& problems)
      : schema_(schema), environment_(environment), problems_(problems) {}

  // `pattern` is the table's path of the map, `path` the file's.
  void CheckMap(Node& map, const std::string& pattern, const std::string& path) {
    std::vector<const Key*> known = Children(pattern);
    for (Node::Entry& entry : map.entries) {
      std::string child = path.empty() ? entry.key : path + "." + entry.key;
      auto key =
          std::ranges::find_if(known, [&](const Key* k) { return LastName(k->path) == entry.key; });
      if (key == known.end()) {
        ReportUnknown(entry, known, child);
        entry.value = Node(entry.at);
      } else {
        CheckValue(entry.value, **key, child);
      }
    }
    for (const Key* key : known) {
      std::string name(LastName(key->path));
      if (!key->required || map.Find(name) != nullptr) continue;
      problems_.Error(map.at, path, fmt::format("'{}' is missing", name), Expected(*key));
    }
  }

  std::string TakeDigest() { return std::move(digest_); }

 private:
  static std::string_view LastName(std::string_view path) {
    return path.substr(path.rfind('.') + 1);
  }

  const Key* FindKey(std::string_view pattern) const {
    auto found = std::ranges::find(schema_, pattern, &Key::path);
    return found == schema_.end() ? nullptr : &*found;
  }

  std::vector<const Key*> Children(const std::string& pattern) const {
    std::string prefix = pattern.empty() ? "" : pattern + ".";
    std::vector<const Key*> children;
    for (const Key& key : schema_) {
      if (!key.path.starts_with(prefix)) continue;
      std::string_view rest = key.path.substr(prefix.size());
      if (rest.find_first_of(".*[") == std::string_view::npos) children.push_back(&key);
    }
    return children;
  }

  void ReportUnknown(const Node::Entry& entry, const std::vector<const Key*>& known,
                     const std::string& path) {
    std::vector<std::string> names;
    for (const Key* key : known) names.emplace_back(LastName(key->path));
    problems_.Error(entry.at, path, fmt::format("unknown key '{}'", entry.key),
                    "one of " + Join(names), NearestNames(entry.key, names, 1));
  }

  void CheckValue(Node& node, const Key& key, const std::string& path) {
    if (IsContainer(key.type)) {
      CheckContainer(node, key, path);
    } else if (IsListOfScalars(key.type) && node.kind == Node::Kind::kList) {
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        CheckScalar(node.items[i], key, fmt::format("{}[{}]", path, i));
      }
    } else if (key.type == Type::kTextsAndMaps && node.kind == Node::Kind::kList) {
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        Node& item = node.items[i];
        const std::string child = fmt::format("{}[{}]", path, i);
        if (item.kind == Node::Kind::kMap) {
          CheckMap(item, std::string(key.path) + "[]", child);
        } else {
          CheckScalar(item, key, child);
        }
      }
    } else {
      CheckScalar(node, key, path);
    }
  }

  void CheckContainer(Node& node, const Key& key, const std::string& path) {
    if (node.is_null()) return;  // a section whose lines are all commented out
    std::string pattern(key.path);
    if (key.type == Type::kMaps && node.kind == Node::Kind::kMap) {
      return CheckMap(node, pattern + "[]", path);
    }
    const bool list = key.type == Type::kMapList || key.type == Type::kMaps;
    if (node.kind != (list ? Node::Kind::kList : Node::Kind::kMap)) {
      return ReportShape(node, key, path);
    }
    if (key.type == Type::kMap) return CheckMap(node, pattern, path);
    if (list) {
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        Node& item = node.items[i];
        std::string child = fmt::format("{}[{}]", path, i);
        if (item.kind == Node::Kind::kMap) {
          CheckMap(item, pattern + "[]", child);
        } else {
          problems_.Error(item.at, child, "found " + ShapeName(item), "a map of keys");
          item = Node(item.at);
        }
      }
      return;
    }
    const Key* value_key = FindKey(pattern + ".*");
    for (Node::Entry& entry : node.entries) {
      std::string child = path + "." + entry.key;
      if (value_key != nullptr) {
        CheckValue(entry.value, *value_key, child);
      } else if (entry.value.kind == Node::Kind::kMap) {
        CheckMap(entry.value, pattern + ".*", child);
      } else {
        problems_.Error(entry.value.at, child, "found " + ShapeName(entry.value), "a map of keys");
        entry.value = Node(entry.value.at);
      }
    }
  }

  void ReportShape(Node& node, const Key& key, const std::string& path) {
    problems_.Error(node.at, path, "found " + ShapeName(node), Expected(key));
    node = Node(node.at);
  }

  void CheckScalar(Node& node, const Key& key, const std::string& path) {
    if (!node.is_scalar()) return ReportShape(node, key, path);
    if (!environment_.Substitute(node, path, problems_)) {
      node = Node(node.at);
      return;
    }
    if (!IsSecret(key.type) && node.from_env) digest_ += path + "=" + node.text + "\n";
    if (Fits(key, node.text)) return;
    // The value itself is shown only when it stands in the file for all to read.
    std::string message = "the value is not valid";
    std::vector<std::string> nearest;
    if (node.from_env) {
      message = fmt::format("the value of '{}' is not valid", node.raw);
    } else if (key.type == Type::kUrl && node.text.find('@') != std::string::npos) {
      message = "a URL with credentials in it is not valid";
    } else if (!IsSecret(key.type)) {
      message = fmt::format("'{}' is not valid", node.raw);
      nearest = NearestNames(node.raw, Choices(key), 1);
    }
    problems_.Error(node.at, path, std::move(message), Expected(key), std::move(nearest));
    node = Node(node.at);
  }

  std::span<const Key> schema_;
  const Environment& environment_;
  Problems& problems_;
  std::string digest_;
};

std::string TypeName(const Key& key) {
  switch (key.type) {
    case Type::kMap: return "map";
    case Type::kNamedMap: return "map by name";
    case Type::kMapList: return "list of maps";
    case Type::kMaps: return "map or list of maps";
    case Type::kText: return "text";
    case Type::kSecret: return "secret text";
    case Type::kName: return "name";
    case Type::kChoice: return "`" + Join(Choices(key), "`, `") + "`";
    case Type::kUrl: return "URL";
    case Type::kAddress: return "host:port";
    case Type::kPath: return "path";
    case Type::kBool: return "true or false";
    case Type::kInteger: return "whole number" + Range(key);
    case Type::kNumber: return "number" + Range(key);
    case Type::kSize: return "size";
    case Type::kDuration: return "duration";
    case Type::kPrice: return "price";
    case Type::kDate: return "date";
    case Type::kTextsAndMaps: return "text or list";
    case Type::kTextList: return "text or list";
    case Type::kSecretList: return "list of secret texts";
    case Type::kChoiceList: return "list of `" + Join(Choices(key), "`, `") + "`";
    case Type::kNumberList: return "list of numbers" + Range(key);
  }
  return "text";
}

}  // namespace

std::string CheckShape(Node& root, std::span<const Key> schema, const Environment& environment,
                       Problems& problems) {
  if (root.kind != Node::Kind::kMap) {
    if (!root.is_null()) {
      problems.Error(root.at, "", "the file holds " + ShapeName(root), "a map of keys");
      return {};
    }
    root = Node(Node::Kind::kMap, {1, 1});
  }
  Checker checker(schema, environment, problems);
  checker.CheckMap(root, "", "");
  return checker.TakeDigest();
}

std::string Expected(const Key& key) {
  switch (key.type) {
    case Type::kMap: return "a map of keys";
    case Type::kNamedMap: return "a map from names to values";
    case Type::kMapList: return "a list of maps";
    case Type::kMaps: return "a map of keys or a list of such maps";
    case Type::kText: return "text";
    case Type::kSecret: return "text such as ${NAME}, without control characters";
    case Type::kName: return "a name of letters, digits, '.', '_' and '-'";
    case Type::kChoice: return "one of " + Join(Choices(key));
    case Type::kUrl:
      return "a URL such as https://api.example.com/v1, without credentials and query";
    case Type::kAddress: return "host:port such as 127.0.0.1:8080, port 0 to 65535";
    case Type::kPath: return "a path";
    case Type::kBool: return "true or false";
    case Type::kInteger: return "a whole number" + Range(key);
    case Type::kNumber: return "a number" + Range(key);
    case Type::kSize: return "a size such as 512KiB, 32MiB, 1GiB, more than 0";
    case Type::kDuration: return "a duration such as 100ms, 60s, 5m";
    case Type::kPrice: return "USD such as 0.18, not negative, at most 9 decimals";
    case Type::kDate: return "a date such as 2024-07-23";
    case Type::kTextsAndMaps: return "text or a list of texts and maps";
    case Type::kTextList: return "text or a list of texts";
    case Type::kSecretList: return "a list of texts such as ${NAME}, without control characters";
    case Type::kChoiceList: return "one or a list of " + Join(Choices(key));
    case Type::kNumberList: return "a list of numbers" + Range(key);
  }
  return "text";
}

std::string ReferenceMarkdown() {
  std::string table = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const Key& key : ConfigSchema()) {
    std::string fallback = key.required           ? "required"
                           : key.fallback.empty() ? ""
                                                  : "`" + std::string(key.fallback) + "`";
    table += fmt::format("| `{}` | {} | {} | {} |\n", key.path, TypeName(key), fallback, key.about);
  }
  return table;
}

}  // namespace triage::config
