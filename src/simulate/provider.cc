#include "simulate/provider.h"

#include <array>
#include <chrono>
#include <cmath>

#include "base/random.h"

namespace triage::simulate {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream; charset=utf-8";

constexpr std::string_view kProxyPage =
    "<html>\r\n<head><title>Service unavailable</title></head>\r\n<body>\r\n<center><h1>Service "
    "unavailable</h1></center>\r\n"
    "<hr><center>simulated proxy</center>\r\n</body>\r\n</html>\r\n";

constexpr std::string_view kGarbage = "{\"id\":\"chatcmpl-\x01\xff\xfe, \"choices\": [[[ not json";

// A client that hangs on is let go after this; real limits of clients are shorter.
constexpr std::chrono::microseconds kHang = std::chrono::hours(1);

std::string RandomText(Random& random, std::string_view alphabet, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += alphabet[random.Below(alphabet.size())];
  return text;
}

}  // namespace

struct SimulatedProvider::Answer {
  Completion completion;
  Pace pace;
  int tokens_per_chunk = 1;
  bool include_usage = false;
  const Fault* fault = nullptr;

  bool Has(FaultKind kind) const { return fault != nullptr && fault->kind == kind; }

  std::chrono::microseconds HeadDelay() const {
    return Has(FaultKind::kSlowHeaders) ? fault->delay : std::chrono::microseconds(0);
  }

  std::string_view ContentType(std::string_view normal) const {
    return Has(FaultKind::kContentType) ? std::string_view(fault->content_type) : normal;
  }
};

SimulatedProvider::SimulatedProvider(net::Loop& loop, ProviderOptions options, const Clock& clock)
    : loop_(loop),
      options_(std::move(options)),
      clock_(clock),
      started_(clock.Now()),
      created_(UnixSeconds()) {}

std::int64_t SimulatedProvider::UnixSeconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.WallNow().time_since_epoch())
      .count();
}

