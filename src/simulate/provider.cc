#include "simulate/provider.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "simulate/fields.h"
#include "simulate/outbound.h"
#include "simulate/route.h"
#include "simulate/rules.h"
#include "simulate/script.h"
#include "simulate/small_answers.h"
#include "simulate/steps.h"
#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/sse.h"

namespace triage::simulate {

namespace {

using Kind = Route::Kind;
using llm::Dialect;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream; charset=utf-8";
constexpr std::string_view kAwsEventStream = "application/vnd.amazon.eventstream";

constexpr std::string_view kProxyPage =
    "<html>\r\n<head><title>Service unavailable</title></head>\r\n<body>\r\n<center><h1>Service "
    "unavailable</h1></center>\r\n"
    "<hr><center>simulated proxy</center>\r\n</body>\r\n</html>\r\n";

constexpr std::string_view kGarbage = "{\"id\":\"chatcmpl-\x01\xff\xfe, \"choices\": [[[ not json";

constexpr std::string_view kPlaceholder =
    "The model is busy at the moment. Please try again later.";

// A client that hangs on is let go after this; real limits of clients are shorter.
constexpr std::chrono::microseconds kHang = std::chrono::hours(1);

/// Whether the fault comes instead of an answer.
bool IsInstead(const Fault& fault) {
  return fault.kind == FaultKind::kStatus || fault.kind == FaultKind::kClose ||
         fault.kind == FaultKind::kHang || fault.kind == FaultKind::kGarbage;
}

/// The events of an SSE stream as elements of one JSON array, as Gemini sends them by default.
std::string AsArrayElements(std::string_view sse, bool first) {
  std::string out;
  wire::SseFramer framer;
  framer.Feed(sse);
  while (const auto event = framer.Next()) {
    if (!event->has_data) continue;
    out += first ? "[" : ",\r\n";
    out += event->data;
    first = false;
  }
  return out;
}

/// Token counting asks for no limit, which the reader of the dialect's requests insists on.
std::string WithMaxTokens(std::string_view body) {
  wire::JsonTree tree;
  std::string out(body);
  if (!tree.Parse(body) || !tree.root().is_object() || tree.root()["max_tokens"].present())
    return out;
  return out.insert(out.find('{') + 1,
                    tree.root().size() > 0 ? R"("max_tokens":1,)" : R"("max_tokens":1)");
}

}  // namespace

/// One request and its answer. Writes itself down when it ends, however it ends.
struct SimulatedProvider::Exchange {
  Exchange(const SimulatedProvider& owner, const net::HttpRequest& asked,
           net::ResponseWriter& writer)
      : provider(owner),
        request(asked),
        route(RouteOf(asked, owner.options_.dialects)),
        codec(wire::CodecOf(route.dialect)),
        out(writer, owner.options_.compression),
        number(owner.options_.shared->numbers.fetch_add(1) + 1),
        id(MadeId("req_", 24, owner.options_.seed, number)) {
    outcome.model = route.model;
    if (const auto name = RequestIdHeader(route.dialect); !name.empty())
      out.headers().emplace_back(name, id);
  }

  ~Exchange() {
    if (provider.options_.recorder == nullptr) return;
    outcome.status = out.status();
    outcome.client_gone = out.gone();
    provider.options_.recorder->Write(provider.clock_.WallNow(), route.dialect, request, outcome);
  }

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const SimulatedProvider& provider;
  const net::HttpRequest& request;
  Route route;
  const wire::Codec& codec;
  Outbound out;
  std::uint64_t number;
  std::string id;
  bool stream = false;
  bool encrypted_reasoning = false;  ///< Responses: `include` asks for it
  bool array_begun = false;
  Outcome outcome;
};

/// An answer and how it is given.
struct SimulatedProvider::Reply {
  llm::Answer answer;
  wire::AnswerContext context;
  Pace pace;
  int tokens_per_chunk = 1;
  const Fault* fault = nullptr;

  bool Has(FaultKind kind) const { return fault != nullptr && fault->kind == kind; }

