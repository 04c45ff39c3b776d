#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "llm/types.h"
#include "verify/schema.h"
#include "verify/verdict.h"

namespace triage::verify {

/// A tool of the request with its parameters' schema, compiled.
struct ToolSchema {
  std::string name;
  std::optional<Schema> parameters;  ///< none when the client gave none
};

/// Errors: as Schema::Compile, with "/INDEX/parameters" in front of `field`. Tools that the
/// provider runs have no schema and are left out.
Result<std::vector<ToolSchema>> CompileTools(std::span<const llm::Tool> tools);

/// What the request asked for. Views into what the caller keeps.
struct Asked {
  std::span<const llm::Turn> turns = {};
  bool json = false;               ///< the answer is to be JSON, by a schema or not
  const Schema* schema = nullptr;  ///< which the answer shall follow
  std::span<const ToolSchema> tools = {};
  std::int64_t max_output_tokens = 0;  ///< the client's own limit; 0 = none given
};

/// What came. Views into what the caller keeps.
struct Given {
  std::string_view text = {};
  std::string_view refusal = {};  ///< of a refusal part
  llm::FinishReason finish = llm::FinishReason::kStop;
  std::vector<const llm::ToolCallPart*> calls = {};
  bool has_other = false;  ///< content that no check reads: images, parts of one dialect only
};

/// `text` holds the answer's text where it has several parts, and must outlive what is returned,
/// as must `answer`.
Given GivenOf(const llm::Answer& answer, std::string& text);

/// A regular expression (RE2) of the configuration as a check of the answer's text.
struct PatternOption {
  std::string name;
  std::string pattern;
  bool must_match = true;  ///< else it must not
};

/// Checks that need no model: they read request and answer, and give a verdict each. Immutable,
/// shared by all threads. docs/verify.md says what each catches and how well.
class Checks {
 public:
  /// Errors: kInvalidRequest with the pattern's name in `field`, for a pattern that RE2 refuses or
  /// a name that is taken or not of letters, digits, "_" and "-".
  static Result<Checks> Make(std::span<const PatternOption> patterns);

  Checks(Checks&&) noexcept;
  Checks& operator=(Checks&&) noexcept;
  ~Checks();

  /// All names that Run knows, `basic` first, patterns last.
  std::vector<std::string> Names() const;
  bool Knows(std::string_view name) const;

  /// Verdicts of the checks called `names` that apply to this answer, each once; `basic` stands
  /// for finish, empty, refusal, dont_know, placeholder, loop, language, fences and leak, and for
  /// json, json_schema and tool_arguments where the request asked for them. Unknown names are
  /// passed over. Linear in prompt and answer.
  std::vector<Verdict> Run(std::span<const std::string> names, const Asked& asked,
                           const Given& given) const;

  /// Of the first part of an answer that is still coming: only checks that a prefix can fail
  /// already (refusal, dont_know, placeholder, loop, language, leak, patterns that must not match).
  std::vector<Verdict> RunPartial(std::span<const std::string> names, const Asked& asked,
                                  std::string_view text) const;

 private:
  struct Parts;
  explicit Checks(std::unique_ptr<const Parts> parts);

  std::unique_ptr<const Parts> parts_;
};

}  // namespace triage::verify
