#include "pipeline/judging.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "decide/serving.h"
#include "judge/framing.h"
#include "judge/parse.h"
#include "pipeline/deciding.h"
#include "pipeline/side_call.h"

namespace triage::pipeline {

struct Asking {
  explicit Asking(std::shared_ptr<const Bound> from)
      : bound(std::move(from)), call(bound, judge().model) {}

  const Judge& judge() const { return *bound->snapshot->judge; }

  std::shared_ptr<const Bound> bound;
  judge::QuestionKey key;
  judge::Question question;
  SideCall call;

  std::vector<CancelScope*> waiting;  // to be cancelled when it is done
  int interested = 0;                 // exchanges that have not left
  bool booked = false;
  std::optional<double> probability;  // nothing where the answer is not what was asked for
};

namespace {

using std::chrono::milliseconds;

/// How long after its deadline a call may go on to become a late answer.
constexpr milliseconds kGrace{3'000};

std::chrono::microseconds Between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

void Stands(decide::Decision& decision, std::string why) {
  decision.steps.push_back({.kind = decide::StepKind::kJudge,
                            .from = decision.tier,
                            .to = decision.tier,
                            .reason = std::move(why)});
}

}  // namespace

std::shared_ptr<Asking> Judges::Find(const judge::QuestionKey& key) const {
  const auto found = std::ranges::find_if(
      under_way_, [&](const std::shared_ptr<Asking>& asking) { return asking->key == key; });
  return found == under_way_.end() ? nullptr : *found;
}

void Judges::Begin(Worker& worker, std::shared_ptr<Asking> asking) {
  under_way_.push_back(asking);
  group_.Spawn(Run(worker, std::move(asking)));
}

Task<void> Judges::Run(Worker& worker, std::shared_ptr<Asking> asking) {
  const Judge& judge = asking->judge();
  const std::optional<llm::Answer> answer =
      co_await asking->call.Run(worker, judge.deadline + kGrace, judge.cost);
  if (asking->call.called())
    worker.metrics.judge.seconds.Record(Between(asking->call.began(), asking->call.ended()));
  if (answer) {
    if (const auto verdict = judge::ReadRouting(*answer, asking->question, judge.calibration))
      asking->probability = verdict->probability;
  }
  if (asking->probability)
    judge.cache->Put(asking->key, *asking->probability, asking->call.ended());
  std::erase(under_way_, asking);
  for (CancelScope* waiting : asking->waiting) waiting->Cancel();
}

Consultation::~Consultation() {
  Leave();
}

void Consultation::Leave() {
  if (asking_ == nullptr) return;
  if (--asking_->interested == 0 && !asking_->call.done()) asking_->call.Cancel();
  asking_.reset();
}

Task<void> Consultation::Wait(Worker& worker, SteadyTime deadline, CancelScope& client_gone) {
  while (!asking_->call.done() && !client_gone.cancelled()) {
    const SteadyTime now = worker.clock.Now();
    if (now >= deadline) co_return;
    CancelScope wake;
    asking_->waiting.push_back(&wake);
    client_gone.SetWaiter([](void* scope) { static_cast<CancelScope*>(scope)->Cancel(); }, &wake);
    co_await worker.timer.Sleep(std::chrono::ceil<milliseconds>(deadline - now), wake);
    client_gone.ClearWaiter();
    std::erase(asking_->waiting, &wake);
  }
}

Task<void> Consultation::Consult(Worker& worker, std::shared_ptr<const Bound> bound,
                                 Subject subject, CancelScope& client_gone,
                                 decide::Decision& decision) {
  const Snapshot& snapshot = *bound->snapshot;
  if (decision.doubtful < 0 || !snapshot.judge || worker.judges == nullptr) co_return;
  const Judge& judge = *snapshot.judge;
  const decide::ModelOption& model = snapshot.options.models[static_cast<std::size_t>(judge.model)];
  if (!decide::MaySee(snapshot.options, model, decision.data_classes)) {
    const std::string classes = decide::ClassNames(snapshot.options, decision.data_classes);
    Stands(decision, fmt::format("the judge may not see {} data", classes));
    co_return;
  }

  const llm::Request& request = subject.request;
  const llm::Turn whole{.role = llm::Role::kUser, .text = request.text};
  const judge::RequestView view{
      .turns = request.turns.empty() ? std::span(&whole, 1) : std::span(request.turns),
      .needs = request.needs};
  judge::FramingOptions framing = judge.framing;
  framing.mid_size = decision.doubtful > 0;
  const judge::QuestionKey key =
      judge.cache->KeyOf(view, framing, model.name, judge::kRoutingPromptVersion);
  const SteadyTime asked = worker.clock.Now();
  decide::JudgeView told{.tier = decision.doubtful};
  told.probability = judge.cache->Find(key, asked);
  told.cached = told.probability.has_value();
  if (told.cached) {
    worker.metrics.judge.cached.Add();
  } else {
    asking_ = worker.judges->Find(key);
    if (asking_ == nullptr) {
      asking_ = std::make_shared<Asking>(bound);
      asking_->key = key;
      asking_->question = judge::AskRouting(view, framing, judge::Nonce::Fresh());
      if (const Result<void> written = asking_->call.Write(asking_->question.conversation);
          !written) {
        asking_.reset();
        worker.metrics.judge.failed.Add();
        Stands(decision, "the judge could not be asked");
        co_return;
      }
      worker.judges->Begin(worker, asking_);
    }
    ++asking_->interested;
    co_await Wait(worker, std::min(subject.until, asked + judge.deadline), client_gone);
    told.time = Between(asked, worker.clock.Now());
    told.late = !asking_->call.done();
    told.probability = asking_->probability;
    (told.late          ? worker.metrics.judge.late
     : told.probability ? worker.metrics.judge.answered
                        : worker.metrics.judge.failed)
        .Add();
  }
  decision.judge = told;
  if (told.late) {
    Stands(decision,
           fmt::format("the judge did not answer within {} ms", told.time.count() / 1000));
  } else if (!told.probability) {
    Stands(decision, asking_->call.error()
                         ? fmt::format("the judge failed: {}", Name(asking_->call.error()->code))
                         : std::string("the judge gave no usable answer"));
  } else {
    Result<decide::Decision> again = DecideRequest(
        snapshot, request, subject.size, worker.features, worker.clock, subject.session,
        decide::Judgement{.tier = told.tier, .probability = *told.probability});
    if (!again) co_return;
    again->decide_time += decision.decide_time;
    again->judge = told;
    decision = *std::move(again);
  }
}

std::optional<ledger::Attempt> Consultation::Settle(SteadyTime exchange_began,
                                                    decide::Decision& decision) {
  if (asking_ == nullptr) return std::nullopt;
  Asking& asking = *asking_;
  if (asking.call.done() && decision.judge && decision.judge->late) {
    decision.judge->probability = asking.probability;
    decision.judge->time = Between(asking.call.began(), asking.call.ended());
  }
  // Of several exchanges that asked the same, one pays: the first to end after the call has, or
  // the last one, which cuts it off.
  std::optional<ledger::Attempt> attempt;
  const SideCall& call = asking.call;
  if (!asking.booked && call.called() && (call.done() || asking.interested == 1)) {
    asking.booked = true;
    attempt = call.Booked(ledger::AttemptKind::kJudge, exchange_began);
  }
  Leave();
  return attempt;
}

}  // namespace triage::pipeline
