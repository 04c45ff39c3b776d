#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "observe/log.h"
#include "pipeline/cascade.h"
#include "pipeline/exchange.h"
#include "verify/repair.h"
#include "verify/schema_breaker.h"
#include "wire/client_answer.h"

namespace triage::pipeline {
namespace {

/// The same answer, saying this instead.
llm::Answer WithText(llm::Answer answer, std::string text) {
  std::erase_if(answer.parts,
                [](const llm::Part& part) { return std::holds_alternative<llm::TextPart>(part); });
  answer.parts.emplace_back(llm::TextPart{.text = std::move(text)});
  answer.logprobs.clear();
  return answer;
}

}  // namespace

using config::StreamMode;
using verify::Outcome;

/// The next bytes of the answer as they come.
Task<Result<std::string_view>> Exchange::Pull() {
  const SteadyTime asked = worker_.clock.Now();
  Result<std::string_view> bytes = co_await source_.reply->Next();
  if (bytes) {
    source_.relayed += bytes->size();
    if (!bytes->empty() && TooSlow(bytes->size(), worker_.clock.Now() - asked)) {
      bytes =
          Error{.code = ErrorCode::kTimeout, .message = "the provider's answer came too slowly"};
    }
  }
  co_return bytes;
}

/// Whether the answer trickles in below resilience.min_throughput. How fast the client takes it
/// does not count.
bool Exchange::TooSlow(std::size_t bytes, SteadyTime::duration waited) {
  const config::Resilience& resilience = bound_->snapshot->config->resilience;
  if (resilience.min_throughput == 0) return false;
  lately_ += bytes;
  waited_ += waited;
  if (waited_ < resilience.min_throughput_over) return false;
  const double rate = static_cast<double>(lately_) / std::chrono::duration<double>(waited_).count();
  lately_ = 0;
  waited_ = {};
  return rate < static_cast<double>(resilience.min_throughput);
}

bool Exchange::holds_back() const {
  return verification_ != nullptr && request_.stream && verification_->mode() == StreamMode::kHold;
}

Task<Result<std::string_view>> Exchange::Next() {
  if (verification_ != nullptr && !released_) {
    Result<void> held = co_await HoldBack();
    if (!held) {
      Fail(held.error());
      co_return std::move(held).error();
    }
    released_ = true;
    if (!ready_.empty()) co_return ready_;
  }
  if (ended_) co_return std::string_view();
  Result<std::string_view> bytes = co_await Pull();
  if (!bytes) {
    Fail(bytes.error());
  } else if (verification_ != nullptr) {
    ended_ = bytes->empty();
    if (ended_) co_return FinalVerdict();
    if (held_.size() <= bound_->snapshot->config->verify.max_bytes) held_.append(*bytes);
  }
  co_return bytes;
}

/// Takes in what is held back: a whole answer, or of a stream what its mode says. True = to the
/// answer's end.
Task<Result<bool>> Exchange::Gather() {
  held_.clear();
  ready_ = {};
  const config::Verify& verify = bound_->snapshot->config->verify;
  const bool whole = !request_.stream || verification_->mode() == StreamMode::kHold;
  // Where nothing could be done about a verdict, nobody shall wait for one.
  const bool waits =
      whole || (verification_->mode() == StreamMode::kWindow && MayAskAgain() && !Higher().empty());
  if (!waits) co_return false;
  std::optional<SteadyTime> until;
  while (true) {
    const Result<std::string_view> bytes = co_await Pull();
    if (!bytes) co_return bytes.error();
    if (bytes->empty()) break;
    if (!request_.stream && held_.empty() && source_.reply->content_length() == bytes->size()) {
      ready_ = *bytes;  // The reply keeps it: no copy is needed.
      co_return true;
    }
    held_.append(*bytes);
    if (held_.size() > verify.max_bytes) co_return false;
    if (whole) continue;
    const SteadyTime now = worker_.clock.Now();
    if (!until) until = now + verify.window_time;
    if (source_.reply->summary().events >= verify.window_tokens || now >= *until) co_return false;
  }
  co_return true;
}

/// Holds the answer back until it, or its beginning, has passed its checks; mends it or asks again
/// where it does not.
Task<Result<void>> Exchange::HoldBack() {
  while (true) {
    Result<bool> gathered = co_await Gather();
    if (!gathered) {
      const Error error = std::move(gathered).error();
      const bool again = co_await FallBack(error);
      if (!again) co_return error;
      continue;
    }
    ended_ = *gathered;
    if (ready_.empty()) ready_ = held_;
    if (!ended_ && held_.empty()) co_return Result<void>();
    Findings findings;
    if (ended_) {
      findings = verification_->Check(ready_, worker_.clock);
      co_await AskWebhooks(findings);
      co_await LookAgain(findings);
    } else if (held_.size() > bound_->snapshot->config->verify.max_bytes) {
      findings.verdicts.push_back({.check = "length",
                                   .outcome = Outcome::kUnsure,
                                   .reason = "the answer is too long to be checked"});
    } else {
      findings.verdicts = verification_->CheckBegun(ready_, worker_.clock);
    }
    Note(findings.verdicts);
    if (ended_) answer_text_ = findings.text;
    if (!findings.failed()) {
      if (const verify::Schema* schema = verification_->schema(); schema != nullptr && ended_)
        bound_->snapshot->schemas->Succeeded(schema->hash());
      co_return Result<void>();
    }
    Result<bool> again = co_await Mend(std::move(findings));
    if (!again) co_return std::move(again).error();
    if (!*again) co_return Result<void>();
  }
}

/// What the configuration's validators say of a whole answer that has passed so far.
Task<void> Exchange::AskWebhooks(Findings& findings) {
  const std::vector<config::Verify::Webhook>& webhooks = bound_->snapshot->config->verify.webhooks;
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    const std::vector<std::string>& wanted = verification_->webhooks();
    if (findings.failed() || std::ranges::find(wanted, webhooks[i].name) == wanted.end()) continue;
    const SteadyTime asked = worker_.clock.Now();
    verify::Verdict verdict =
        co_await bound_->validators[i]->Check(request_, findings.answer, client_gone_);
    verdict.took =
        std::chrono::duration_cast<std::chrono::microseconds>(worker_.clock.Now() - asked);
    findings.verdicts.push_back(std::move(verdict));
  }
}

