// Plays an incident of ten minutes in simulated time: dispatching as the gateway does it, with
// scripted providers, a clock that jumps and a timer that belongs to it. Prints one JSON object.
// `--seconds N` makes it shorter, `--check` fails when a request was lost that need not have been.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "dispatch/dispatch.h"
#include "stats.h"
#include "testing/simulation.h"

namespace triage::bench {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr double kLowPerSecond = 12;
constexpr double kHighPerSecond = 10;
constexpr NanoDollars kLowCost{100'000};
constexpr NanoDollars kHighCost{2'000'000};
// The cap is a share of what the tier has served of its own in the last minute, which wavers by one
// or two requests while what was let in stays.
constexpr double kMostOfCap = 1.02;

class EmptyReply final : public llm::Reply {
 public:
  int status() const override { return 200; }

  std::string_view content_type() const override { return "application/json"; }

  std::optional<std::uint64_t> content_length() const override { return 0; }

  Task<Result<std::string_view>> Next() override { co_return std::string_view(); }

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error&) override { return {}; }

 private:
  llm::ReplySummary summary_;
};

struct Script {
  std::string name;
  milliseconds latency{300};                  ///< half of it to one and a half
  std::function<bool(milliseconds)> up = {};  ///< empty = always
  int per_window = 0;                         ///< requests it takes; 0 = any number
  milliseconds window{10'000};
};

class ScriptedProvider final : public llm::Provider {
 public:
  ScriptedProvider(testing::Simulation& simulation, Random& random, Script script)
      : simulation_(simulation), random_(random), script_(std::move(script)) {}

  bool up() const { return !script_.up || script_.up(simulation_.elapsed()); }

  /// Whether a request would be answered now.
  bool healthy() const { return up() && (script_.per_window == 0 || Used() < script_.per_window); }

  Task<Result<std::unique_ptr<llm::Reply>>> Start(const llm::Call& call,
                                                  llm::CallTiming& timing) override {
    ++calls;
    const bool was_up = up();
    if (!was_up) {
      co_await simulation_.Sleep(20ms, *call.cancel);
      ++failures;
      Error error{.code = ErrorCode::kUpstream, .message = "down"};
      error.upstream_status = 503;
      co_return error;
    }
    if (script_.per_window > 0) {
      const int used = Used();
      const milliseconds reset =
          script_.window - simulation_.elapsed() % script_.window + milliseconds(1);
      if (used >= script_.per_window) {
        ++refusals;
        Error error{.code = ErrorCode::kRateLimited, .message = "slow down"};
        error.upstream_status = 429;
        error.retry_after = reset;
        co_return error;
      }
      used_ = used + 1;
      timing.limits = {
          {"x-ratelimit-limit-requests", std::to_string(script_.per_window)},
          {"x-ratelimit-remaining-requests", std::to_string(script_.per_window - used_)},
          {"x-ratelimit-reset-requests", fmt::format("{}ms", reset.count())}};
    }
    const double spread = 0.5 + random_.Uniform();
    const auto latency = std::chrono::duration_cast<milliseconds>(script_.latency * spread);
    co_await simulation_.Sleep(latency, *call.cancel);
    std::unique_ptr<llm::Reply> reply = std::make_unique<EmptyReply>();
    co_return std::move(reply);
  }

  const std::string& name() const { return script_.name; }

  std::int64_t calls = 0;
  std::int64_t failures = 0;
  std::int64_t refusals = 0;

 private:
  int Used() const {
    const std::int64_t window = simulation_.elapsed() / script_.window;
    if (window != window_) {
      window_ = window;
      used_ = 0;
    }
    return used_;
  }

