#include "simulate/fields.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace triage::simulate {

namespace {

using llm::Dialect;
using Names = std::span<const std::string_view>;

constexpr std::string_view kOpenAiChat[] = {"audio",
                                            "frequency_penalty",
                                            "function_call",
                                            "functions",
                                            "logit_bias",
                                            "logprobs",
                                            "max_completion_tokens",
                                            "max_tokens",
                                            "messages",
                                            "metadata",
                                            "modalities",
                                            "model",
                                            "n",
                                            "parallel_tool_calls",
                                            "prediction",
                                            "presence_penalty",
                                            "prompt_cache_key",
                                            "prompt_cache_retention",
                                            "reasoning_effort",
                                            "response_format",
                                            "safety_identifier",
                                            "seed",
                                            "service_tier",
                                            "stop",
                                            "store",
                                            "stream",
                                            "stream_options",
                                            "temperature",
                                            "tool_choice",
                                            "tools",
                                            "top_logprobs",
                                            "top_p",
                                            "user",
                                            "verbosity",
                                            "web_search_options"};

constexpr std::string_view kOpenAiResponses[] = {"background",
                                                 "context_management",
                                                 "conversation",
                                                 "include",
                                                 "input",
                                                 "instructions",
                                                 "max_output_tokens",
                                                 "max_tool_calls",
                                                 "metadata",
                                                 "model",
                                                 "parallel_tool_calls",
                                                 "previous_response_id",
                                                 "prompt",
                                                 "prompt_cache_key",
                                                 "prompt_cache_retention",
                                                 "reasoning",
                                                 "safety_identifier",
                                                 "service_tier",
                                                 "store",
                                                 "stream",
                                                 "stream_options",
                                                 "temperature",
                                                 "text",
                                                 "tool_choice",
                                                 "tools",
                                                 "top_logprobs",
                                                 "top_p",
                                                 "truncation",
                                                 "user"};

constexpr std::string_view kAnthropic[] = {"cache_control", "container",      "context_management",
                                           "inference_geo", "max_tokens",     "mcp_servers",
                                           "messages",      "metadata",       "model",
                                           "output_config", "output_format",  "service_tier",
                                           "speed",         "stop_sequences", "stream",
                                           "system",        "temperature",    "thinking",
                                           "tool_choice",   "tools",          "top_k",
                                           "top_p"};

// Protocol buffers' JSON takes both spellings.
constexpr std::string_view kGemini[] = {"cachedContent",
                                        "cached_content",
                                        "contents",
                                        "generationConfig",
                                        "generation_config",
                                        "labels",
                                        "model",
                                        "safetySettings",
                                        "safety_settings",
                                        "serviceTier",
                                        "service_tier",
                                        "store",
                                        "systemInstruction",
                                        "system_instruction",
                                        "toolConfig",
                                        "tool_config",
                                        "tools"};

constexpr std::string_view kGeminiGeneration[] = {"candidateCount",
                                                  "candidate_count",
                                                  "enableEnhancedCivicAnswers",
                                                  "frequencyPenalty",
                                                  "frequency_penalty",
                                                  "imageConfig",
                                                  "image_config",
                                                  "logprobs",
                                                  "maxOutputTokens",
                                                  "max_output_tokens",
                                                  "mediaResolution",
                                                  "media_resolution",
                                                  "presencePenalty",
                                                  "presence_penalty",
                                                  "responseJsonSchema",
                                                  "_responseJsonSchema",
                                                  "response_json_schema",
                                                  "responseLogprobs",
                                                  "response_logprobs",
                                                  "responseMimeType",
                                                  "response_mime_type",
                                                  "responseModalities",
                                                  "response_modalities",
                                                  "responseSchema",
                                                  "response_schema",
                                                  "seed",
                                                  "speechConfig",
                                                  "speech_config",
                                                  "stopSequences",
                                                  "stop_sequences",
                                                  "temperature",
                                                  "thinkingConfig",
                                                  "thinking_config",
                                                  "topK",
                                                  "top_k",
                                                  "topP",
                                                  "top_p"};

constexpr std::string_view kBedrock[] = {"additionalModelRequestFields",
                                         "additionalModelResponseFieldPaths",
                                         "guardrailConfig",
                                         "inferenceConfig",
                                         "messages",
                                         "outputConfig",
                                         "performanceConfig",
                                         "promptVariables",
                                         "requestMetadata",
                                         "serviceTier",
                                         "system",
                                         "toolConfig"};

constexpr std::string_view kBedrockInference[] = {"maxTokens", "stopSequences", "temperature",
                                                  "topP"};

constexpr std::string_view kOci[] = {"chatRequest", "compartmentId", "servingMode"};

constexpr std::string_view kOciGeneric[] = {"apiFormat",
                                            "frequencyPenalty",
                                            "isEcho",
                                            "isParallelToolCalls",
                                            "isStream",
                                            "logProbs",
                                            "logitBias",
                                            "maxCompletionTokens",
                                            "maxTokens",
                                            "messages",
                                            "metadata",
                                            "numGenerations",
                                            "prediction",
                                            "presencePenalty",
                                            "reasoningEffort",
                                            "responseFormat",
                                            "seed",
                                            "serviceTier",
                                            "stop",
                                            "streamOptions",
                                            "temperature",
                                            "toolChoice",
                                            "tools",
                                            "topK",
                                            "topP",
                                            "verbosity",
                                            "webSearchOptions"};

/// An object of a request and what may be in it.
struct Place {
  wire::JsonValue object;
  Names known;
};

/// The body and, where the dialect has one, the object with its settings.
std::pair<Place, Place> PlacesOf(Dialect dialect, wire::JsonValue body) {
  const auto nested = [&](const char* name, const char* other) {
    return body[name].present() ? body[name] : body[other];
  };
  switch (dialect) {
    case Dialect::kOpenAiChat: return {{body, kOpenAiChat}, {}};
    case Dialect::kOpenAiResponses: return {{body, kOpenAiResponses}, {}};
    case Dialect::kAnthropic: return {{body, kAnthropic}, {}};
    case Dialect::kGemini:
      return {{body, kGemini},
              {nested("generationConfig", "generation_config"), kGeminiGeneration}};
    case Dialect::kBedrock: return {{body, kBedrock}, {body["inferenceConfig"], kBedrockInference}};
    case Dialect::kOci: {
      const wire::JsonValue chat = body["chatRequest"];
      // COHERE and COHEREV2 requests have fields of their own.
      if (chat["apiFormat"].text() != "GENERIC") return {{body, kOci}, {}};
      return {{body, kOci}, {chat, kOciGeneric}};
    }
  }
  return {};
}

std::string UnknownMessage(Dialect dialect, std::string_view name, std::string_view where) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
      return fmt::format("Unrecognized request argument supplied: {}", name);
    case Dialect::kOpenAiResponses: return fmt::format("Unknown parameter: '{}'.", name);
    case Dialect::kAnthropic: return fmt::format("{}: Extra inputs are not permitted", name);
    case Dialect::kGemini:
      return fmt::format("Invalid JSON payload received. Unknown name \"{}\"{}: Cannot find field.",
                         name, where.empty() ? "" : fmt::format(" at '{}'", where));
    case Dialect::kBedrock:
      return fmt::format(
          "The model returned the following errors: extraneous key [{}] is not "
          "permitted",
          name);
    case Dialect::kOci:
      return fmt::format("Please pass in correct format of request. Unrecognized field \"{}\"",
                         name);
  }
  return "";
}

}  // namespace

std::optional<Error> UnknownField(Dialect dialect, wire::JsonValue body) {
  const auto [top, nested] = PlacesOf(dialect, body);
  for (const Place& place : {top, nested}) {
    for (const wire::JsonValue member : place.object) {
      if (std::ranges::find(place.known, member.key()) != place.known.end()) continue;
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = UnknownMessage(dialect, member.key(), place.object.key()),
                   .field = member.Pointer()};
    }
  }
  return std::nullopt;
}

std::optional<Error> RefusedField(Dialect dialect, wire::JsonValue body,
                                  std::span<const std::string> refused) {
  const auto [top, nested] = PlacesOf(dialect, body);
  for (const std::string& name : refused) {
    for (const Place& place : {top, nested}) {
      const wire::JsonValue found = place.object[name];
      if (found.null()) continue;
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message = fmt::format("`{}` is not supported with this model", name),
                   .field = found.Pointer()};
    }
  }
  return std::nullopt;
}

}  // namespace triage::simulate
