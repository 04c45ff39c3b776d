#include "wire/json_tree.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "wire/json.h"
#include "wire/json_cursor.h"

namespace triage::wire {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 31;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

JsonValue::Kind JsonValue::kind() const {
  return tree_ == nullptr ? Kind::kAbsent : tree_->nodes_[index_].kind;
}

std::string_view JsonValue::raw() const {
  if (tree_ == nullptr) return {};
  const JsonTree::Node& node = tree_->nodes_[index_];
  return std::string_view(tree_->text_).substr(node.begin, node.end - node.begin);
}

std::string_view JsonValue::text() const {
  if (kind() != Kind::kString) return {};
  const std::string_view inside = JsonCursor::Inside(raw());
  if (inside.find('\\') == std::string_view::npos) return inside;
  std::string& decoded = tree_->decoded_.emplace_back();
  decoded.reserve(inside.size());
  AppendUnescaped(decoded, inside);  // Parse has checked the escapes
  return decoded;
}

std::optional<std::int64_t> JsonValue::integer() const {
  if (kind() != Kind::kNumber) return std::nullopt;
  const std::string_view token = raw();
  std::int64_t value = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  if (read.ec == std::errc() && read.ptr == token.data() + token.size()) return value;
  const std::optional<double> wide = number();
  constexpr double kLimit = 9.0e15;  // doubles are exact up to here
  if (!wide || std::trunc(*wide) != *wide || std::abs(*wide) > kLimit) return std::nullopt;
  return static_cast<std::int64_t>(*wide);
}

std::optional<double> JsonValue::number() const {
  if (kind() != Kind::kNumber) return std::nullopt;
  const std::string_view token = raw();
  double value = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  if (read.ec != std::errc() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> JsonValue::boolean() const {
  if (kind() != Kind::kBool) return std::nullopt;
  return raw() == "true";
}

JsonValue JsonValue::operator[](std::string_view key) const {
  if (kind() != Kind::kObject) return {};
  for (JsonValue member : *this) {
    if (member.key() == key) return member;
  }
  return {};
}

JsonValue JsonValue::At(std::initializer_list<std::string_view> keys) const {
  JsonValue value = *this;
  for (std::string_view key : keys) value = value[key];
  return value;
}

std::size_t JsonValue::size() const {
  return tree_ == nullptr ? 0 : tree_->nodes_[index_].children;
}

std::string_view JsonValue::key() const {
  return tree_ == nullptr ? std::string_view{} : tree_->nodes_[index_].key;
}

std::string JsonValue::Pointer() const {
  if (tree_ == nullptr || index_ == 0) return "";
  const std::uint32_t parent = tree_->nodes_[index_].parent;
  std::string pointer = JsonValue(tree_, parent).Pointer() + "/";
  if (tree_->nodes_[parent].kind == Kind::kArray) {
    std::size_t place = 0;
    // A value that was refused while it was read is not linked behind its siblings yet.
    for (std::uint32_t at = parent + 1; at != index_ && at != 0; at = tree_->nodes_[at].next) {
      ++place;
    }
    return pointer + std::to_string(place);
  }
  for (char c : key()) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = tree_->nodes_[index_].next;
  return *this;
}

JsonValue::Iterator JsonValue::begin() const {
  return {tree_, size() == 0 ? 0 : index_ + 1};
}

JsonValue::Iterator JsonValue::end() const {
  return {tree_, 0};
}

// Fills a tree's nodes. Functions return false when reading must stop, with `twice_` set for a key
// that an object has twice.
class JsonTree::Builder {
 public:
  using Value = simdjson::ondemand::value;

  Builder(JsonTree& tree, int max_depth) : tree_(tree), cursor_(max_depth), max_depth_(max_depth) {}

  bool Run(simdjson::ondemand::parser& parser) {
    simdjson::ondemand::document document;
    const std::string& text = tree_.text_;
    if (parser.iterate(text.data(), text.size(), text.capacity()).get(document)) return false;
    simdjson::ondemand::json_type type;
    if (document.type().get(type)) return false;
    if (type == simdjson::ondemand::json_type::object ||
        type == simdjson::ondemand::json_type::array) {
      Value value;
      if (document.get_value().get(value) || !Take(value, 0, {}, 0)) return false;
      const std::size_t end = tree_.nodes_.front().end;
      return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), IsSpace);
    }
    return TakeScalarDocument();
  }

  const std::optional<std::uint32_t>& twice() const { return twice_; }

 private:
  // simdjson hands out no value for a document that is one scalar.
  bool TakeScalarDocument() {
    if (FindJsonProblem(tree_.text_, max_depth_)) return false;
    std::size_t begin = 0;
    while (IsSpace(tree_.text_[begin])) ++begin;
    const std::string_view token = JsonCursor::Trimmed(std::string_view(tree_.text_).substr(begin));
    return Add(token, 0, {}) && Scalar(0, token);
  }

  std::uint32_t Place(const char* at) const {
    return static_cast<std::uint32_t>(at - tree_.text_.data());
  }

  bool Add(std::string_view token, std::uint32_t parent, std::string_view key) {
    const std::uint32_t begin = Place(token.data());
    tree_.nodes_.push_back({.begin = begin,
                            .end = begin + static_cast<std::uint32_t>(token.size()),
                            .parent = parent,
                            .key = key});
    return true;
  }

  bool Scalar(std::uint32_t index, std::string_view token) {
    using Kind = JsonValue::Kind;
    Node& node = tree_.nodes_[index];
    if (token.front() == '"') {
      node.kind = Kind::kString;
      return token.size() >= 2 && ValidEscapes(JsonCursor::Inside(token));
    }
    if (token == "null") {
      node.kind = Kind::kNull;
    } else if (token == "true" || token == "false") {
      node.kind = Kind::kBool;
    } else {
      node.kind = Kind::kNumber;
      return IsJsonNumber(token);
    }
    return true;
  }

  // Adds `value`, itself inside `depth` containers, and moves behind it.
  bool Take(Value& value, std::uint32_t parent, std::string_view key, int depth) {
    const std::string_view token = JsonCursor::Token(value);
    if (token.empty()) return false;
    const auto index = static_cast<std::uint32_t>(tree_.nodes_.size());
    Add(token, parent, key);
    const char opening = token.front();
    if (opening != '{' && opening != '[') return Scalar(index, token);
    if (depth >= max_depth_) return false;
    const bool taken =
        opening == '{' ? TakeObject(value, index, depth) : TakeArray(value, index, depth);
    if (!taken) return false;
    // Behind the last child there is nothing but white space and the closing bracket.
    std::size_t at =
        last_child_end_ == 0 ? tree_.nodes_[index].begin + std::size_t{1} : last_child_end_;
    while (at < tree_.text_.size() && IsSpace(tree_.text_[at])) ++at;
    tree_.nodes_[index].end = static_cast<std::uint32_t>(at + 1);
    return true;
  }

  void Link(std::uint32_t parent, std::uint32_t& last, std::uint32_t child) {
    if (last != 0) tree_.nodes_[last].next = child;
    last = child;
    ++tree_.nodes_[parent].children;
  }

  bool TakeObject(Value& value, std::uint32_t index, int depth) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object)) return false;
    tree_.nodes_[index].kind = JsonValue::Kind::kObject;
    std::uint32_t last = 0;
    for (auto each : object) {
      simdjson::ondemand::field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor_.Key(entry, key)) return false;
      // Decoded keys must outlive the cursor.
      if (key.data() < tree_.text_.data() ||
          key.data() >= tree_.text_.data() + tree_.text_.size()) {
        key = tree_.decoded_.emplace_back(key);
      }
      const auto child = static_cast<std::uint32_t>(tree_.nodes_.size());
      if (!Take(entry.value(), index, key, depth + 1)) return false;
      Link(index, last, child);
    }
    last_child_end_ = last == 0 ? 0 : tree_.nodes_[last].end;
    return KeysDiffer(index);
  }

  bool TakeArray(Value& value, std::uint32_t index, int depth) {
    simdjson::ondemand::array array;
    if (value.get_array().get(array)) return false;
    tree_.nodes_[index].kind = JsonValue::Kind::kArray;
    std::uint32_t last = 0;
    for (auto each : array) {
      Value inner;
      if (std::move(each).get(inner)) return false;
      const auto child = static_cast<std::uint32_t>(tree_.nodes_.size());
      if (!Take(inner, index, {}, depth + 1)) return false;
      Link(index, last, child);
    }
    last_child_end_ = last == 0 ? 0 : tree_.nodes_[last].end;
    return true;
  }

  bool KeysDiffer(std::uint32_t index) {
    const std::uint32_t count = tree_.nodes_[index].children;
    if (count < 2) return true;
    keys_.clear();
    for (std::uint32_t at = index + 1; at != 0; at = tree_.nodes_[at].next) keys_.push_back(at);
    std::sort(keys_.begin(), keys_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(tree_.nodes_[a].key, a) < std::pair(tree_.nodes_[b].key, b);
    });
    for (std::size_t i = 1; i < keys_.size(); ++i) {
      if (tree_.nodes_[keys_[i]].key == tree_.nodes_[keys_[i - 1]].key) {
        twice_ = keys_[i];
        return false;
      }
    }
    return true;
  }

  JsonTree& tree_;
  JsonCursor cursor_;
  const int max_depth_;
  std::size_t last_child_end_ = 0;  // of the container that was left last
  std::vector<std::uint32_t> keys_;
  std::optional<std::uint32_t> twice_;
};