const ModelSpec* SimulatedProvider::FindModel(std::string_view name) const {
  for (const ModelSpec& spec : options_.models) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

bool SimulatedProvider::Authorized(const net::HttpRequest& request) const {
  if (options_.api_key.empty()) return true;
  const auto header = request.Find("authorization");
  return header && header->starts_with("Bearer ") && header->substr(7) == options_.api_key;
}

Task<void> SimulatedProvider::Handle(const net::HttpRequest& request, net::ResponseWriter& writer) {
  const std::string_view path = request.path();
  const bool is_chat = path == "/v1/chat/completions";
  const bool is_models = path == "/v1/models" || path.starts_with("/v1/models/");
  ApiError error;
  if (!is_chat && !is_models) {
    error = {404, "Invalid URL (" + std::string(request.method) + " " + std::string(path) + ")"};
  } else if (request.method != (is_chat ? "POST" : "GET")) {
    error = {405,
             "Not allowed to " + std::string(request.method) + " on " + std::string(path) + ".",
             "invalid_request_error", "", "method_not_supported"};
  } else if (!Authorized(request)) {
    error = ErrorOfStatus(401, "");
  } else if (is_chat) {
    co_await HandleChat(request, writer);
    co_return;
  } else {
    std::vector<std::string> names;
    for (const ModelSpec& spec : options_.models) names.push_back(spec.name);
    const std::string_view wanted =
        path.substr(std::min(path.size(), std::string_view("/v1/models/").size()));
    if (wanted.empty() || FindModel(wanted) != nullptr) {
      const std::string body =
          wanted.empty() ? ModelsBody(names, created_) : ModelBody(wanted, created_);
      const std::array<net::Header, 1> headers{{{"Content-Type", kJson}}};
      (void)co_await writer.Send(200, headers, body);
      co_return;
    }
    error = ErrorOfStatus(404, wanted);
  }
  co_await SendError(error, writer);
}

Task<void> SimulatedProvider::SendError(const ApiError& error, net::ResponseWriter& writer) {
  const std::string body = ErrorBody(error);
  const std::array<net::Header, 1> headers{{{"Content-Type", kJson}}};
  (void)co_await writer.Send(error.status, headers, body);
}

Task<void> SimulatedProvider::HandleChat(const net::HttpRequest& request,
                                         net::ResponseWriter& writer) {
  const auto chat = ParseChatRequest(request.body);
  if (!chat) {
    co_await SendError(chat.error(), writer);
    co_return;
  }
  const ModelSpec* spec = FindModel(chat->model);
  if (spec == nullptr) {
    const ApiError error = ErrorOfStatus(404, chat->model);
    co_await SendError(error, writer);
    co_return;
  }
  requests_.fetch_add(1, std::memory_order_relaxed);
  const double elapsed = std::chrono::duration<double, std::micro>(clock_.Now() - started_).count();
  const Fault* fault =
      options_.faults == nullptr
          ? nullptr
          : options_.faults->Next(
                chat->model, std::chrono::microseconds(std::llround(elapsed * options_.speed)));
  if (fault != nullptr) faults_.fetch_add(1, std::memory_order_relaxed);
  const bool instead =
      fault != nullptr && (fault->kind == FaultKind::kStatus || fault->kind == FaultKind::kClose ||
                           fault->kind == FaultKind::kHang || fault->kind == FaultKind::kGarbage);
  if (instead) {
    co_await SendFault(*fault, *chat, writer);
    co_return;
  }
  const Answer answer = MakeAnswer(*chat, *spec, fault);
  if (chat->stream) {
    co_await SendStream(answer, writer);
  } else {
    co_await SendWhole(answer, writer);
  }
}

SimulatedProvider::Answer SimulatedProvider::MakeAnswer(const ChatRequest& chat,
                                                        const ModelSpec& spec, const Fault* fault) {
  Answer answer;
  answer.fault = fault;
  answer.include_usage = chat.include_usage;
  answer.tokens_per_chunk = spec.tokens_per_chunk;
  answer.pace = PaceOf(spec, options_.seed, chat.last_user);
  if (answer.Has(FaultKind::kSlowTokens)) answer.pace.microseconds_per_token *= fault->factor;

  Completion& completion = answer.completion;
  Random random(StableHash(options_.seed + requests(), spec.name, chat.last_user));
  completion.id =
      "chatcmpl-" +
      RandomText(random, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 29);
  completion.created = UnixSeconds();
  completion.model = spec.name;
  const auto recorded =
      options_.answers ? options_.answers->Find(spec.name, chat.last_user) : std::nullopt;
  completion.text =
      recorded ? std::string(*recorded) : SyntheticAnswer(spec.name, chat.last_user, options_.seed);
  if (answer.Has(FaultKind::kEmpty)) completion.text.clear();
  completion.prompt_tokens = chat.prompt_tokens;
  completion.completion_tokens = CountTokens(completion.text);
  if (chat.max_tokens > 0 && completion.completion_tokens > chat.max_tokens) {
    completion.text.resize(PrefixBytes(completion.text, chat.max_tokens * 4));
    completion.completion_tokens = chat.max_tokens;
    completion.finish_reason = "length";
  }
  return answer;
}

Task<void> SimulatedProvider::WaitUntil(SteadyTime start, std::chrono::microseconds simulated,
                                        net::ResponseWriter& writer) {
  const auto real = std::chrono::microseconds(
      std::llround(static_cast<double>(simulated.count()) / options_.speed));
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(start + real - clock_.Now());
  if (left > std::chrono::microseconds(0)) co_await loop_.Sleep(left, &writer.client_gone());
}

Task<void> SimulatedProvider::SendFault(const Fault& fault, const ChatRequest& chat,
                                        net::ResponseWriter& writer) {
  if (fault.kind == FaultKind::kClose) {
    writer.Cut();
    co_return;
  }
  if (fault.kind == FaultKind::kHang) {
    co_await loop_.Sleep(kHang, &writer.client_gone());
    writer.Cut();
    co_return;
  }
  if (fault.kind == FaultKind::kGarbage) {
    const std::array<net::Header, 1> headers{
        {{"Content-Type", chat.stream ? kEventStream : kJson}}};
    const std::string body =
        chat.stream ? "data: " + std::string(kGarbage) + "\n\n" : std::string(kGarbage);
    (void)co_await writer.Send(200, headers, body);
    co_return;
  }
  const std::string retry_after =
      fault.retry_after_seconds ? std::to_string(*fault.retry_after_seconds) : "";
  std::vector<net::Header> headers{{"Content-Type", fault.html ? "text/html" : kJson}};
  if (fault.retry_after_seconds) headers.push_back({"Retry-After", retry_after});
  const std::string body =
      fault.html ? std::string(kProxyPage) : ErrorBody(ErrorOfStatus(fault.status, chat.model));
  (void)co_await writer.Send(fault.status, headers, body);
}

Task<void> SimulatedProvider::SendWhole(const Answer& answer, net::ResponseWriter& writer) {
  const SteadyTime start = clock_.Now();
  const Completion& completion = answer.completion;
  const auto wait = answer.HeadDelay() + answer.pace.Total(completion.completion_tokens);
  co_await WaitUntil(start, wait, writer);
  if (writer.client_gone().cancelled()) co_return;

  const std::string body = answer.Has(FaultKind::kErrorEvent)
                               ? ErrorBody(ErrorOfStatus(500, completion.model))
                               : CompletionBody(completion);
  const std::string milliseconds = std::to_string(wait.count() / 1000);
  const std::array<net::Header, 3> headers{{{"Content-Type", answer.ContentType(kJson)},
                                            {"x-request-id", completion.id},
                                            {"openai-processing-ms", milliseconds}}};
  if (!answer.Has(FaultKind::kCut)) {
    (void)co_await writer.Send(200, headers, body);
    co_return;
  }
  auto sent = co_await writer.Begin(200, headers);
  const std::string_view half = std::string_view(body).substr(0, body.size() / 2);
  if (sent) sent = co_await writer.Write(half);
  writer.Cut();
}

Task<void> SimulatedProvider::SendStream(const Answer& answer, net::ResponseWriter& writer) {
  const SteadyTime start = clock_.Now();
  const Completion& completion = answer.completion;
  const auto head_delay = answer.HeadDelay();
  co_await WaitUntil(start, head_delay + answer.pace.first_token, writer);

  const std::array<net::Header, 3> headers{{{"Content-Type", answer.ContentType(kEventStream)},
                                            {"Cache-Control", "no-cache"},
                                            {"x-request-id", completion.id}}};
  auto sent = co_await writer.Begin(200, headers);
  if (!sent) co_return;
  const ChunkWriter chunks(completion, answer.include_usage);
  const std::string error = ChunkWriter::Error(ErrorOfStatus(500, completion.model));
  const bool fails = answer.Has(FaultKind::kErrorEvent);
  const bool cuts = answer.Has(FaultKind::kCut);
  std::string event;
  if (!(fails && answer.fault->chunks == 0)) {
    event = chunks.Role();
    sent = co_await writer.Write(event);
  }

  std::string_view left = completion.text;
  std::int64_t tokens = 0;
  for (int number = 0; sent && !left.empty(); ++number) {
    if ((fails || cuts) && number >= answer.fault->chunks) break;
    const std::size_t size = PrefixBytes(left, std::int64_t{4} * answer.tokens_per_chunk);
    tokens += CountTokens(left.substr(0, size));
    event = chunks.Content(left.substr(0, size));
    left.remove_prefix(size);
    co_await WaitUntil(start, head_delay + answer.pace.Total(tokens), writer);
    if (writer.client_gone().cancelled()) co_return;
    sent = co_await writer.Write(event);
  }
  if (!sent) co_return;
  if (cuts) {
    writer.Cut();
    co_return;
  }
  if (fails) {
    event = error;
  } else {
    event = chunks.Finish(completion.finish_reason);
    if (answer.include_usage)
      event += chunks.Usage(completion.prompt_tokens, completion.completion_tokens);
    event += ChunkWriter::kDone;
  }
  sent = co_await writer.Write(event);
  if (sent) sent = co_await writer.End();
}

std::string SyntheticAnswer(std::string_view model, std::string_view prompt, std::uint64_t seed) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "alpha", "bravo",   "charlie", "delta", "echo", "foxtrot",  "golf",  "hotel",
      "india", "juliett", "kilo",    "lima",  "mike", "november", "oscar", "papa"};
  Random random(StableHash(seed + 0x5eed, model, prompt));
  std::string text =
      "Simulated answer of " + std::string(model) + " (nothing is recorded for this question):";
  const std::uint64_t words = 20 + random.Below(101);
  for (std::uint64_t i = 0; i < words; ++i) {
    text += ' ';
    text += kWords[random.Below(kWords.size())];
  }
  return text + ".";
}

}  // namespace triage::simulate
