#include "providers/webhook.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "observe/log.h"
#include "wire/json_tree.h"

namespace triage::providers {
namespace {

constexpr std::size_t kMostReplyBytes = 64 * 1024;
constexpr std::size_t kMostReasonBytes = 300;
constexpr double kFailedBad = 0.9;  // where the validator does not say itself
constexpr double kUnsureBad = 0.5;

std::string Question(std::string_view check, const llm::Request& request,
                     const llm::Answer& answer) {
  JsonWriter out;
  out.Begin('{');
  out.Member("exchange", request.id);
  out.Member("check", check);
  out.Member("feature", request.context.feature);
  out.Key("request");
  out.Begin('{');
  out.Member("dialect", llm::Name(request.dialect));
  out.Key("body");
  out.Raw(request.body);
  out.End('}');
  out.Key("answer");
  out.Begin('{');
  out.Member("text", llm::TextOf(answer));
  out.Member("finish", llm::Name(answer.finish));
  out.Key("tool_calls");
  out.Begin('[');
  for (const llm::Part& part : answer.parts) {
    const auto* call = std::get_if<llm::ToolCallPart>(&part);
    if (call == nullptr) continue;
    out.Begin('{');
    out.Member("name", call->name);
    out.Member("arguments", call->arguments);
    out.End('}');
  }
  out.End(']');
  out.End('}');
  out.End('}');
  return out.Take();
}

Error Garbage(std::string_view what) {
  return {.code = ErrorCode::kProtocol, .message = std::string(what)};
}

Result<verify::Verdict> ReadVerdict(std::string_view check, const std::string& reply) {
  wire::JsonTree tree;
  if (!tree.Parse(reply) || !tree.root().is_object()) return Garbage("it is no JSON object");
  const wire::JsonValue outcome = tree.root()["outcome"];
  const auto known = outcome.is_string() ? verify::ParseOutcome(outcome.text()) : std::nullopt;
  if (!known) return Garbage("\"outcome\" is not pass, fail or unsure");
  verify::Verdict verdict{.check = std::string(check), .outcome = *known};
  verdict.reason = tree.root()["reason"].text().substr(0, kMostReasonBytes);
  if (*known == verify::Outcome::kFail) verdict.p_bad = kFailedBad;
  if (*known == verify::Outcome::kUnsure) verdict.p_bad = kUnsureBad;
  const wire::JsonValue p_bad = tree.root()["p_bad"];
  if (p_bad.null()) return verdict;
  if (!p_bad.number() || *p_bad.number() < 0 || *p_bad.number() > 1)
    return Garbage("\"p_bad\" is not a number from 0 to 1");
  verdict.p_bad = *p_bad.number();
  return verdict;
}

}  // namespace

Webhook::Webhook(net::Client& client, WebhookOptions options)
    : client_(client), options_(std::move(options)), origin_(net::Origin::Parse(options_.url)) {}

Task<verify::Verdict> Webhook::Check(const llm::Request& request, const llm::Answer& answer,
                                     CancelScope& cancel) {
  const std::string body = Question(options_.name, request, answer);
  Result<std::string> reply = co_await Ask(body, cancel);
  Result<verify::Verdict> verdict =
      reply ? ReadVerdict(options_.name, *reply) : Result<verify::Verdict>(reply.error());
  if (verdict) co_return *std::move(verdict);
  observe::Log(observe::Level::kWarn, "validator gave no verdict", verdict.error(),
               {{"check", options_.name}});
  co_return verify::Verdict{.check = options_.name,
                            .outcome = verify::Outcome::kUnsure,
                            .reason = "the validator gave no verdict: " + verdict.error().message,
                            .p_bad = kUnsureBad};
}

Task<Result<std::string>> Webhook::Ask(const std::string& body, CancelScope& cancel) {
  if (!origin_) co_return origin_.error();
  const std::string authorization = "Bearer " + options_.token;
  std::vector<net::Header> headers{{"Content-Type", "application/json"},
                                   {"Accept", "application/json"}};
  if (!options_.token.empty()) headers.push_back({"Authorization", authorization});
  const net::CallLimits limits{.connect = options_.deadline,
                               .first_byte = options_.deadline,
                               .between_bytes = options_.deadline,
                               .total = options_.deadline};
  const std::string_view path = origin_->base_path.empty() ? "/" : "";
  const std::array<std::string_view, 1> pieces{body};
  net::Client::Timing timing;
  Result<std::unique_ptr<net::ClientResponse>> response =
      co_await client_.Start(*origin_, "POST", path, headers, pieces, limits, cancel, timing);
  if (!response) co_return std::move(response).error();
  const int status = (*response)->status();
  if (status != 200) co_return Garbage("it answered with status " + std::to_string(status));
  Result<std::string> text = co_await net::Client::ReadAll(**response, kMostReplyBytes);
  co_return text;
}

}  // namespace triage::providers