  std::int64_t Tokens() const { return answer.usage ? answer.usage->TotalOutput() : 0; }

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

std::chrono::microseconds SimulatedProvider::Elapsed() const {
  const double real = std::chrono::duration<double, std::micro>(clock_.Now() - started_).count();
  return std::chrono::microseconds(std::llround(real * options_.speed));
}

const ModelSpec* SimulatedProvider::FindModel(std::string_view name) const {
  for (const ModelSpec& spec : options_.models) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

const Fault* SimulatedProvider::NextFault(std::string_view model) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (options_.faults == nullptr) return nullptr;
  const Fault* fault = options_.faults->Next(model, Elapsed());
  if (fault != nullptr) faults_.fetch_add(1, std::memory_order_relaxed);
  return fault;
}

Task<void> SimulatedProvider::WaitUntil(SteadyTime start, std::chrono::microseconds simulated,
                                        Exchange& exchange) {
  const auto real = std::chrono::microseconds(
      std::llround(static_cast<double>(simulated.count()) / options_.speed));
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(start + real - clock_.Now());
  if (left > std::chrono::microseconds(0)) co_await loop_.Sleep(left, &exchange.out.client_gone());
}

Task<void> SimulatedProvider::Handle(const net::HttpRequest& request, net::ResponseWriter& writer) {
  Exchange exchange(*this, request, writer);
  co_await Dispatch(exchange);
}

Task<void> SimulatedProvider::Dispatch(Exchange& exchange) {
  const net::HttpRequest& request = exchange.request;
  const Route& route = exchange.route;
  const auto failure = [](int status, ErrorCode code, std::string message) {
    return Failure{status, Error{.code = code, .message = std::move(message)}};
  };
  std::optional<Failure> refused;
  if (route.kind == Kind::kUnknown) {
    refused = failure(404, ErrorCode::kNotFound,
                      fmt::format("Invalid URL ({} {})", request.method, request.path()));
  } else if (request.method != route.method) {
    refused = failure(405, ErrorCode::kInvalidRequest,
                      fmt::format("Not allowed to {} on {}.", request.method, request.path()));
  } else if (!CarriesKey(request, route.dialect, options_.api_key)) {
    refused = WrongKey(route.dialect);
  } else if (route.dialect == Dialect::kAnthropic && !request.Find("anthropic-version")) {
    refused = failure(400, ErrorCode::kInvalidRequest, "anthropic-version: header is required");
  }
  if (refused) {
    co_await SendFailure(exchange, std::move(*refused));
  } else if (route.kind == Kind::kModels || route.kind == Kind::kModel) {
    co_await HandleModels(exchange);
  } else if (route.kind == Kind::kEmbed) {
    co_await HandleEmbeddings(exchange);
  } else {
    co_await HandleConversation(exchange);
  }
}

Task<void> SimulatedProvider::SendFailure(Exchange& exchange, Failure failure) {
  const std::string body = exchange.codec.WriteError(failure.error, failure.status, exchange.id);
  AddErrorHeaders(exchange.route.dialect, failure.status, exchange.out.headers());
  if (failure.error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*failure.error.retry_after);
    exchange.out.headers().emplace_back("Retry-After", fmt::format("{}", seconds.count()));
  }
  (void)co_await exchange.out.Send(failure.status, kJson, body);
}

Task<void> SimulatedProvider::HandleModels(Exchange& exchange) {
  const Route& route = exchange.route;
  std::string body;
  if (route.kind == Kind::kModels) {
    std::vector<std::string> names;
    for (const ModelSpec& spec : options_.models) names.push_back(spec.name);
    body = ModelsBody(route.dialect, names, created_);
  } else if (FindModel(route.model) != nullptr) {
    body = ModelBody(route.dialect, route.model, created_);
  } else {
    co_await SendFailure(exchange, NoSuchModel(route.dialect, route.model));
    co_return;
  }
  (void)co_await exchange.out.Send(200, kJson, body);
}

Task<void> SimulatedProvider::HandleEmbeddings(Exchange& exchange) {
  auto request = ReadEmbeddingRequest(exchange.request.body);
  if (!request) {
    co_await SendFailure(exchange, BadRequest(std::move(request).error()));
    co_return;
  }
  exchange.outcome.model = request->model;
  const ModelSpec* spec = FindModel(request->model);
  if (spec == nullptr) {
    co_await SendFailure(exchange, NoSuchModel(exchange.route.dialect, request->model));
    co_return;
  }
  const Fault* fault = NextFault(request->model);
  if (fault != nullptr && IsInstead(*fault)) {
    co_await SendFault(exchange, *fault);
    co_return;
  }
  const SteadyTime start = clock_.Now();
  const Pace pace = PaceOf(*spec, options_.seed, request->inputs.front());
  co_await WaitUntil(start, pace.first_token, exchange);
  if (exchange.out.gone()) co_return;
  const std::string body = EmbeddingBody(*request);
  (void)co_await exchange.out.Send(200, kJson, body);
}

Task<void> SimulatedProvider::HandleConversation(Exchange& exchange) {
  const Dialect dialect = exchange.route.dialect;
  const bool counts = exchange.route.kind == Kind::kCountTokens;
  const std::string body =
      counts ? WithMaxTokens(exchange.request.body) : std::string(exchange.request.body);
  auto conversation = exchange.codec.ReadRequest(body, wire::ReadLimits{});
  if (!conversation) {
    co_await SendFailure(exchange, BadRequest(std::move(conversation).error()));
    co_return;
  }
  if (!exchange.route.model.empty()) conversation->model = exchange.route.model;
  exchange.stream = exchange.route.stream || conversation->stream;
  exchange.outcome.model = conversation->model;
  const ModelSpec* spec = FindModel(conversation->model);
  if (spec == nullptr) {
    co_await SendFailure(exchange, NoSuchModel(dialect, conversation->model));
    co_return;
  }
  wire::JsonTree tree;
  std::optional<Error> refused;
  if (tree.Parse(body)) {
    if (!options_.lenient) refused = UnknownField(dialect, tree.root());
    if (!refused) refused = RefusedField(dialect, tree.root(), options_.refused);
    if (!refused) refused = BrokenRule(*conversation, dialect, tree.root());
    for (const wire::JsonValue extra : tree.root()["include"])
      exchange.encrypted_reasoning |= extra.text() == "reasoning.encrypted_content";
  }
  if (refused) {
    co_await SendFailure(exchange, BadRequest(std::move(*refused)));
    co_return;
  }
  const Fault* fault = NextFault(conversation->model);
  const std::optional<Fault> asked = AskedFault(*conversation);
  if (fault == nullptr && asked) fault = &*asked;
  if (fault != nullptr && IsInstead(*fault)) {
    co_await SendFault(exchange, *fault);
  } else if (counts) {
    const std::string count = fmt::format(R"({{"input_tokens":{}}})", PromptTokens(*conversation));
    (void)co_await exchange.out.Send(200, kJson, count);
  } else if (const Transcript* transcript =
                 options_.transcripts ? options_.transcripts->AskedBy(LastUserText(*conversation))
                                      : nullptr) {
    co_await SendTranscript(exchange, *transcript);
  } else {
    co_await SendAnswer(exchange, *conversation, *spec, fault);
  }
}

Task<void> SimulatedProvider::SendAnswer(Exchange& exchange, const llm::Conversation& conversation,
                                         const ModelSpec& spec, const Fault* fault) {
  const Dialect dialect = exchange.route.dialect;
  const std::string asked = LastUserText(conversation);
  Reply reply;
  reply.fault = fault;
  reply.tokens_per_chunk = spec.tokens_per_chunk;
  reply.pace = PaceOf(spec, options_.seed, asked);
  if (reply.Has(FaultKind::kSlowTokens)) reply.pace.microseconds_per_token *= fault->factor;
  reply.answer = ScriptedAnswer(
      conversation,
      {.dialect = dialect,
       .model = spec.name,
       .recorded = options_.answers ? options_.answers->Find(spec.name, asked) : std::nullopt,
       .seed = options_.seed,
       .number = exchange.number,
       .created = UnixSeconds(),
       .encrypted_reasoning = exchange.encrypted_reasoning});
  if (reply.Has(FaultKind::kEmpty) || reply.Has(FaultKind::kDegraded)) {
    reply.answer.parts.clear();
    reply.answer.logprobs.clear();
    reply.answer.finish = llm::FinishReason::kStop;
    reply.answer.usage->output = reply.answer.usage->reasoning = 0;
  }
  if (reply.Has(FaultKind::kDegraded)) {
    reply.answer.parts.emplace_back(llm::TextPart{std::string(kPlaceholder)});
    reply.answer.usage->output = CountTokens(kPlaceholder);
  }
  options_.shared->cache.Apply(spec.name, conversation, *reply.answer.usage);
  reply.context = {.id = reply.answer.id,
                   .model = spec.name,
                   .created = reply.answer.created,
                   .include_usage = conversation.include_usage,
                   .request = exchange.request.body};

  const std::int64_t tokens = reply.answer.usage->TotalInput() + reply.Tokens();
  const Admission admission = options_.shared->limits.Take(spec, tokens, Elapsed());
  AddLimits(dialect, admission.requests, admission.tokens, clock_.WallNow(),
            exchange.out.headers());
  if (!admission.allowed) {
    Failure failure = FailureOf(dialect, 429, spec.name);
    failure.error.retry_after = admission.retry_after;
    co_await SendFailure(exchange, std::move(failure));
  } else if (exchange.stream) {
    co_await SendStream(exchange, reply);
  } else {
    co_await SendWhole(exchange, reply);
  }
}

Task<void> SimulatedProvider::SendFault(Exchange& exchange, const Fault& fault) {
  const Dialect dialect = exchange.route.dialect;
  if (fault.kind == FaultKind::kClose) {
    exchange.out.Cut();
    co_return;
  }
  if (fault.kind == FaultKind::kHang) {
    co_await loop_.Sleep(kHang, &exchange.out.client_gone());
    exchange.out.Cut();
    co_return;
  }
  if (fault.kind == FaultKind::kGarbage) {
    const bool sse = exchange.stream && exchange.codec.framing() == wire::Framing::kSse;
    const std::string_view type = sse ? kEventStream : exchange.stream ? kAwsEventStream : kJson;
    const std::string body =
        sse ? "data: " + std::string(kGarbage) + "\n\n" : std::string(kGarbage);
    (void)co_await exchange.out.Send(200, type, body);
    co_return;
  }
  Failure failure = FailureOf(dialect, fault.status, exchange.outcome.model);
  if (fault.retry_after_seconds)
    failure.error.retry_after = std::chrono::seconds(*fault.retry_after_seconds);
  if (fault.status == 429) {
    const auto minute = std::chrono::milliseconds(60'000);
    const auto reset = failure.error.retry_after.value_or(minute);
    AddLimits(dialect, {.limit = 60, .remaining = 0, .reset = reset},
              {.limit = 100'000, .remaining = 0, .reset = reset}, clock_.WallNow(),
              exchange.out.headers());
  }
  if (!fault.html) {
    co_await SendFailure(exchange, std::move(failure));
    co_return;
  }
  if (fault.retry_after_seconds)
    exchange.out.headers().emplace_back("Retry-After", std::to_string(*fault.retry_after_seconds));
  (void)co_await exchange.out.Send(fault.status, "text/html", kProxyPage);
}

Task<void> SimulatedProvider::SendTranscript(Exchange& exchange, const Transcript& transcript) {
  const bool whole = transcript.content_type == kJson || transcript.status != 200;
  if (whole) {
    if (transcript.status != 200)
      AddErrorHeaders(exchange.route.dialect, transcript.status, exchange.out.headers());
    (void)co_await exchange.out.Send(transcript.status, transcript.content_type, transcript.bytes);
    co_return;
  }
  // A prime, so that pieces end everywhere: in the middle of lines, events and characters.
  constexpr std::size_t kPiece = 97;
  Result<void> sent = co_await exchange.out.Begin(200, transcript.content_type);
  for (std::size_t at = 0; sent && at < transcript.bytes.size(); at += kPiece) {
    sent = co_await exchange.out.Write(std::string_view(transcript.bytes).substr(at, kPiece));
  }
  if (sent) sent = co_await exchange.out.End();
}

Task<void> SimulatedProvider::SendWhole(Exchange& exchange, const Reply& reply) {
  const SteadyTime start = clock_.Now();
  const auto wait = reply.HeadDelay() + reply.pace.Total(reply.Tokens());
  co_await WaitUntil(start, wait, exchange);
  if (exchange.out.gone()) co_return;

  const std::string body =
      reply.Has(FaultKind::kErrorEvent)
          ? exchange.codec.WriteError(
                FailureOf(exchange.route.dialect, 500, reply.context.model).error, 500, exchange.id)
          : exchange.codec.WriteAnswer(reply.answer, reply.context);
  if (exchange.route.dialect == Dialect::kOpenAiChat) {
    exchange.out.headers().emplace_back("openai-processing-ms",
                                        std::to_string(wait.count() / 1000));
  }
  if (!reply.Has(FaultKind::kCut)) {
    (void)co_await exchange.out.Send(200, reply.ContentType(kJson), body);
    co_return;
  }
  auto sent = co_await exchange.out.Begin(200, reply.ContentType(kJson));
  const std::string_view half = std::string_view(body).substr(0, body.size() / 2);
  if (sent) sent = co_await exchange.out.Write(half);
  exchange.out.Cut();
}

Task<void> SimulatedProvider::SendStream(Exchange& exchange, const Reply& reply) {
  const bool sse = exchange.codec.framing() == wire::Framing::kSse;
  const std::string_view type = exchange.route.array ? kJson : sse ? kEventStream : kAwsEventStream;
  exchange.out.headers().emplace_back("Cache-Control", "no-cache");
  const SteadyTime start = clock_.Now();
  const auto head_delay = reply.HeadDelay();
  co_await WaitUntil(start, head_delay + reply.pace.first_token, exchange);
  auto sent = co_await exchange.out.Begin(200, reply.ContentType(type));
  if (!sent) co_return;

  const auto writer = exchange.codec.NewStreamWriter(reply.context);
  const bool cuts = reply.Has(FaultKind::kCut);
  const bool fails = reply.Has(FaultKind::kErrorEvent);
  std::string bytes;  // written, not yet sent
  int chunks = 0;
  for (const Step& step : StepsOf(reply.answer, reply.tokens_per_chunk)) {
    const bool breaks = (cuts || fails) && step.Ends();
    if (breaks || (fails && reply.fault->chunks == 0)) break;
    if (!step.chunk) {
      Append(*writer, step.event, exchange, bytes);
      continue;
    }
    if ((cuts || fails) && chunks++ >= reply.fault->chunks) break;
    sent = co_await Flush(exchange, bytes);
    if (!sent) co_return;
    Append(*writer, step.event, exchange, bytes);
    co_await WaitUntil(start, head_delay + reply.pace.Total(step.tokens), exchange);
    if (exchange.out.gone()) co_return;
    sent = co_await Flush(exchange, bytes);
    if (!sent) co_return;
  }
  if (fails) {
    const Failure failure = FailureOf(exchange.route.dialect, 500, reply.context.model);
    writer->WriteError(failure.error, bytes);
    ++exchange.outcome.events;
  }
  sent = co_await Flush(exchange, bytes);
  if (!sent) co_return;
  if (cuts) {
    exchange.out.Cut();
    co_return;
  }
  if (exchange.route.array) sent = co_await exchange.out.Write("]");
  if (sent) sent = co_await exchange.out.End();
}

void SimulatedProvider::Append(wire::StreamWriter& writer, const llm::StreamEvent& event,
                               Exchange& exchange, std::string& bytes) {
  const std::size_t before = bytes.size();
  writer.Write(event, bytes);
  if (bytes.size() > before) ++exchange.outcome.events;
}

Task<Result<void>> SimulatedProvider::Flush(Exchange& exchange, std::string& bytes) {
  if (bytes.empty()) co_return Result<void>{};
  if (exchange.route.array) {
    bytes = AsArrayElements(bytes, !exchange.array_begun);
    exchange.array_begun = true;
  }
  Result<void> sent = co_await exchange.out.Write(bytes);
  bytes.clear();
  co_return sent;
}

}  // namespace triage::simulate
