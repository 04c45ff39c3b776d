#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "verify/verdict.h"

namespace triage::verify {

struct CompiledSchema;

/// What an answer's JSON lacks.
struct Validation {
  bool is_json = true;                  ///< one JSON value and nothing else
  std::vector<FieldError> errors = {};  ///< at most kMostErrors
  bool more_errors = false;
  /// The schema asks for more steps than are granted (kMostSteps): nothing is known.
  bool gave_up = false;

  bool valid() const { return errors.empty() && !gave_up; }
};

/// A compiled JSON Schema (draft 2020-12 and the older spellings; docs/verify.md has the table).
/// Immutable and cheap to copy; const calls may come from any thread. Patterns run under RE2, in
/// linear time; a schema can neither recurse nor multiply without end.
class Schema {
 public:
  static constexpr std::size_t kMostBytes = 256 * 1024;
  static constexpr std::size_t kMostDepth = 64;           ///< of the schema's own nesting
  static constexpr std::size_t kMostInstanceDepth = 128;  ///< of an answer
  static constexpr std::size_t kMostInstanceBytes = 8 * 1024 * 1024;
  static constexpr std::size_t kMostSteps = 500'000;

  /// Errors: kInvalidRequest, or kTooLarge, with `field` = JSON pointer to the keyword at fault
  /// (into the schema): not JSON, a value of the wrong kind, an unknown type, a regular expression
  /// that is none, a reference that leads nowhere, round in a circle or out of the document.
  static Result<Schema> Compile(std::string_view json);

  Validation Validate(std::string_view json) const;

  /// Of the schema's meaning-bearing text: same for the same keys in the same order, whatever the
  /// white space.
  std::uint64_t hash() const;

  /// Compact JSON of it.
  const std::string& text() const;

  /// Names in the top level's `properties`, in order; empty when it describes no object.
  const std::vector<std::string>& properties() const;
  /// Those of the top level's `required` that are also `properties`.
  const std::vector<std::string>& required() const;

  /// JSON pointers of keywords that are understood but not checked: patterns that RE2 cannot run
  /// (look-around, back references), and `$dynamicRef` where it could mean several places.
  const std::vector<std::string>& unchecked() const;

  /// The schema of an object with just these top-level properties, all of them required;
  /// definitions are kept. Errors: kInvalidRequest for a name that is none of properties();
  /// kUnsupported for a schema that refers to places outside its definitions.
  Result<Schema> SubSchema(std::span<const std::string> names) const;

  /// For this folder.
  explicit Schema(std::shared_ptr<const CompiledSchema> compiled)
      : compiled_(std::move(compiled)) {}

  const CompiledSchema& compiled() const { return *compiled_; }

 private:
  std::shared_ptr<const CompiledSchema> compiled_;
};

/// The top-level properties that errors lie in, in the errors' order; empty when an error concerns
/// the whole value, so that no part of it can be mended alone.
std::vector<std::string> FailingFields(const Validation& validation);

}  // namespace triage::verify
