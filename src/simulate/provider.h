#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "llm/answer.h"
#include "llm/conversation.h"
#include "net/loop.h"
#include "net/server.h"
#include "simulate/compress.h"
#include "simulate/failure.h"
#include "simulate/fault.h"
#include "simulate/latency.h"
#include "simulate/prompt_cache.h"
#include "simulate/rate_limit.h"
#include "simulate/recorded.h"
#include "simulate/recorder.h"
#include "simulate/transcripts.h"
#include "wire/codec.h"

namespace triage::simulate {

/// What the threads of one provider have in common.
struct SharedState {
  RateLimits limits;
  PromptCache cache;
  std::atomic<std::uint64_t> numbers{0};  ///< of requests: ids are made of them
};

/// How one provider behaves. Copies share their state: one copy for each thread.
struct ProviderOptions {
  std::vector<ModelSpec> models;
  std::vector<llm::Dialect> dialects = {llm::Dialect::kOpenAiChat};  ///< told apart by path
  std::string api_key;                                               ///< empty = none is asked for
  std::uint64_t seed = 1;
  double speed = 1;                                ///< simulated seconds per real second
  std::shared_ptr<const RecordedAnswers> answers;  ///< null = synthetic answers only
  std::shared_ptr<const Transcripts> transcripts;  ///< null = none
  std::shared_ptr<FaultSchedule> faults;           ///< null = none
  bool lenient = false;              ///< takes fields that the dialect's reference does not know
  std::vector<std::string> refused;  ///< fields that get a 400 although the dialect has them
  Compression compression = Compression::kNone;  ///< of every answer, asked for or not
  std::shared_ptr<Recorder> recorder;            ///< null = nothing is written down
  std::shared_ptr<SharedState> shared = std::make_shared<SharedState>();
};

/// A provider that is not one: speaks the dialects it is told to, streamed and not, with their
/// errors, embeddings, token counts and lists of models. A recorded question gets the recorded text
/// of the model; what the request asks for by its content (tools, schemas, thinking, faults) is
/// described in docs/simulate.md; anything else gets a text that says that it is simulated. Tokens
/// are ceil(code points / 4). Belongs to one loop.
class SimulatedProvider : public net::Handler {
 public:
  SimulatedProvider(net::Loop& loop, ProviderOptions options, const Clock& clock);

  Task<void> Handle(const net::HttpRequest& request, net::ResponseWriter& writer) override;

  /// Well-formed requests for known models so far; any thread.
  std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }

  /// How many of them met a fault; any thread.
  std::uint64_t faults() const { return faults_.load(std::memory_order_relaxed); }

  /// Simulated time since the start.
  std::chrono::microseconds Elapsed() const;

 private:
  struct Exchange;
  struct Reply;

  Task<void> Dispatch(Exchange& exchange);
  Task<void> HandleModels(Exchange& exchange);
  Task<void> HandleEmbeddings(Exchange& exchange);
  Task<void> HandleConversation(Exchange& exchange);
  Task<void> SendAnswer(Exchange& exchange, const llm::Conversation& conversation,
                        const ModelSpec& spec, const Fault* fault);
  Task<void> SendWhole(Exchange& exchange, const Reply& reply);
  Task<void> SendStream(Exchange& exchange, const Reply& reply);
  Task<void> SendTranscript(Exchange& exchange, const Transcript& transcript);
  Task<void> SendFault(Exchange& exchange, const Fault& fault);
  Task<void> SendFailure(Exchange& exchange, Failure failure);
  static void Append(wire::StreamWriter& writer, const llm::StreamEvent& event, Exchange& exchange,
                     std::string& bytes);
  static Task<Result<void>> Flush(Exchange& exchange, std::string& bytes);
  /// Waits until `simulated` has passed since `start`, on the simulated time scale.
  Task<void> WaitUntil(SteadyTime start, std::chrono::microseconds simulated, Exchange& exchange);

  /// Counts the request; the fault it meets by schedule, null = none.
  const Fault* NextFault(std::string_view model);
  const ModelSpec* FindModel(std::string_view name) const;
  std::int64_t UnixSeconds() const;

  net::Loop& loop_;
  ProviderOptions options_;
  const Clock& clock_;
  SteadyTime started_;
  std::int64_t created_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> faults_{0};
};

}  // namespace triage::simulate
