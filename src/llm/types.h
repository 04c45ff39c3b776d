#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace triage::llm {

/// A wire format. Providers and clients each speak one.
enum class Dialect : std::uint8_t {
  kOpenAiChat,       ///< OpenAI Chat Completions
  kOpenAiResponses,  ///< OpenAI Responses
  kAnthropic,        ///< Anthropic Messages
  kGemini,           ///< Google Gemini generateContent
  kBedrock,          ///< AWS Bedrock Converse
  kOci,              ///< OCI Generative AI's native chat
};

inline constexpr std::size_t kDialects = 6;

/// The word that configuration and ledger use: openai, openai_responses, anthropic, gemini,
/// bedrock, oci.
std::string_view Name(Dialect dialect);
std::optional<Dialect> ParseDialect(std::string_view text);

enum class Role : std::uint8_t { kSystem, kUser, kAssistant, kTool };

/// Tokens of one attempt in disjoint classes: each token is counted in exactly one of them.
struct Usage {
  std::int64_t fresh_input = 0;
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t output = 0;  ///< without reasoning
  std::int64_t reasoning = 0;
  bool estimated = false;  ///< not the provider's own count

  std::int64_t TotalInput() const {
    return fresh_input + cache_read + cache_write_5m + cache_write_1h;
  }

  std::int64_t TotalOutput() const { return output + reasoning; }

  bool operator==(const Usage&) const = default;
};

enum class Impact : std::uint8_t { kLow, kNormal, kHigh, kCritical };
enum class Tolerance : std::uint8_t { kLow, kNormal, kHigh };

std::string_view Name(Impact impact);
std::string_view Name(Tolerance tolerance);
std::optional<Impact> ParseImpact(std::string_view text);
std::optional<Tolerance> ParseTolerance(std::string_view text);

/// Who asks and what is at stake: from `x-triage-*` headers, else from the same names in the body's
/// `metadata`.
struct Context {
  std::string user;
  std::string team;
  std::string feature;
  std::string session;
  Impact impact = Impact::kNormal;
  Tolerance error_tolerance = Tolerance::kNormal;
  std::string sensitivity;  ///< empty = not given; a class named in the configuration
  std::string min_tier;     ///< empty = not given
  std::string max_tier;
  std::string verify;
  std::optional<std::chrono::milliseconds> latency;  ///< the client's deadline
  std::uint64_t client = 0;  ///< hash of the credential that it came with; 0 = none
};

/// What is asked of a provider.
enum class Operation : std::uint8_t { kGenerate, kEmbed, kCountTokens };

/// What a model must be able to do to serve a request.
struct Needs {
  bool tools = false;
  bool vision = false;
  bool image_urls = false;  ///< of the images some are URLs
  bool documents = false;
  bool json_schema = false;  ///< a response_format with a schema
  bool json_object = false;
  bool logprobs = false;
  bool several_choices = false;  ///< n > 1
  bool embeddings = false;       ///< vectors instead of an answer
};

/// What a request holds beside the texts of its messages, as far as a model counts it as tokens.
struct Extras {
  std::int64_t json_bytes = 0;  ///< tools, schemas and calls, as written
  std::int64_t images = 0;
  std::int64_t documents = 0;       ///< and other files, but no plain texts
  std::int64_t document_bytes = 0;  ///< of those that are in the request itself, in base64
};

/// Decoded text of one message, in order.
struct Turn {
  Role role = Role::kUser;
  std::string_view text;
};

/// Byte offsets [begin, end) into a body; begin == end means absent.
struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  bool empty() const { return begin == end; }
};

/// One generation request as the client sent it, with what Triage has to know of it. Not movable:
/// turns point into `text`.
struct Request {
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Dialect dialect = Dialect::kOpenAiChat;
  Operation operation = Operation::kGenerate;
  std::string id;            ///< of the exchange, for answers that have none of their own
  std::int64_t created = 0;  ///< Unix seconds, likewise
  std::string body;          ///< the client's bytes, untouched
  std::string repeated;      ///< what an answer repeats of its request (Responses); empty = `body`
  std::string model;         ///< as the client wrote it: auto, tier:NAME, PROVIDER/MODEL, an alias
  bool stream = false;
  bool include_usage = false;          ///< the client asked for the usage chunk of a stream
  std::int64_t max_output_tokens = 0;  ///< 0 = not given
  Needs needs;
  Extras extras;
  Context context;

  std::string text;         ///< decoded texts of all messages, one after the other
  std::vector<Turn> turns;  ///< views into `text`

  // Where a same-dialect provider's bytes differ from the client's.
  ByteRange model_value;                   ///< the JSON string with its quotes
  ByteRange stream_options_value;          ///< the JSON value
  std::vector<ByteRange> developer_roles;  ///< messages' "developer", as JSON strings
  std::vector<std::uint32_t> keys;  ///< offsets of the top-level object's keys (their first quotes)
  bool rewrite = false;             ///< its bytes are not fit for any provider as they are
};

/// Why generation ended, with the provider's own word kept.
enum class FinishReason : std::uint8_t {
  kUnknown,
  kStop,
  kLength,
  kToolCalls,
  kContentFilter,
  kError,
  kRefusal,          ///< the model declined
  kPause,            ///< the turn is to be continued (Anthropic's pause_turn)
  kContextExceeded,  ///< the context window is full
};

/// snake_case word, e.g. "tool_calls".
std::string_view Name(FinishReason reason);

}  // namespace triage::llm
