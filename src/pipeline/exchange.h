#pragma once

#include <chrono>
#include <memory>
#include <optional>
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

  /// Stages in their order: admit, decide, dispatch. On success an answer has begun and nothing of
  /// it has been released.
  Task<Result<void>> Start();

  /// After Start succeeded.
  const llm::Reply& reply() const { return *reply_; }

  /// The next bytes for the client; empty at the end. An error here means that the answer broke
  /// off.
  Task<Result<std::string_view>> Next();

  /// Nothing before a decision was made.
  const decide::Decision* decision() const { return decision_ ? &*decision_ : nullptr; }

  /// Whether admission turned it away.
  bool turned_away() const { return turned_away_; }

  bool answered() const { return answering_ >= 0; }

  /// Triage's name of the model that answered, and of its tier (empty when it is in none); only
  /// when answered().
  std::string_view model() const;
  std::string_view tier() const;

  /// Whether a higher tier stood in because no model of the chosen one answered.
  bool promoted() const;

  /// Whether models refused the request as too long before another, whose window is larger, took
  /// it.
  bool outgrown() const { return outgrown_; }

  int escalations() const { return 0; }

  /// How long a stream may be silent before the client is told that it still lives; zero = for
  /// ever.
  std::chrono::milliseconds keep_alive() const;

  /// The event that ends a stream that broke off, in the client's dialect.
  std::string ErrorEvent(const Error& error) { return reply_->ErrorEvent(error); }

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
  const dispatch::Candidate& Answering() const;
  void NoteTraffic() const;
  void PlanCandidates();
  std::chrono::milliseconds DrainLimit() const;
  void LogFallbacks() const;
  void NoteOverflows();
  void Learn(std::size_t model, const dispatch::Trace& trace, bool answered);
  bool TooSlow(std::size_t bytes, SteadyTime::duration waited);
  void CountEscalations() const;
  void Settle();
  void Record();

  Worker& worker_;
  Place place_;
  std::shared_ptr<const Bound> bound_;
  CancelScope& client_gone_;
  CancelScope drain_cancel_;
  SteadyTime start_;
  WallTime time_;
  ExchangeId id_;
  llm::Request request_;
  prices::TextSize size_;
  std::optional<decide::Decision> decision_;
  std::vector<dispatch::Candidate> candidates_;
  std::vector<dispatch::Trace> traces_;
  std::unique_ptr<llm::Reply> reply_;
  int answering_ = -1;  // index into candidates_
  bool outgrown_ = false;
  std::uint64_t relayed_ = 0;
  // Since throughput was last looked at: bytes, and how long the provider was waited for.
  std::uint64_t lately_ = 0;
  SteadyTime::duration waited_{0};
  int status_ = 0;
  std::optional<Error> error_;
  std::chrono::microseconds first_byte_{0};
  bool background_ = false;
  bool turned_away_ = false;
  bool settled_ = false;
  std::vector<ledger::Attempt> attempts_;
  NanoDollars cost_;
  bool cost_known_ = true;
  bool cost_complete_ = true;
  std::optional<NanoDollars> baseline_;
  bool sampled_ = false;
  std::string features_;
};

}  // namespace triage::pipeline