  testing::Simulation& simulation_;
  Random& random_;
  const Script script_;
  mutable std::int64_t window_ = -1;
  mutable int used_ = 0;
};

struct Outcome {
  std::int64_t requests = 0;
  std::int64_t lost = 0;
  std::int64_t lost_with_alternative = 0;  ///< one was well from arrival to loss
  std::int64_t lost_without_hint = 0;      ///< and the client was not told when to come back
  std::int64_t own = 0;                    ///< of the high tier
  std::int64_t promoted = 0;
  std::int64_t attempts = 0;
  double worst_promotion = 0;  ///< promoted ÷ cap, of any minute
  NanoDollars cost;
  std::vector<std::uint64_t> latencies;  // nanoseconds, of the low tier
  std::string time_line;
  std::map<std::string, std::int64_t> calls;
};

/// One run: requests of a low tier (A, then B and C) and of a high tier (D), which stands in.
class Incident {
 public:
  Incident(bool calm, std::chrono::seconds length) : length_(length) {
    const auto flaps = [](milliseconds at) { return at % 60s < 40s; };
    const auto dead = [](milliseconds) { return false; };
    Add({.name = "A", .up = calm ? std::function<bool(milliseconds)>() : dead}, 0, 0);
    Add({.name = "B", .up = calm ? std::function<bool(milliseconds)>() : flaps}, 0, 1);
    Add({.name = "C", .per_window = calm ? 0 : 40}, 0, 1);
    Add({.name = "D", .latency = 600ms}, 1, 0);
  }

  Outcome Play() {
    Spawn(kLowPerSecond, true);
    Spawn(kHighPerSecond, false);
    group_.Spawn(Watch());
    simulation_.Run();
    TRIAGE_CHECK(group_.active() == 0);
    for (const auto& provider : providers_) outcome_.calls[provider->name()] = provider->calls;
    return std::move(outcome_);
  }

 private:
  void Add(Script script, int tier, int position) {
    providers_.push_back(
        std::make_unique<ScriptedProvider>(simulation_, random_, std::move(script)));
    targets_.push_back(std::make_unique<dispatch::Target>());
    budgets_.push_back(std::make_unique<dispatch::RetryBudget>());
    candidates_.push_back({.provider = providers_.back().get(),
                           .name = providers_.back()->name(),
                           .tier = tier,
                           .position = position,
                           .expected_cost = tier == 0 ? kLowCost : kHighCost,
                           .target = targets_.back().get(),
                           .budget = budgets_.back().get(),
                           .promotion = tier == 0 ? nullptr : &promotion_});
  }

  void Spawn(double per_second, bool low) { group_.Spawn(Arrivals(per_second, low)); }

  Task<void> Arrivals(double per_second, bool low) {
    const auto count =
        static_cast<std::uint64_t>(per_second * std::chrono::duration<double>(length_).count());
    for (std::uint64_t n = 0; n < count; ++n) {
      const auto due =
          milliseconds(static_cast<std::int64_t>(1000.0 * static_cast<double>(n) / per_second));
      if (due > simulation_.elapsed())
        co_await simulation_.Sleep(due - simulation_.elapsed(), cancel_);
      group_.Spawn(Serve(low));
    }
  }

  bool AnyAlternative() const {
    const bool chain = std::any_of(providers_.begin(), providers_.end() - 1,
                                   [](const auto& provider) { return provider->healthy(); });
    const auto load = promotion_.Look(simulation_.clock.Now());
    return chain || load.promoted + 1 <= promotion_.Cap(load);
  }

  Task<void> Serve(bool low) {
    std::vector<dispatch::Candidate> candidates = candidates_;
    if (!low) {
      candidates.erase(candidates.begin(), candidates.end() - 1);
      candidates.front().promotion = nullptr;
    }
    const SteadyTime begin = simulation_.clock.Now();
    const bool before = AnyAlternative();
    std::vector<dispatch::Trace> traces;
    dispatch::Options options{.deadline = begin + 30s};
    options.timer = &simulation_;
    options.random = &random_;
    const Result<dispatch::Begun> begun = co_await dispatch::Dispatch(
        request_, candidates, options, cancel_, simulation_.clock, traces);
    ++outcome_.requests;
    outcome_.attempts += static_cast<std::int64_t>(traces.size());
    if (!begun) {
      ++outcome_.lost;
      if (!begun.error().retry_after) ++outcome_.lost_without_hint;
      if (before && AnyAlternative()) ++outcome_.lost_with_alternative;
      co_return;
    }
    const dispatch::Candidate& answering = candidates[static_cast<std::size_t>(begun->candidate)];
    dispatch::Settle(answering, traces.back(), {}, simulation_.clock, &random_);
    outcome_.cost += answering.expected_cost;
    const SteadyTime now = simulation_.clock.Now();
    if (!low) promotion_.OnOwn(now);
    if (!low) ++outcome_.own;
    if (low && answering.tier == 1) ++outcome_.promoted;
    if (low) outcome_.latencies.push_back(static_cast<std::uint64_t>((now - begin).count()));
  }