/// Has a model look at a whole answer that has passed so far, where that is wanted or pays.
Task<void> Exchange::LookAgain(Findings& findings) {
  if (findings.failed() || !bound_->snapshot->spot_check) co_return;
  const std::vector<dispatch::Candidate> higher = Higher();
  SpotSubject subject{.request = request_,
                      .decision = *decision_,
                      .answer = findings.text,
                      .author = Answering().model,
                      .tier = Answering().tier,
                      .doubt = verify::WorstOf(findings.verdicts),
                      .retry_cost = {},
                      .time = time_};
  if (!higher.empty()) subject.retry_cost = higher.front().expected_cost;
  const bool pays = !higher.empty() && MayAskAgain() && WorthLooking(*bound_, subject);
  if (!MayLook(*bound_, subject) || !(pays || verification_->spot_check())) co_return;
  SpotVerdict looked = co_await LookAt(worker_, bound_, subject, client_gone_, start_);
  if (looked.attempt) side_attempts_.push_back(*std::move(looked.attempt));
  findings.verdicts.push_back(std::move(looked.verdict));
}

/// A delivered answer may be looked at later, to measure how good its tier is at such work.
void Exchange::Sample() {
  const Snapshot& snapshot = *bound_->snapshot;
  if (!snapshot.spot_check || worker_.spot_checks == nullptr || !answer_text_ || error_ ||
      !answered() || verification_ == nullptr)
    return;
  const bool looked_at = std::ranges::any_of(verdicts_, [](const ledger::Verdict& verdict) {
    return verdict.check == config::kSpotCheck;
  });
  if (looked_at) return;
  worker_.spot_checks->Sample(
      worker_, bound_,
      {.request = request_,
       .decision = *decision_,
       .answer = *answer_text_,
       .author = Answering().model,
       .tier = Answering().tier,
       .time = time_},
      {.exchange = id_, .attempt = AnsweringAttempt(), .cost = cost_, .began = start_});
}

/// Index of the attempt whose answer there is.
int Exchange::AnsweringAttempt() const {
  int attempt = 0;
  for (std::size_t i = 0; i < traces_.size(); ++i) {
    if (!traces_[i].error && traces_[i].candidate == source_.candidate)
      attempt = static_cast<int>(i);
  }
  return attempt;
}

/// Asks in another round; its answer then takes the place of the one there is. False when none
/// came: what there was may still be released.
Task<bool> Exchange::AskAgain(std::vector<dispatch::Candidate> candidates,
                              const llm::Request& request, ledger::AttemptKind kind) {
  const std::size_t first_trace = traces_.size();
  Result<Source> source = co_await Ask(std::move(candidates), request, kind);
  if (!source) {
    observe::Log(observe::Level::kWarn, id_, "asking again failed", source.error());
    co_return false;
  }
  SettleSource(std::nullopt);
  source_ = *std::move(source);
  LogFallbacks(first_trace);
  co_return true;
}

