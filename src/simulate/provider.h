#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "net/loop.h"
#include "net/server.h"
#include "simulate/fault.h"
#include "simulate/latency.h"
#include "simulate/openai_format.h"
#include "simulate/recorded.h"

namespace triage::simulate {

struct ProviderOptions {
  std::vector<ModelSpec> models;
  std::string api_key;  ///< empty = none is asked for
  std::uint64_t seed = 1;
  double speed = 1;                                ///< simulated seconds per real second
  std::shared_ptr<const RecordedAnswers> answers;  ///< null = synthetic answers only
  std::shared_ptr<FaultSchedule> faults;  ///< null = none; shared by the threads of one provider
};

/// An OpenAI-compatible provider that is not one: POST /v1/chat/completions (streamed and not), GET
/// /v1/models. A recorded question gets the recorded text of the model, any other a text that says
/// that it is simulated. Tokens are ceil(code points / 4). Belongs to one loop.
class SimulatedProvider : public net::Handler {
 public:
  SimulatedProvider(net::Loop& loop, ProviderOptions options, const Clock& clock);

  Task<void> Handle(const net::HttpRequest& request, net::ResponseWriter& writer) override;

  /// Chat completion requests of known models so far; any thread.
  std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }

  /// How many of them met a fault; any thread.
  std::uint64_t faults() const { return faults_.load(std::memory_order_relaxed); }

 private:
  struct Answer;

  Task<void> HandleChat(const net::HttpRequest& request, net::ResponseWriter& writer);
  Task<void> SendFault(const Fault& fault, const ChatRequest& chat, net::ResponseWriter& writer);
  Task<void> SendWhole(const Answer& answer, net::ResponseWriter& writer);
  Task<void> SendStream(const Answer& answer, net::ResponseWriter& writer);
  Task<void> SendError(const ApiError& error, net::ResponseWriter& writer);
  /// Waits until `simulated` has passed since `start`, on the simulated time scale.
  Task<void> WaitUntil(SteadyTime start, std::chrono::microseconds simulated,
                       net::ResponseWriter& writer);

  const ModelSpec* FindModel(std::string_view name) const;
  Answer MakeAnswer(const ChatRequest& chat, const ModelSpec& spec, const Fault* fault);
  bool Authorized(const net::HttpRequest& request) const;
  std::int64_t UnixSeconds() const;

  net::Loop& loop_;
  ProviderOptions options_;
  const Clock& clock_;
  SteadyTime started_;
  std::int64_t created_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> faults_{0};
};

/// What a model says to a question of which nothing is recorded: 20 to 120 words that begin with
/// "Simulated answer".
std::string SyntheticAnswer(std::string_view model, std::string_view prompt, std::uint64_t seed);

}  // namespace triage::simulate