  /// Every second: has a breaker changed, and is the promotion within its cap?
  Task<void> Watch() {
    std::vector<dispatch::Breaker::State> states(targets_.size());
    while (simulation_.elapsed() < length_) {
      co_await simulation_.Sleep(1s, cancel_);
      const SteadyTime now = simulation_.clock.Now();
      const auto load = promotion_.Look(now);
      // What was let in while the tier was busier stays in the window for a minute.
      if (simulation_.elapsed() > 2min)
        outcome_.worst_promotion =
            std::max(outcome_.worst_promotion, load.promoted / promotion_.Cap(load));
      for (std::size_t i = 0; i < targets_.size(); ++i) {
        const auto state = targets_[i]->Look(now).state;
        if (state == states[i]) continue;
        states[i] = state;
        outcome_.time_line +=
            fmt::format("{}{{\"second\":{},\"model\":\"{}\",\"state\":\"{}\"}}",
                        outcome_.time_line.empty() ? "" : ",", simulation_.elapsed() / 1s,
                        providers_[i]->name(), dispatch::Name(state));
      }
    }
  }

  const std::chrono::seconds length_;
  testing::Simulation simulation_;
  Random random_{20'261'124};
  TaskGroup group_;
  CancelScope cancel_;
  llm::Request request_;
  mutable dispatch::Promotion promotion_{{}};
  std::vector<std::unique_ptr<ScriptedProvider>> providers_;
  std::vector<std::unique_ptr<dispatch::Target>> targets_;
  std::vector<std::unique_ptr<dispatch::RetryBudget>> budgets_;
  std::vector<dispatch::Candidate> candidates_;
  Outcome outcome_;
};

std::string Json(const Outcome& outcome) {
  std::string calls;
  for (const auto& [name, count] : outcome.calls)
    calls += fmt::format("{}\"{}\":{}", calls.empty() ? "" : ",", name, count);
  return fmt::format(
      "{{\"requests\":{},\"lost\":{},\"lost_with_alternative\":{},\"lost_without_hint\":{},"
      "\"own\":{},\"promoted\":{},\"attempts\":{},"
      "\"promotion_of_cap\":{:.3f},\"cost_nano_dollars\":{},\"latency_us\":{},\"calls\":{{{}}},"
      "\"time_line\":[{}]}}",
      outcome.requests, outcome.lost, outcome.lost_with_alternative, outcome.lost_without_hint,
      outcome.own, outcome.promoted, outcome.attempts, outcome.worst_promotion,
      outcome.cost.value(), SummaryJson(Summarize(outcome.latencies)), calls, outcome.time_line);
}

bool AsPromised(const Outcome& calm, const Outcome& incident) {
  return calm.lost == 0 && incident.lost_with_alternative == 0 && incident.lost_without_hint == 0 &&
         incident.worst_promotion <= kMostOfCap;
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  int seconds = 600;
  bool check = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--check") {
      check = true;
      continue;
    }
    const std::string_view number = i + 1 < argc ? argv[i + 1] : "";
    const auto read = std::from_chars(number.data(), number.data() + number.size(), seconds);
    if (word != "--seconds" || read.ec != std::errc() || seconds < 1) {
      fmt::print(stderr, "usage: triage_bench_resilience [--seconds N] [--check]\n");
      return 2;
    }
    ++i;
  }
  using triage::bench::Incident;
  const std::chrono::seconds length(seconds);
  const auto calm = std::make_unique<Incident>(true, length)->Play();
  const auto incident = std::make_unique<Incident>(false, length)->Play();
  fmt::print("{{\"calm\":{},\"incident\":{}}}\n", triage::bench::Json(calm),
             triage::bench::Json(incident));
  return check && !triage::bench::AsPromised(calm, incident) ? 1 : 0;
}