/// An answer broke off before any of it was released: who has not been asked yet may stand in.
Task<bool> Exchange::FallBack(const Error& error) {
  if (client_gone_.cancelled() || !dispatch::WorthFallingBack(error)) co_return false;
  const Round& round = rounds_.back();
  std::vector<dispatch::Candidate> rest;
  for (auto i = static_cast<std::size_t>(source_.candidate) + 1; i < candidates_.size(); ++i)
    rest.push_back(candidates_[i]);
  if (rest.empty() || DispatchOptions().max_attempts < 1) co_return false;
  SettleSource(error);
  const int broken = source_.candidate;
  Result<Source> source =
      co_await Ask(std::move(rest), *round.request, ledger::AttemptKind::kFallback);
  if (!source) co_return false;
  observe::Log(observe::Level::kWarn, id_, "answer broke off, fell back", error,
               {{"model", candidates_[static_cast<std::size_t>(broken)].name}});
  source_ = *std::move(source);
  co_return true;
}

bool Exchange::MayAskAgain() const {
  const Snapshot& snapshot = *bound_->snapshot;
  return further_ < snapshot.config->verify.cascade.most &&
         static_cast<int>(traces_.size()) < snapshot.config->limits.max_attempts &&
         worker_.clock.Now() < deadline_ && !client_gone_.cancelled();
}

/// Whether it may be asked under the exchange's cost cap: a multiple of what asking the top tier at
/// once would have cost. Unknown costs are not counted.
bool Exchange::Affordable(const dispatch::Candidate& candidate) const {
  std::optional<NanoDollars> top;
  for (const decide::TierView& tier : decision_->tiers) {
    if (tier.admissible && tier.expected_cost) top = tier.expected_cost;
  }
  if (!top || top->value() == 0) return true;
  NanoDollars spent = candidate.expected_cost;
  for (std::size_t i = 0; i < rounds_.size(); ++i) {
    const std::size_t at = rounds_[i].first_trace;
    if (at < traces_.size())
      spent += candidates_[static_cast<std::size_t>(traces_[at].candidate)].expected_cost;
  }
  return static_cast<double>(spent.value()) <=
         bound_->snapshot->config->verify.cascade.cost_cap * static_cast<double>(top->value());
}

/// The models of the next tier above the answering one, then of those above it, that may be asked
/// for a better answer. A verdict is no outage: promotion caps do not apply.
std::vector<dispatch::Candidate> Exchange::Higher() const {
  std::vector<dispatch::Candidate> higher;
  if (decision_->pinned || Answering().tier < 0) return higher;
  for (const dispatch::Candidate& candidate : candidates_) {
    const bool known = std::ranges::any_of(higher, [&](const dispatch::Candidate& one) {
      return one.model == candidate.model && one.tier == candidate.tier;
    });
    if (candidate.tier <= Answering().tier || known || !Affordable(candidate)) continue;
    higher.push_back(candidate);
    higher.back().promotion = nullptr;
  }
  return higher;
}

void Exchange::AddStep(decide::StepKind kind, int from, int to, std::string reason) {
  decision_->steps.push_back({.kind = kind, .from = from, .to = to, .reason = std::move(reason)});
}

