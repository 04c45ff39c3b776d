#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/task.h"
#include "decide/decision.h"
#include "dispatch/dispatch.h"
#include "ledger/record.h"
#include "llm/provider.h"
#include "llm/types.h"
#include "pipeline/admitting.h"
#include "pipeline/judging.h"
#include "pipeline/session_turn.h"
#include "pipeline/spot_checking.h"
#include "pipeline/verifying.h"
#include "pipeline/worker.h"
#include "prices/text_size.h"

namespace triage::pipeline {

/// One client request from its parsed form to its last byte. Lives in the frame of the route that
/// serves it, on one thread. Order of calls: fill `request`, Start, then Next until it gives
/// nothing, with Deliver* telling what reached the client. The destructor books it on the ledger
/// and the metrics, however it ended.
class Exchange {
 public:
  /// `client_gone` outlives the exchange.
  Exchange(Worker& worker, CancelScope& client_gone);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  llm::Request& request() { return request_; }

  const ExchangeId& id() const { return id_; }

  /// Nobody waits for its answer now (a background response): it goes behind those that somebody
  /// waits for. Before Start.
  void InBackground() { background_ = true; }

  /// The client wants another exchange's request, which `request` holds, answered by `tier` or
  /// above. Before Start.
  void Retry(const ExchangeId& of, std::string tier);

  /// Stages in their order: admit, decide, dispatch. On success an answer has begun and nothing of
  /// it has been released.
  Task<Result<void>> Start();

  /// After Start succeeded. Of the answer that is released, once Next has given its first bytes.
  const llm::Reply& reply() const { return *source_.reply; }

  /// The next bytes for the client, valid until the next call; empty at the end. What has to be
  /// checked first is held back, and another answer takes the place of one that does not hold. An
  /// error means that nothing could be released, or that the answer broke off.
  Task<Result<std::string_view>> Next();

  /// Whether Next may take long because an answer is held back: the client may want a sign of life.
  bool holds_back() const;

  /// Nothing before a decision was made.
  const decide::Decision* decision() const { return decision_ ? &*decision_ : nullptr; }

  /// Whether admission turned it away.
  bool turned_away() const { return turned_away_; }

  bool answered() const { return source_.candidate >= 0; }

  /// Triage's name of the model that answered, and of its tier (empty when it is in none); only
  /// when answered().
  std::string_view model() const;
  std::string_view tier() const;

  /// Whether a higher tier stood in because no model of the chosen one answered.
  bool promoted() const;

  /// Whether models refused the request as too long before another, whose window is larger, took
  /// it.
  bool outgrown() const { return outgrown_; }

  /// Moves up after an answer was judged, by its checks or by the session's next turn.
  int escalations() const { return escalations_ + (session_.escalated() ? 1 : 0); }

  /// What the client should know of the answer it gets, beside what its provider could not say:
  /// checks that it failed though nothing better was to be had. Empty when all is well.
  const std::string& doubt() const { return doubt_; }

  /// Whether this answer is the second of late that a very dissatisfied turn has asked for.
  bool hand_off() const { return session_.hand_off(); }

  /// How long a stream may be silent before the client is told that it still lives; zero = for
  /// ever.
  std::chrono::milliseconds keep_alive() const;

  /// The event that ends a stream that broke off, in the client's dialect.
  std::string ErrorEvent(const Error& error) { return source_.reply->ErrorEvent(error); }

  /// After the client has gone: reads the answer on to its usage, where its provider bills it in
  /// full anyway and as long as its setting allows. Does nothing for other providers.
  Task<void> Drain();

  /// Cost of all attempts, once the answer is complete; nothing while unknown.
  std::optional<NanoDollars> cost();
  /// The same tokens on the baseline model, less `cost`; signed. Nothing while unknown.
  std::optional<NanoDollars> saved();

  /// The status that goes to the client, and later that its first byte has gone out.
  void DeliverStatus(int status) { status_ = status; }

  void DeliverFirstByte();

  /// Why the exchange did not end well, for the account.
  void Fail(const Error& error);

 private:
  /// Asking models once: all attempts of one Dispatch.
  struct Round {
    const llm::Request* request = nullptr;
    prices::TextSize size;
    ledger::AttemptKind kind = ledger::AttemptKind::kAnswer;
    std::size_t first_trace = 0;
  };

  /// An answer that has begun.
  struct Source {
    std::unique_ptr<llm::Reply> reply;
    int candidate = -1;         // index into candidates_
    std::uint64_t relayed = 0;  // bytes that came
  };

