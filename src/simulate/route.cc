#include "simulate/route.h"

#include <algorithm>
#include <charconv>

namespace triage::simulate {

namespace {

using llm::Dialect;
using Kind = Route::Kind;

std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto [end, problem] =
          std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      if (problem == std::errc{} && end == text.data() + i + 3) {
        out += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

/// "/v1beta/models/M:generateContent"
bool ReadGemini(std::string_view path, std::string_view query, Route& route) {
  for (const std::string_view prefix : {"/v1beta/models/", "/v1/models/"}) {
    if (!path.starts_with(prefix)) continue;
    const std::string_view rest = path.substr(prefix.size());
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view action = rest.substr(colon + 1);
    route.stream = action == "streamGenerateContent";
    if (!route.stream && action != "generateContent") continue;
    route.kind = Kind::kGenerate;
    route.model = PercentDecoded(rest.substr(0, colon));
    route.array = route.stream && query.find("alt=sse") == std::string_view::npos;
    return true;
  }
  return false;
}

/// "/model/M/converse"
bool ReadBedrock(std::string_view path, Route& route) {
  constexpr std::string_view kPrefix = "/model/";
  const auto slash = path.rfind('/');
  if (!path.starts_with(kPrefix) || slash < kPrefix.size()) return false;
  const std::string_view action = path.substr(slash + 1);
  route.stream = action == "converse-stream";
  if (!route.stream && action != "converse") return false;
  route.kind = Kind::kGenerate;
  route.model = PercentDecoded(path.substr(kPrefix.size(), slash - kPrefix.size()));
  return true;
}

bool ReadModels(std::string_view path, Route& route) {
  constexpr std::string_view kList = "/v1/models";
  if (!path.starts_with(kList)) return false;
  const std::string_view rest = path.substr(kList.size());
  if (!rest.empty() && !rest.starts_with('/')) return false;
  route.kind = rest.empty() ? Kind::kModels : Kind::kModel;
  route.method = "GET";
  if (!rest.empty()) route.model = PercentDecoded(rest.substr(1));
  return true;
}

bool ReadFor(Dialect dialect, const net::HttpRequest& request, Route& route) {
  const std::string_view path = request.path();
  route = Route{.dialect = dialect, .method = "POST"};
  const auto is = [&](std::string_view known, Kind kind) {
    if (path != known) return false;
    route.kind = kind;
    return true;
  };
  switch (dialect) {
    case Dialect::kOpenAiChat:
      if (is("/v1/chat/completions", Kind::kGenerate) || is("/v1/embeddings", Kind::kEmbed))
        return true;
      return ReadModels(path, route);
    case Dialect::kOpenAiResponses:
      if (is("/v1/responses", Kind::kGenerate) || is("/v1/embeddings", Kind::kEmbed)) return true;
      return ReadModels(path, route);
    case Dialect::kAnthropic:
      if (is("/v1/messages", Kind::kGenerate) ||
          is("/v1/messages/count_tokens", Kind::kCountTokens))
        return true;
      return ReadModels(path, route);
    case Dialect::kGemini: return ReadGemini(path, request.query(), route);
    case Dialect::kBedrock: return ReadBedrock(path, route);
    case Dialect::kOci: return is("/20231130/actions/chat", Kind::kGenerate);
  }
  return false;
}

}  // namespace

Route RouteOf(const net::HttpRequest& request, std::span<const llm::Dialect> served) {
  Route route;
  const bool anthropic = request.Find("anthropic-version").has_value() &&
                         std::ranges::find(served, Dialect::kAnthropic) != served.end();
  if (anthropic && ReadFor(Dialect::kAnthropic, request, route)) return route;
  // Gemini's actions look like the name of a model to the others.
  if (std::ranges::find(served, Dialect::kGemini) != served.end() &&
      ReadFor(Dialect::kGemini, request, route))
    return route;
  for (const Dialect dialect : served) {
    if (ReadFor(dialect, request, route)) return route;
  }
  return Route{.dialect = served.empty() ? Dialect::kOpenAiChat : served.front()};
}

}  // namespace triage::simulate