/// What is done about an answer that failed: local repair, the same model again with what was
/// wrong, the next tier. True = another answer has begun; false = release what there is; an error =
/// nothing that the client could use was to be had.
Task<Result<bool>> Exchange::Mend(Findings findings) {
  const Snapshot& snapshot = *bound_->snapshot;
  const config::Verify::Cascade& cascade = snapshot.config->verify.cascade;
  const bool binding = std::ranges::any_of(findings.verdicts, [&](const verify::Verdict& verdict) {
    return IsBinding(snapshot, verdict);
  });
  const int tier = Answering().tier;
  const std::string failed = FailuresText(findings.verdicts);
  const std::string who(model());
  if (binding && Repaired(findings)) co_return false;

  const verify::Schema* schema = verification_->schema();
  if (binding && schema != nullptr &&
      !snapshot.schemas->Allow(schema->hash(), worker_.clock.Now())) {
    AddStep(decide::StepKind::kVerdict, tier, tier,
            who + " failed " + failed + "; every model fails this schema, so none is asked");
    co_return verify::SchemaBreaker::OpenError();
  }

  const bool cut = findings.answer.finish == llm::FinishReason::kLength;
  if (binding && !cut && reasks_ < cascade.reasks && MayAskAgain() && Affordable(Answering()) &&
      verification_->conversation() != nullptr) {
    Result<std::unique_ptr<llm::Request>> request =
        ReaskRequest(request_, *verification_->conversation(), findings.answer, findings.verdicts);
    if (request) {
      ++reasks_;
      ++further_;
      further_requests_.push_back(*std::move(request));
      AddStep(decide::StepKind::kVerdict, tier, tier,
              who + " failed " + failed + "; it is told what was wrong");
      const bool again =
          co_await AskAgain({Answering()}, *further_requests_.back(), ledger::AttemptKind::kReask);
      if (again) co_return true;
    }
  }

  std::vector<dispatch::Candidate> higher = Higher();
  const bool top = higher.empty();
  if (!top && MayAskAgain()) {
    const bool mended = co_await AskForFields(findings, higher);
    if (mended) co_return false;
  }
  if (!top && MayAskAgain()) {
    ++further_;
    const int next = higher.front().tier;
    AddStep(decide::StepKind::kVerdict, tier, next,
            fmt::format("{} failed {}; {} is asked", who, failed,
                        snapshot.options.tiers[static_cast<std::size_t>(next)].name));
    const bool again =
        co_await AskAgain(std::move(higher), request_, ledger::AttemptKind::kEscalation);
    if (again) {
      ++escalations_;
      reasks_ = 0;
      planned_tier_ = Answering().tier;
      co_return true;
    }
  }
  if (top && binding && schema != nullptr)
    snapshot.schemas->Failed(schema->hash(), worker_.clock.Now());
  if (binding) co_return Rejected(findings);
  doubt_ = "the answer failed its check: " + failed;
  AddStep(decide::StepKind::kVerdict, tier, tier,
          who + " failed " + failed + "; nobody better could be asked, so it is delivered");
  co_return false;
}

/// Puts an answer of our own making in the place of the held one, if it passes the checks.
bool Exchange::Release(llm::Answer answer) {
  const Findings findings = verification_->CheckAnswer(std::move(answer), worker_.clock);
  Note(findings.verdicts);
  if (findings.failed()) return false;
  answer_text_ = findings.text;
  held_ = wire::WriteClientAnswer(request_, findings.answer, Answering().provider_model);
  ready_ = held_;
  return true;
}

/// Mends the JSON without asking anybody, if that is possible.
bool Exchange::Repaired(const Findings& findings) {
  const bool only_text = std::ranges::all_of(findings.answer.parts, [](const llm::Part& part) {
    return std::holds_alternative<llm::TextPart>(part) ||
           std::holds_alternative<llm::ThinkingPart>(part);
  });
  const bool cut = findings.answer.finish == llm::FinishReason::kLength;
  if (!ended_ || !only_text || cut || !(request_.needs.json_schema || request_.needs.json_object))
    return false;
  const std::optional<verify::Repaired> repaired =
      verify::Repair(findings.text, verification_->schema());
  if (!repaired) return false;
  if (!Release(WithText(findings.answer, repaired->json))) return false;
  AddStep(decide::StepKind::kVerdict, Answering().tier, Answering().tier,
          fmt::format("{}'s JSON was repaired: {}", model(), fmt::join(repaired->what, ", ")));
  return true;
}

/// Of a JSON object of which some fields fail the schema: has a higher tier give just these, and
/// puts them in.
Task<bool> Exchange::AskForFields(const Findings& findings,
                                  std::vector<dispatch::Candidate> candidates) {
  const verify::Schema* schema = verification_->schema();
  const llm::Conversation* conversation = verification_->conversation();
  if (!bound_->snapshot->config->verify.cascade.fields || !ended_ || schema == nullptr ||
      conversation == nullptr)
    co_return false;
  const bool only_fields = std::ranges::all_of(findings.verdicts, [](const verify::Verdict& one) {
    return one.outcome != Outcome::kFail || one.check == "json_schema";
  });
  const std::vector<std::string> fields = verify::FailingFields(schema->Validate(findings.text));
  if (!only_fields || fields.empty() || fields.size() * 2 > schema->properties().size())
    co_return false;
  const Result<verify::Schema> part = schema->SubSchema(fields);
  if (!part) co_return false;
  Result<std::unique_ptr<llm::Request>> request =
      FieldsRequest(request_, *conversation, *part, fields);
  if (!request) co_return false;
  further_requests_.push_back(*std::move(request));
  const llm::Request& asked = *further_requests_.back();

  ++further_;
  const int tier = Answering().tier;
  const std::string who(model());
  Result<Source> source =
      co_await Ask(std::move(candidates), asked, ledger::AttemptKind::kEscalation);
  if (!source) co_return false;
  // The first answer is the merged one's greater part; its source stays.
  Source whole = std::exchange(source_, *std::move(source));
  std::string patch;
  while (true) {
    const Result<std::string_view> bytes = co_await Pull();
    if (!bytes || bytes->empty()) break;
    patch.append(*bytes);
  }
  const std::string helper(model());
  const int helper_tier = Answering().tier;
  SettleSource(std::nullopt);
  source_ = std::move(whole);
  const Result<llm::Answer> answer = wire::ReadClientAnswer(asked, patch);
  if (!answer) co_return false;
  const Result<verify::Merged> merged =
      verify::MergeFields(findings.text, llm::TextOf(*answer), fields);
  if (!merged || !Release(WithText(findings.answer, merged->json))) co_return false;
  ++escalations_;
  AddStep(decide::StepKind::kVerdict, tier, helper_tier,
          fmt::format("{} failed json_schema at {}; {} gave {}", who, fmt::join(fields, ", "),
                      helper, fields.size() == 1 ? "that field" : "these fields"));
  co_return true;
}