  const dispatch::Candidate& Answering() const;
  void NoteTraffic() const;
  void PlanCandidates();
  dispatch::Options DispatchOptions();
  std::chrono::milliseconds DrainLimit() const;
  void LogFallbacks(std::size_t first_trace) const;
  void NoteOverflows();
  bool TooSlow(std::size_t bytes, SteadyTime::duration waited);

  // Asking (exchange.cc).
  Task<Result<Source>> Ask(std::vector<dispatch::Candidate> candidates, const llm::Request& request,
                           ledger::AttemptKind kind);

  // Answers (exchange_answer.cc).
  Task<Result<std::string_view>> Pull();
  Task<Result<void>> HoldBack();
  Task<Result<bool>> Gather();
  Task<void> AskWebhooks(Findings& findings);
  Task<void> LookAgain(Findings& findings);
  void Sample();
  Task<bool> AskAgain(std::vector<dispatch::Candidate> candidates, const llm::Request& request,
                      ledger::AttemptKind kind);
  Task<bool> FallBack(const Error& error);
  Task<Result<bool>> Mend(Findings findings);
  bool Repaired(const Findings& findings);
  Task<bool> AskForFields(const Findings& findings, std::vector<dispatch::Candidate> candidates);
  std::vector<dispatch::Candidate> Higher() const;
  bool Affordable(const dispatch::Candidate& candidate) const;
  bool MayAskAgain() const;
  bool Release(llm::Answer answer);
  void Note(std::span<const verify::Verdict> verdicts);
  int AnsweringAttempt() const;
  void AddStep(decide::StepKind kind, int from, int to, std::string reason);
  Error Rejected(const Findings& findings) const;
  std::string_view FinalVerdict();

  // Accounts (exchange_account.cc).
  void Learn(std::size_t model, const Round& round, const dispatch::Trace& trace,
             const llm::Reply* reply);
  void SettleTrace(std::size_t index, const Source* source, const std::optional<Error>& error);
  void SettleSource(const std::optional<Error>& error);
  void CountEscalations() const;
  void Settle();
  void Record();
  void RecordSession();
  void KeepLabelled();

  Worker& worker_;
  Place place_;
  std::shared_ptr<const Bound> bound_;
  CancelScope& client_gone_;
  CancelScope drain_cancel_;
  SteadyTime start_;
  SteadyTime deadline_ = SteadyTime::max();
  WallTime time_;
  ExchangeId id_;
  llm::Request request_;
  prices::TextSize size_;
  std::optional<decide::Decision> decision_;
  Consultation consultation_;
  std::vector<dispatch::Candidate> candidates_;
  std::vector<dispatch::Trace> traces_;
  std::vector<Round> rounds_;
  std::vector<std::unique_ptr<llm::Request>> further_requests_;  // of rounds; outlive source_
  Source source_;
  int planned_tier_ = -1;  // that should answer: the decision's, or one it was escalated to
  bool outgrown_ = false;
  // Since throughput was last looked at: bytes, and how long the provider was waited for.
  std::uint64_t lately_ = 0;
  SteadyTime::duration waited_{0};

  SessionTurn session_;
  std::optional<std::string> answer_text_;      // where it has been read whole
  std::unique_ptr<Verification> verification_;  // null = nothing is checked
  std::string held_;        // what came and was not released, then what FinalVerdict has to see
  std::string_view ready_;  // what may be released: held_, or the reply's own bytes
  bool released_ = false;
  bool ended_ = false;  // all of the answer has come
  bool told_ = false;   // FinalVerdict has been given
  int further_ = 0;     // attempts of the cascade
  int reasks_ = 0;      // of the model that answers
  int escalations_ = 0;
  std::string doubt_;
  std::vector<ledger::Verdict> verdicts_;

  int status_ = 0;
  std::optional<Error> error_;
  std::chrono::microseconds first_byte_{0};
  bool background_ = false;
  bool turned_away_ = false;
  bool settled_ = false;
  std::vector<ledger::Attempt> attempts_;       // by trace, then those of side calls
  std::vector<ledger::Attempt> side_attempts_;  // until the account is closed
  NanoDollars cost_;
  bool cost_known_ = true;
  bool cost_complete_ = true;
  std::optional<NanoDollars> baseline_;
  bool sampled_ = false;
  std::string features_;
};

}  // namespace triage::pipeline
