#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace triage::wire {

class JsonTree;

/// One value in a JsonTree; a handle, valid as long as the tree holds its text. A handle of nothing
/// (an absent member) answers like null, so that look-ups can be chained.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { kAbsent, kNull, kBool, kNumber, kString, kArray, kObject };

  JsonValue() = default;

  Kind kind() const;

  bool present() const { return kind() != Kind::kAbsent; }

  /// Absent or null.
  bool null() const { return kind() == Kind::kAbsent || kind() == Kind::kNull; }

  bool is_string() const { return kind() == Kind::kString; }

  bool is_object() const { return kind() == Kind::kObject; }

  bool is_array() const { return kind() == Kind::kArray; }

  /// The bytes as they were written, quotes and brackets included; empty when absent.
  std::string_view raw() const;
  /// Decoded text; empty when it is no string. A view into the tree when there were no escapes,
  /// else into text that the tree decodes once and keeps.
  std::string_view text() const;

  std::string string() const { return std::string(text()); }

  /// Nothing when it is no number or does not fit. A whole number may be written as 1.0 or 1e3.
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;

  /// Member of an object; absent when there is none.
  JsonValue operator[](std::string_view key) const;
  /// Several members deep.
  JsonValue At(std::initializer_list<std::string_view> keys) const;

  /// Elements or members.
  std::size_t size() const;
  /// Decoded key of a member, empty for anything else.
  std::string_view key() const;
  /// RFC 6901, e.g. "/messages/0/content". Slow: for error messages.
  std::string Pointer() const;

  class Iterator {
   public:
    Iterator(const JsonTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}

    JsonValue operator*() const { return JsonValue(tree_, index_); }

    Iterator& operator++();

    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const JsonTree* tree_;
    std::uint32_t index_;
  };

  Iterator begin() const;
  Iterator end() const;

 private:
  friend class JsonTree;

  JsonValue(const JsonTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}

  const JsonTree* tree_ = nullptr;
  std::uint32_t index_ = 0;
};

/// A JSON text (RFC 8259) cut into values that keep their bytes: what is only passed on is passed
/// on as it was written. Keeps its own copy of the text; reused for the next one, it allocates
/// little. Objects with a key twice are refused, because readers disagree on which one counts. Not
/// movable: values point to it.
class JsonTree {
 public:
  JsonTree() = default;
  JsonTree(const JsonTree&) = delete;
  JsonTree& operator=(const JsonTree&) = delete;

  /// Error kInvalidRequest that says what is wrong at which byte, or names the JSON pointer of the
  /// object with a key twice (in `field`). At most 2³¹ bytes.
  Result<void> Parse(std::string_view text, int max_depth = 64);

  /// The whole text; absent before Parse has succeeded.
  JsonValue root() const;

  /// Offset into the parsed text of bytes that belong to it (a `raw()`).
  std::size_t OffsetOf(std::string_view part) const;

 private:
  friend class JsonValue;

  struct Node {
    JsonValue::Kind kind = JsonValue::Kind::kAbsent;
    std::uint32_t begin = 0;  // of the raw text
    std::uint32_t end = 0;
    std::uint32_t next = 0;  // the sibling behind it; 0 = none
    std::uint32_t parent = 0;
    std::uint32_t children = 0;
    std::string_view key;  // decoded
  };

  class Builder;

  std::string text_;                        // with room behind it for simdjson
  std::vector<Node> nodes_;                 // in order of appearance; 0 is the root
  mutable std::list<std::string> decoded_;  // texts that had escapes
};

/// Whether `text` is one JSON object.
bool IsJsonObject(std::string_view text);

/// A call's arguments as the object that a dialect wants: they are the model's words and may be cut
/// off, which becomes "{}".
std::string_view ArgumentsObject(std::string_view arguments);

}  // namespace triage::wire
