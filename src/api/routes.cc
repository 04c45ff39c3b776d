#include "api/routes.h"

#include <array>
#include <string>
#include <vector>

#include "api/count_tokens.h"
#include "api/embeddings.h"
#include "api/error_response.h"
#include "api/feedback.h"
#include "api/generate.h"
#include "base/text.h"
#include "observe/metrics.h"
#include "wire/anthropic.h"
#include "wire/json.h"
#include "wire/openai_errors.h"

namespace triage::api {
namespace {

constexpr net::Header kJson{"Content-Type", "application/json"};

Task<void> SendText(net::ResponseWriter& writer, int status, net::Header type, std::string body) {
  const std::array<net::Header, 1> headers{type};
  // The client's departure needs no answer here: nothing was begun for it.
  [[maybe_unused]] const Result<void> sent = co_await writer.Send(status, headers, body);
}

/// A path's "%3A" and the like as what they stand for.
std::string PercentDecoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// `auto`, the tiers and the configured models, as a client may name them.
std::vector<wire::ListedModel> ListedModels(const pipeline::Snapshot& snapshot) {
  std::vector<wire::ListedModel> models;
  models.push_back({.id = "auto", .owned_by = "triage"});
  for (const decide::TierOption& tier : snapshot.options.tiers) {
    models.push_back({.id = "tier:" + tier.name, .owned_by = "triage"});
  }
  for (const decide::ModelOption& model : snapshot.options.models) {
    models.push_back({.id = model.name, .owned_by = model.provider});
  }
  return models;
}

/// GET /v1/models and /v1/models/{id}, in the style of the client.
Result<std::string> ModelsAnswer(const pipeline::Snapshot& snapshot, std::string_view path,
                                 llm::Dialect dialect) {
  constexpr std::string_view kList = "/v1/models";
  const std::vector<wire::ListedModel> models = ListedModels(snapshot);
  const bool anthropic = dialect == llm::Dialect::kAnthropic;
  if (path == kList || path == "/v1/models/")
    return anthropic ? wire::AnthropicModelsBody(models) : wire::ModelsBody(models);
  const std::string id = PercentDecoded(path.substr(kList.size() + 1));
  for (const wire::ListedModel& model : models) {
    if (model.id == id) return anthropic ? wire::AnthropicModelBody(model) : wire::ModelBody(model);
  }
  return Error{
      .code = ErrorCode::kNotFound,
      .message = "no model is called \"" + id.substr(0, 80) + "\"; GET /v1/models lists the names",
      .field = "/model"};
}

std::string ReadinessBody(const Operations::Readiness& readiness) {
  std::string body =
      readiness.ready ? R"({"status":"ready","details":[)" : R"({"status":"not ready","details":[)";
  for (const std::string& detail : readiness.details) {
    if (&detail != readiness.details.data()) body.push_back(',');
    wire::AppendJsonString(body, detail);
  }
  return body + "]}\n";
}

/// In whose shape a client wants what is no answer to a request of a dialect.
llm::Dialect DialectOf(const net::HttpRequest& request) {
  const bool anthropic =
      request.path().starts_with("/v1/messages") || request.Find("anthropic-version").has_value();
  return anthropic ? llm::Dialect::kAnthropic : llm::Dialect::kOpenAiChat;
}

/// The dialect of a generation route; nothing for any other.
std::optional<llm::Dialect> GenerationDialect(std::string_view path) {
  if (path == "/v1/chat/completions") return llm::Dialect::kOpenAiChat;
  if (path == "/v1/messages") return llm::Dialect::kAnthropic;
  return std::nullopt;
}

Error NoRoute(const net::HttpRequest& request) {
  return Error{.code = ErrorCode::kNotFound,
               .message = "no such route: " + std::string(request.method) + " " +
                          std::string(request.path())};
}

}  // namespace

Task<void> Routes::Handle(const net::HttpRequest& request, net::ResponseWriter& writer) {
  const std::string_view path = request.path();
  if (listener_ == Listener::kHttp && request.method == "POST") {
    // First, because it is what nearly every request asks for.
    if (const auto dialect = GenerationDialect(path)) {
      co_await ServeGeneration(*dialect, worker_, request, writer);
      co_return;
    }
  }
  co_await Respond(request, writer);
}

Task<void> Routes::Respond(const net::HttpRequest& request, net::ResponseWriter& writer) {
  const std::string_view path = request.path();
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (path == "/healthz" && reading) {
    co_await SendText(writer, 200, kJson, "{\"status\":\"ok\"}\n");
    co_return;
  }
  if (path == "/readyz" && reading) {
    const Operations::Readiness readiness = operations_.Ready();
    std::string body = ReadinessBody(readiness);
    co_await SendText(writer, readiness.ready ? 200 : 503, kJson, std::move(body));
    co_return;
  }
  if (path == "/metrics" && reading) {
    std::string text = operations_.Metrics();
    co_await SendText(writer, 200, {"Content-Type", observe::Registry::kContentType},
                      std::move(text));
    co_return;
  }
  if (listener_ == Listener::kHttp && request.method == "POST") {
    if (path == "/v1/messages/count_tokens") {
      co_await ServeCountTokens(worker_, request, writer);
      co_return;
    }
    if (path == "/v1/responses") {
      co_await responses_.Create(request, writer);
      co_return;
    }
    if (path == "/v1/feedback") {
      co_await ServeFeedback(loop_, worker_, request, writer);
      co_return;
    }
    if (path == "/v1/embeddings") {
      co_await ServeEmbeddings(worker_, request, writer);
      co_return;
    }
  }
  constexpr std::string_view kResponses = "/v1/responses/";
  if (listener_ == Listener::kHttp && path.starts_with(kResponses)) {
    const bool served = co_await responses_.Serve(path.substr(kResponses.size()), request, writer);
    if (served) co_return;
  }
  if (listener_ == Listener::kHttp && path.starts_with("/v1/models") && reading) {
    const Result<std::string> body =
        ModelsAnswer(*worker_.bound->snapshot, path, DialectOf(request));
    if (body) {
      std::string text = *body;
      co_await SendText(writer, 200, kJson, std::move(text));
    } else {
      [[maybe_unused]] const Result<void> sent =
          co_await SendError(writer, DialectOf(request), body.error());
    }
    co_return;
  }
  if (listener_ == Listener::kAdmin && path == "/admin/reload" && request.method == "POST") {
    const Result<std::string> version = co_await operations_.Reload();
    if (!version) {
      [[maybe_unused]] const Result<void> sent =
          co_await SendError(writer, llm::Dialect::kOpenAiChat, version.error());
      co_return;
    }
    std::string body = R"({"config_version":)";
    wire::AppendJsonString(body, *version);
    co_await SendText(writer, 200, kJson, body + "}\n");
    co_return;
  }
  const Error error = NoRoute(request);
  [[maybe_unused]] const Result<void> sent = co_await SendError(writer, DialectOf(request), error);
}

}  // namespace triage::api
