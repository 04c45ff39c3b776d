#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "decide/decide.h"
#include "feedback/sessions.h"
#include "feedback/signals.h"
#include "ledger/record.h"
#include "llm/types.h"
#include "pipeline/snapshot.h"

namespace triage::pipeline {

/// A request as a turn of its session: what it shows of the answer before it, what that means for
/// its tier, and what is remembered for the next turn. Belongs to one exchange.
class SessionTurn {
 public:
  /// Looks the session up and reads the turn. May count an escalation against the caps of user and
  /// session. Views into `request` are kept until Note.
  void Read(const Snapshot& snapshot, feedback::Sessions& sessions, const llm::Request& request,
            SteadyTime now);

  /// Instead of Read, for a request that is answered again at its client's wish: from `tier` on.
  void Retry(std::string tier, std::string because);

  /// Adds what the session asks for: a floor, higher stakes, the gain of switching the model at the
  /// prices of `time`.
  void Ask(const Snapshot& snapshot, const llm::Request& request, WallTime time,
           decide::Input& input);

  /// Whether the turn itself moved up because of the answer before it.
  bool escalated() const { return escalated_; }

  /// Two turns of late were very dissatisfied: time for a person.
  bool hand_off() const { return found_ && found_->session.hand_off(); }

  /// What the turn says of the answer before it, as feedback on that exchange; nothing when it says
  /// nothing or the session is not certain.
  std::optional<ledger::Feedback> Said(const ExchangeId& id, std::uint64_t client,
                                       WallTime now) const;

  /// What the exchange leaves for the next turn.
  struct Answered {
    ExchangeId id;
    std::string_view tier;
    std::string_view model;
    std::int64_t tokens = 0;                    ///< input and output
    std::optional<std::string_view> text = {};  ///< of the answer, where it was read
  };

  /// Remembers the exchange as the session's latest.
  void Note(feedback::Sessions& sessions, const llm::Request& request, const Answered& answered,
            SteadyTime now);

 private:
  std::optional<feedback::Sessions::Found> found_;
  std::optional<feedback::Reading> reading_;
  feedback::SignalOptions options_;
  feedback::Act act_ = feedback::Act::kNothing;
  feedback::Refusal refusal_ = feedback::Refusal::kNone;
  bool escalated_ = false;
  bool warm_ = false;  // the provider may still have the conversation in its cache
  std::string retry_tier_;
  std::string because_;
  std::vector<NanoDollars> gains_;
};

}  // namespace triage::pipeline
