#include "app/demo_load.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/cancel.h"
#include "base/task.h"
#include "wire/sse.h"

namespace triage::app {

namespace {

using nlohmann::json;

constexpr std::size_t kMostBodyBytes = 16 * 1024 * 1024;

/// The text of `choices[0].MEMBER.content`; empty when there is none.
std::string ChoiceText(const json& object, const char* member) {
  const auto choices = object.find("choices");
  if (choices == object.end() || !choices->is_array() || choices->empty()) return {};
  const json& choice = choices->front();
  const auto part = choice.is_object() ? choice.find(member) : choice.end();
  if (part == choice.end() || !part->is_object()) return {};
  const auto content = part->find("content");
  return content != part->end() && content->is_string() ? content->get<std::string>()
                                                        : std::string{};
}

void ReadUsage(const json& object, DemoReply& reply) {
  const auto usage = object.find("usage");
  if (usage == object.end() || !usage->is_object()) return;
  if (const auto tokens = usage->find("prompt_tokens");
      tokens != usage->end() && tokens->is_number_integer()) {
    reply.prompt_tokens = tokens->get<std::int64_t>();
  }
  if (const auto tokens = usage->find("completion_tokens");
      tokens != usage->end() && tokens->is_number_integer()) {
    reply.completion_tokens = tokens->get<std::int64_t>();
  }
}

std::string ErrorText(const json& object) {
  const auto error = object.find("error");
  if (error == object.end()) return {};
  const auto message = error->is_object() ? error->find("message") : error->end();
  return message != error->end() && message->is_string() ? message->get<std::string>()
                                                         : "an error without a message";
}

void ReadStream(std::string_view body, DemoReply& reply) {
  wire::SseFramer framer;
  framer.Feed(body);
  bool done = false;
  while (const auto event = framer.Next()) {
    if (!event->has_data) continue;
    if (event->data == "[DONE]") {
      done = true;
      continue;
    }
    const json object = json::parse(event->data, nullptr, false);
    if (!object.is_object()) {
      reply.error = "an event that is no JSON object";
      return;
    }
    if (reply.error = ErrorText(object); !reply.error.empty()) return;
    reply.text += ChoiceText(object, "delta");
    ReadUsage(object, reply);
  }
  if (!done) reply.error = "the stream ended without [DONE]";
}

/// One run: workers take the next request until there is none.
class Load {
 public:
  Load(net::Loop& loop, const LoadOptions& options,
       std::span<const simulate::RecordedQuestion> questions, std::span<const DemoRequest> requests,
       const Clock& clock, const std::function<void(std::size_t)>& progress)
      : client_(loop, {}),
        options_(options),
        questions_(questions),
        requests_(requests),
        clock_(clock),
        progress_(progress),
        replies_(requests.size()) {}

  Task<void> Work() {
    while (next_ < requests_.size()) {
      const std::size_t index = next_++;
      co_await Ask(requests_[index], replies_[index]);
      progress_(++done_);
    }
  }

  std::vector<DemoReply> TakeReplies() { return std::move(replies_); }

 private:
  Task<void> Ask(const DemoRequest& request, DemoReply& reply) {
    const std::string body = RequestBody(request, questions_[request.question].prompt);
    const std::vector<net::Header> headers = RequestHeaders(request);
    const std::string_view pieces[] = {body};
    const std::string path = options_.origin.base_path + "/v1/chat/completions";
    CancelScope cancel;
    net::Client::Timing timing;
    const SteadyTime start = clock_.Now();
    auto response = co_await client_.Start(options_.origin, "POST", path, headers, pieces,
                                           options_.limits, cancel, timing);
    if (!response) {
      reply.error = response.error().message;
      co_return;
    }
    net::ClientResponse& answer = **response;
    reply.status = answer.status();
    const auto header = [&](std::string_view name) {
      return std::string(net::FindHeader(answer.headers(), name).value_or(""));
    };
    reply.exchange = header("x-triage-id");
    reply.tier = header("x-triage-tier");
    reply.model = header("x-triage-model");
    reply.cost_usd = header("x-triage-cost-usd");
    const auto whole = co_await net::Client::ReadAll(answer, kMostBodyBytes);
    reply.total = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - start);
    if (!whole) {
      reply.error = whole.error().message;
      co_return;
    }
    ReadReply(*whole, request.stream && reply.status == 200, reply);
    if (reply.status != 200 && reply.error.empty())
      reply.error = "status " + std::to_string(reply.status);
  }

  net::Client client_;
  const LoadOptions& options_;
  std::span<const simulate::RecordedQuestion> questions_;
  std::span<const DemoRequest> requests_;
  const Clock& clock_;
  const std::function<void(std::size_t)>& progress_;
  std::vector<DemoReply> replies_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

void ReadReply(std::string_view body, bool stream, DemoReply& reply) {
  if (stream) {
    ReadStream(body, reply);
    return;
  }
  const json object = json::parse(body, nullptr, false);
  if (!object.is_object()) {
    reply.error = "a body that is no JSON object";
    return;
  }
  if (reply.error = ErrorText(object); !reply.error.empty()) return;
  if (!object.contains("choices")) {
    reply.error = "a body without choices";
    return;
  }
  reply.text = ChoiceText(object, "message");
  ReadUsage(object, reply);
}

std::vector<DemoReply> RunLoad(net::Loop& loop, const LoadOptions& options,
                               std::span<const simulate::RecordedQuestion> questions,
                               std::span<const DemoRequest> requests, const Clock& clock,
                               const std::function<void(std::size_t)>& progress) {
  Load load(loop, options, questions, requests, clock, progress);
  TaskGroup workers;
  for (std::size_t i = 0; i < std::min(options.concurrency, requests.size()); ++i)
    workers.Spawn(load.Work());
  loop.RunUntil([&] { return workers.active() == 0; });
  return load.TakeReplies();
}

}  // namespace triage::app
