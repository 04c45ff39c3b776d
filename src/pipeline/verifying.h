#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "config/config.h"
#include "decide/decision.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "llm/types.h"
#include "pipeline/snapshot.h"
#include "verify/checks.h"
#include "verify/schema.h"
#include "verify/verdict.h"

namespace triage::pipeline {

/// What checks found in one answer.
struct Findings {
  std::vector<verify::Verdict> verdicts;
  llm::Answer answer;  ///< as it was read; empty when that failed
  std::string text;    ///< of it

  bool failed() const { return verify::Overall(verdicts) == verify::Outcome::kFail; }
};

/// The checks that a decision asks for and what the request says of its answer, read once. Belongs
/// to one exchange; request and snapshot outlive it.
class Verification {
 public:
  /// Null when the decision asks for no check or there is nothing to be checked (embeddings,
  /// several choices). Error kInvalidRequest when the JSON Schema of the request is none: `field`
  /// points at its keyword in the client's body.
  static Result<std::unique_ptr<Verification>> Make(const Snapshot& snapshot,
                                                    const llm::Request& request,
                                                    const decide::Decision& decision);

  /// When a stream is released; of the modes that the decision names the most careful one.
  config::StreamMode mode() const { return mode_; }

  /// Names of the webhooks among the checks.
  const std::vector<std::string>& webhooks() const { return webhooks_; }

  /// Whether the decision asks for a second look by a model, whatever it costs.
  bool spot_check() const { return spot_check_; }

  /// Null when the request has none.
  const verify::Schema* schema() const { return schema_ ? &*schema_ : nullptr; }

  /// Of a whole answer in the client's bytes. An answer that cannot be read gets one verdict,
  /// `readable`: unsure.
  Findings Check(std::string_view bytes, const Clock& clock) const;

  /// Of an answer that was put together here.
  Findings CheckAnswer(llm::Answer answer, const Clock& clock) const;

  /// Of what has come of a stream.
  std::vector<verify::Verdict> CheckBegun(std::string_view bytes, const Clock& clock) const;

  /// The request in neutral terms; null when its dialect cannot read it, which it could before.
  const llm::Conversation* conversation() const;

 private:
  Verification(const Snapshot& snapshot, const llm::Request& request)
      : snapshot_(snapshot), request_(request) {}

  /// Takes up checks by name; gives the most careful mode among them.
  std::optional<config::StreamMode> Take(std::span<const std::string> names);

  bool TakesNone() const { return names_.empty() && webhooks_.empty() && !spot_check_; }

  const verify::Asked& Asked() const;

  const Snapshot& snapshot_;
  const llm::Request& request_;
  config::StreamMode mode_ = config::StreamMode::kWindow;
  std::vector<std::string> names_;
  std::vector<std::string> webhooks_;
  bool spot_check_ = false;
  std::optional<verify::Schema> schema_;
  // Read when they are first needed: few requests have tools, and few answers fail.
  mutable std::optional<Result<llm::Conversation>> conversation_;
  mutable std::vector<verify::ToolSchema> tools_;
  mutable std::optional<verify::Asked> asked_;
};

/// Whether the client cannot use an answer that this check fails, so that it gets an error rather
/// than the answer, and whether the model may mend it when it is told what is wrong: JSON that
/// breaks its schema, and what the configuration itself demands. A refusal or an odd text is an
/// answer all the same.
bool IsBinding(const Snapshot& snapshot, const verify::Verdict& verdict);

}  // namespace triage::pipeline
