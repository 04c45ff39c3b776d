#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "wire/anthropic.h"

namespace triage::wire {
namespace {

class AnthropicDialect final : public Codec {
 public:
  llm::Dialect dialect() const override { return anthropic::kSelf; }

  Result<llm::Conversation> ReadRequest(std::string_view body,
                                        const ReadLimits& limits) const override {
    return anthropic::ReadRequest(body, limits, true);
  }

  Result<WrittenRequest> WriteRequest(const llm::Conversation& conversation, std::string_view model,
                                      const llm::Profile& profile) const override {
    return anthropic::WriteRequest(conversation, model, profile);
  }

  Result<llm::Answer> ReadAnswer(std::string_view body) const override {
    return anthropic::ReadAnswer(body);
  }

  std::string WriteAnswer(const llm::Answer& answer, const AnswerContext& context) const override {
    return anthropic::WriteAnswer(answer, context);
  }

  std::unique_ptr<StreamReader> NewStreamReader() const override { return anthropic::NewReader(); }

  std::unique_ptr<StreamWriter> NewStreamWriter(AnswerContext context) const override {
    return anthropic::NewWriter(std::move(context));
  }

  std::string WriteError(const Error& error, int status,
                         std::string_view request_id) const override {
    return anthropic::ErrorBody(error, status, request_id);
  }

  std::string_view KeepAlive() const override {
    return "event: ping\ndata: {\"type\": \"ping\"}\n\n";
  }
};

// RFC 3339. The epoch stands for a time that is not known, as it does at Anthropic's.
std::string TimeOf(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void WriteModel(JsonWriter& json, const ListedModel& model) {
  json.Begin('{');
  json.Member("type", "model");
  json.Member("id", model.id);
  json.Member("display_name", model.id);
  json.Member("created_at", TimeOf(model.created));
  json.End('}');
}

}  // namespace

const Codec& AnthropicCodec() {
  static const AnthropicDialect codec;
  return codec;
}

std::string AnthropicModelBody(const ListedModel& model) {
  JsonWriter json;
  WriteModel(json, model);
  return json.Take();
}

std::string AnthropicModelsBody(std::span<const ListedModel> models) {
  JsonWriter json;
  json.Begin('{');
  json.Key("data");
  json.Begin('[');
  for (const ListedModel& model : models) WriteModel(json, model);
  json.End(']');
  json.Flag("has_more", false);
  json.Key("first_id");
  if (models.empty()) {
    json.Null();
  } else {
    json.String(models.front().id);
  }
  json.Key("last_id");
  if (models.empty()) {
    json.Null();
  } else {
    json.String(models.back().id);
  }
  json.End('}');
  return json.Take();
}

std::string TokenCountBody(std::int64_t input_tokens) {
  return fmt::format(R"({{"input_tokens":{}}})", input_tokens);
}

Result<std::int64_t> ReadTokenCount(std::string_view body) {
  JsonTree tree;
  const auto count = tree.Parse(body) ? tree.root()["input_tokens"].integer() : std::nullopt;
  if (count && *count >= 0) return *count;
  return Error{.code = ErrorCode::kUpstream,
               .message = "The provider's answer is no count of tokens."};
}

}  // namespace triage::wire