Result<void> JsonTree::Parse(std::string_view text, int max_depth) {
  nodes_.clear();
  decoded_.clear();
  if (text.size() > kMostBytes) {
    return Error{.code = ErrorCode::kTooLarge, .message = "The JSON text is too large."};
  }
  text_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  text_.assign(text);
  Builder builder(*this, max_depth);
  const bool built =
      !text_.empty() && WithParser(text_.size(), [&](auto& parser) { return builder.Run(parser); });
  if (built) return {};
  Error error{.code = ErrorCode::kInvalidRequest, .message = {}};
  if (builder.twice()) {
    error.field = JsonValue(this, *builder.twice()).Pointer();
    error.message = fmt::format("{}: this key is given twice; keep one.", error.field);
  } else if (const auto problem = FindJsonProblem(text_, max_depth)) {
    error.message =
        fmt::format("The body is not valid JSON: {} at byte {}.", problem->reason, problem->offset);
  } else {
    error.message = "The body is not valid JSON.";
  }
  nodes_.clear();
  return error;
}

JsonValue JsonTree::root() const {
  return nodes_.empty() ? JsonValue() : JsonValue(this, 0);
}

std::size_t JsonTree::OffsetOf(std::string_view part) const {
  return static_cast<std::size_t>(part.data() - text_.data());
}

bool IsJsonObject(std::string_view text) {
  if (text == "{}") return true;
  JsonTree tree;
  return tree.Parse(text).has_value() && tree.root().is_object();
}

std::string_view ArgumentsObject(std::string_view arguments) {
  return IsJsonObject(arguments) ? arguments : std::string_view("{}");
}

}  // namespace triage::wire
