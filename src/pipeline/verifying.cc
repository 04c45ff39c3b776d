#include "pipeline/verifying.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/client_answer.h"
#include "wire/codec.h"

namespace triage::pipeline {
namespace {

using config::StreamMode;

std::optional<StreamMode> ModeOf(std::string_view name) {
  for (const StreamMode mode : {StreamMode::kHold, StreamMode::kWindow, StreamMode::kAfter}) {
    if (config::Name(mode) == name) return mode;
  }
  return std::nullopt;
}

/// Where a client of the dialect has put its schema.
std::string_view SchemaPointer(llm::Dialect dialect) {
  switch (dialect) {
    case llm::Dialect::kOpenAiChat: return "/response_format/json_schema/schema";
    case llm::Dialect::kOpenAiResponses: return "/text/format/schema";
    case llm::Dialect::kAnthropic: return "/output_config/format/schema";
    default: return "";
  }
}

std::chrono::microseconds Since(SteadyTime start, const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock.Now() - start);
}

/// One bundle of checks runs at a time: its time stands with the first verdict.
void Time(std::vector<verify::Verdict>& verdicts, std::chrono::microseconds took) {
  if (!verdicts.empty()) verdicts.front().took = took;
}

bool IsOneOf(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

constexpr std::array<std::string_view, 3> kJsonChecks{"json", "json_schema", "tool_arguments"};

bool IsConfigured(const Snapshot& snapshot, std::string_view check) {
  const config::Verify& verify = snapshot.config->verify;
  const auto named = [&](const auto& option) { return option.name == check; };
  return std::ranges::any_of(verify.patterns, named) || std::ranges::any_of(verify.webhooks, named);
}

}  // namespace

Result<std::unique_ptr<Verification>> Verification::Make(const Snapshot& snapshot,
                                                         const llm::Request& request,
                                                         const decide::Decision& decision) {
  std::unique_ptr<Verification> none;
  if (request.operation != llm::Operation::kGenerate || request.needs.several_choices ||
      decision.checks.empty())
    return none;
  std::unique_ptr<Verification> made(new Verification(snapshot, request));
  std::optional<StreamMode> mode = made->Take(decision.checks);
  // Who names nothing but a mode means the usual checks.
  if (mode && made->TakesNone()) made->Take(snapshot.config->verify.defaults);
  if (made->TakesNone()) return none;
  made->mode_ = mode.value_or(snapshot.config->verify.stream);
  if (request.needs.json_schema) {
    const llm::Conversation* conversation = made->conversation();
    if (conversation != nullptr && conversation->response_format) {
      Result<verify::Schema> schema =
          verify::Schema::Compile(conversation->response_format->schema);
      if (!schema) {
        Error error = std::move(schema).error();
        error.field.insert(0, SchemaPointer(request.dialect));
        error.message.insert(0, error.field + ": ");
        return error;
      }
      made->schema_ = *std::move(schema);
    }
  }
  return made;
}

std::optional<StreamMode> Verification::Take(std::span<const std::string> names) {
  std::optional<StreamMode> mode;
  for (const std::string& name : names) {
    if (const auto named = ModeOf(name)) {
      mode = mode ? std::min(*mode, *named) : *named;
    } else if (name == config::kSpotCheck) {
      spot_check_ = true;
    } else if (snapshot_.checks->Knows(name)) {
      names_.push_back(name);
    } else if (IsConfigured(snapshot_, name)) {
      webhooks_.push_back(name);
    }
  }
  return mode;
}

const llm::Conversation* Verification::conversation() const {
  if (!conversation_)
    conversation_ = wire::CodecOf(request_.dialect).ReadRequest(request_.body, {});
  return *conversation_ ? &**conversation_ : nullptr;
}

const verify::Asked& Verification::Asked() const {
  if (asked_) return *asked_;
  if (request_.needs.tools && conversation() != nullptr) {
    // Tools are the provider's to refuse: what is no schema is not checked.
    Result<std::vector<verify::ToolSchema>> tools = verify::CompileTools(conversation()->tools);
    if (tools) tools_ = *std::move(tools);
  }
  asked_ = verify::Asked{.turns = request_.turns,
                         .json = request_.needs.json_object || request_.needs.json_schema,
                         .schema = schema(),
                         .tools = tools_,
                         .max_output_tokens = request_.max_output_tokens};
  return *asked_;
}

Findings Verification::Check(std::string_view bytes, const Clock& clock) const {
  Result<llm::Answer> answer = wire::ReadClientAnswer(request_, bytes);
  if (answer) return CheckAnswer(*std::move(answer), clock);
  return {.verdicts = {{.check = "readable",
                        .outcome = verify::Outcome::kUnsure,
                        .reason = "the answer could not be read, so it was not checked"}},
          .answer = {},
          .text = {}};
}

Findings Verification::CheckAnswer(llm::Answer answer, const Clock& clock) const {
  const SteadyTime start = clock.Now();
  Findings findings{.verdicts = {}, .answer = std::move(answer), .text = {}};
  const verify::Given given = verify::GivenOf(findings.answer, findings.text);
  findings.verdicts = snapshot_.checks->Run(names_, Asked(), given);
  if (findings.text.empty()) findings.text = given.text;
  Time(findings.verdicts, Since(start, clock));
  return findings;
}

std::vector<verify::Verdict> Verification::CheckBegun(std::string_view bytes,
                                                      const Clock& clock) const {
  const SteadyTime start = clock.Now();
  const Result<llm::Answer> answer = wire::ReadClientAnswerBegun(request_, bytes);
  // What cannot be read breaks off by itself.
  if (!answer) return {};
  std::vector<verify::Verdict> verdicts =
      snapshot_.checks->RunPartial(names_, Asked(), llm::TextOf(*answer));
  Time(verdicts, Since(start, clock));
  return verdicts;
}

bool IsBinding(const Snapshot& snapshot, const verify::Verdict& verdict) {
  return verdict.outcome == verify::Outcome::kFail &&
         (IsOneOf(verdict.check, kJsonChecks) || IsConfigured(snapshot, verdict.check));
}

}  // namespace triage::pipeline