/// Keeps what checks found, each with the attempt whose answer it is about: what failed or is
/// unsure one by one, passes as one.
void Exchange::Note(std::span<const verify::Verdict> verdicts) {
  const int attempt = AnsweringAttempt();
  std::string passed;
  std::chrono::microseconds took{0};
  for (const verify::Verdict& verdict : verdicts) {
    const auto counters = bound_->snapshot->verdicts.find(verdict.check);
    if (counters != bound_->snapshot->verdicts.end())
      counters->second[static_cast<std::size_t>(verdict.outcome)]->Add();
    took += verdict.took;
    if (verdict.outcome == Outcome::kPass) {
      passed += (passed.empty() ? "" : ",") + verdict.check;
      continue;
    }
    std::string reason = verdict.reason;
    for (const verify::FieldError& error : verdict.errors) {
      reason += fmt::format("; {}: {} is wanted, got {}",
                            error.pointer.empty() ? "/" : error.pointer, error.expected, error.got);
    }
    verdicts_.push_back({.attempt = attempt,
                         .check = verdict.check,
                         .outcome = std::string(verify::Name(verdict.outcome)),
                         .reason = std::move(reason),
                         .p_bad = verdict.p_bad,
                         .took = verdict.took});
  }
  if (passed.empty()) return;
  verdicts_.push_back({.attempt = attempt,
                       .check = std::move(passed),
                       .outcome = std::string(verify::Name(Outcome::kPass)),
                       .reason = {},
                       .took = took});
}

/// What a client gets that could be given no answer it can use: who was asked and what was wrong.
Error Exchange::Rejected(const Findings& findings) const {
  std::string message = "no answer passed its checks: ";
  bool first = true;
  for (const decide::Step& step : decision_->steps) {
    if (step.kind != decide::StepKind::kVerdict) continue;
    message += (first ? "" : "; then ") + step.reason;
    first = false;
  }
  message += (first ? "" : "; then ") + std::string(model()) + " failed " +
             FailuresText(findings.verdicts);
  return {.code = ErrorCode::kUnacceptable, .message = std::move(message)};
}

/// The answer has been delivered: its verdict is learned from, and told to clients that want to
/// know, in an event behind the stream's end.
std::string_view Exchange::FinalVerdict() {
  if (told_ || held_.size() > bound_->snapshot->config->verify.max_bytes) return {};
  told_ = true;
  const Findings findings = verification_->Check(held_, worker_.clock);
  answer_text_ = findings.text;
  Note(findings.verdicts);
  if (!findings.failed()) return {};
  AddStep(decide::StepKind::kVerdict, Answering().tier, Answering().tier,
          std::string(model()) + " failed " + FailuresText(findings.verdicts) +
              " after the stream had been released");
  JsonWriter event;
  event.Begin('{');
  event.Member("exchange", id_.Text());
  event.Member("outcome", verify::Name(Outcome::kFail));
  event.Key("verdicts");
  event.Begin('[');
  for (const verify::Verdict& verdict : findings.verdicts) {
    if (verdict.outcome != Outcome::kFail) continue;
    event.Begin('{');
    event.Member("check", verdict.check);
    event.Member("reason", verdict.reason);
    event.End('}');
  }
  event.End(']');
  event.End('}');
  held_ = "event: triage.verdict\ndata: " + event.Take() + "\n\n";
  return held_;
}

}  // namespace triage::pipeline
