#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "config/secret.h"
#include "llm/profile.h"
#include "llm/types.h"

namespace triage::config {

using std::chrono::milliseconds;

struct Address {
  std::string host;        ///< name, IPv4 or IPv6 without brackets
  std::uint16_t port = 0;  ///< 0 = the system chooses

  bool operator==(const Address&) const = default;
};

struct Tls {
  std::filesystem::path cert;
  std::filesystem::path key;
};

struct Listen {
  Address http;
  std::optional<Address> admin;
  std::optional<Tls> tls;  ///< of the http listener
  unsigned threads = 0;    ///< 0 = one per core
};

struct Limits {
  std::size_t max_body = 0;  ///< bytes
  std::size_t max_head = 0;  ///< bytes
  std::size_t max_connections = 0;
  milliseconds header_timeout{0};
  milliseconds body_timeout{0};
  milliseconds idle_timeout{0};
  milliseconds write_timeout{0};
  milliseconds deadline{0};      ///< of one exchange with all its attempts
  milliseconds drain_notice{0};  ///< between SIGTERM and the closing of the listeners
  milliseconds drain{0};         ///< what SIGTERM gives running exchanges
  milliseconds keep_alive{0};    ///< silence in a stream after which the client gets a sign of life
  int max_attempts = 0;          ///< per exchange: retries, fallbacks and cascade together
};

/// Zero = no limit.
struct Timeouts {
  milliseconds connect{0};
  milliseconds first_byte{0};
  milliseconds first_token{0};
  milliseconds between_bytes{0};
  milliseconds total{0};
};

struct ExtraHeader {
  std::string name;
  Secret value;
};

/// How an endpoint is told who calls.
struct Auth {
  enum class Kind : std::uint8_t {
    kNone,
    kBearer,        ///< Authorization: Bearer api_key
    kHeader,        ///< `header`: api_key
    kAwsSigV4,      ///< AWS Signature Version 4
    kOciSignature,  ///< OCI request signing
  };
  Kind kind = Kind::kBearer;
  std::string header;                 ///< of kHeader: x-api-key, api-key, x-goog-api-key
  std::filesystem::path config_file;  ///< of kOciSignature: an OCI configuration file
  std::string profile;                ///< section of `config_file`
  Secret access_key_id;               ///< of kAwsSigV4
  Secret secret_access_key;
  Secret session_token;  ///< of temporary credentials; else empty
  std::string service;   ///< of kAwsSigV4: the name that is signed, "bedrock"
};

std::string_view Name(Auth::Kind kind);

/// Behind the base URL; "{model}" stands for the provider's name of the model, percent-encoded, and
/// a query may follow. Empty = the endpoint has no such operation.
struct Paths {
  std::string generate;
  std::string stream;  ///< empty = as `generate`
  std::string embed;
  std::string count_tokens;
};

/// What a model can do, or of a provider what none of its models can.
struct Capabilities {
  bool tools = false;
  bool vision = false;
  bool json = false;         ///< response_format json_object
  bool json_schema = false;  ///< response_format json_schema
  bool logprobs = false;
  bool choices = false;     ///< n > 1
  bool image_urls = false;  ///< images by URL; every model with vision, but not every provider
  bool documents = false;
  bool embeddings = false;  ///< an embeddings model, which does nothing else

  bool operator==(const Capabilities&) const = default;
};

/// An endpoint. What triage.yaml leaves out comes from the catalogue of provider kinds, then from
/// the dialect; no template is left in it but "{model}".
struct Provider {
  std::string name;
  std::string type;  ///< kind in the catalogue; empty = only the dialect is known
  llm::Dialect dialect = llm::Dialect::kOpenAiChat;
  std::string base_url;          ///< http:// or https://, without a slash at the end
  std::string region;            ///< of signatures; may be empty
  std::vector<Secret> api_keys;  ///< they take turns; none = none is sent
  Auth auth;
  Paths paths;
  llm::Profile profile;
  Capabilities cannot;  ///< taken out of its models' capabilities already
  llm::OnDisconnect on_disconnect = llm::OnDisconnect::kCancel;
  milliseconds drain_limit{0};  ///< of kDrain: how long it is read on at most
  std::string accept_encoding;
  std::vector<ExtraHeader> headers;
  Timeouts timeouts;
  std::size_t max_idle_connections = 0;
  std::filesystem::path ca_file;  ///< empty = the system's certificates
  bool verify_tls = true;
};

/// One price per disjoint token class. What a source does not name costs what its nearest dearer
/// class costs: cache reads and writes as input, reasoning as output.
struct TokenPrices {
  PricePerMillion input;
  PricePerMillion output;
  PricePerMillion cache_read;
  PricePerMillion cache_write_5m;
  PricePerMillion cache_write_1h;
  PricePerMillion reasoning;

  bool operator==(const TokenPrices&) const = default;
};

/// What a model charges from a day on, until the day of the next.
struct Prices : TokenPrices {
  struct LongContext {
    std::int64_t above = 0;  ///< input tokens of a call
    TokenPrices prices;      ///< then those of all its tokens
  };

  std::optional<std::chrono::sys_days> from;  ///< nothing = ever since; only the first has none
  NanoDollars per_request;
  NanoDollars per_image;
  std::optional<Share> batch;  ///< of the usual price, in batches; nothing = not known
  std::optional<LongContext> long_context;
  std::string source;  ///< "configuration", or the catalogue's source
  std::string as_of;   ///< YYYY-MM-DD of a catalogue price; empty for the configuration's
};

/// The prices that are in force on a day; null when none are. `prices` in the order of days.
const Prices* InForce(const std::vector<Prices>& prices, std::chrono::sys_days day);

struct Model {
  std::string name;             ///< Triage's
  std::string provider;         ///< name of a Provider
  std::string model;            ///< the provider's own name, sent upstream
  std::int64_t context = 0;     ///< tokens; 0 = unknown, not checked
  std::int64_t max_output = 0;  ///< tokens; 0 = unknown
  Capabilities capabilities;
  std::vector<Prices> prices;  ///< in the order of days; empty = cost unknown, never zero
  std::optional<std::chrono::sys_days> shut_down;  ///< when its provider stops serving it, if told
  std::vector<std::string> aliases;
};

struct Tier {
  std::string name;
  /// Models in the order in which they are tried. A `tier:NAME` at the end is already replaced by
  /// that tier's models.
  std::vector<std::string> chain;

  /// Where in the chain a model stands: those of one position share its load by weight.
  struct Place {
    int position = 0;
    double weight = 1;
  };

  std::vector<Place> places;  ///< one for each of `chain`
};

enum class Rule : std::uint8_t { kThresholds, kExpectedCost };
enum class StreamMode : std::uint8_t { kHold, kWindow, kAfter };

std::string_view Name(Rule rule);
std::string_view Name(StreamMode mode);

enum class JudgeMode : std::uint8_t { kOff, kInBand, kAlways };

std::string_view Name(JudgeMode mode);

/// The LLM judge of routing.
struct Judge {
  JudgeMode mode = JudgeMode::kOff;
  std::string model;  ///< of `models`; not empty unless off
  milliseconds deadline{0};
  double band = 0;
  std::int64_t cache_entries = 0;
  milliseconds cache_ttl{0};
  std::vector<std::pair<double, double>> calibration;  ///< stated, observed
};

struct Routing {
  Rule rule = Rule::kThresholds;
  /// Where thresholds come from: `thresholds` when not empty, else `keep_quality`, but for the
  /// boundaries below the tiers that `share` names.
  double keep_quality = 0;              ///< share of the best tier's quality, (0, 1]
  std::vector<double> thresholds;       ///< one per tier but the last, cheapest first
  std::map<std::string, double> share;  ///< tier → of the traffic, (0, 1)
  double band = 0;                      ///< half width, [0, 0.5)
  Judge judge;
  double check_catches = 0;       ///< share of bad answers that checks send up; 0 = not counted on
  double check_false_alarms = 0;  ///< and of good ones
  std::filesystem::path router;   ///< artifact; empty = none was found (a warning says so)
  std::optional<NanoDollars> stakes;  ///< cost of one unacceptable answer, for expected_cost
  std::string preset;                 ///< of features that `workloads` does not name; empty = none
};

/// How failing, slow and limiting providers are borne; the table of the reference explains each.
struct Resilience {
  struct Breaker {
    int min_volume = 0;
    double failure_share = 0;
    int consecutive = 0;
    int quiet_consecutive = 0;
    double slow_share = 0;
    milliseconds open_for{0};
    milliseconds open_most{0};
    milliseconds ramp{0};
  };

  struct Retries {
    int most = 0;
    milliseconds backoff{0};
    milliseconds longest{0};
    milliseconds pacing{0};
  };

  struct Promotion {
    double share = 0;
    int always_per_minute = 0;
    NanoDollars most_per_hour;  ///< zero = not bounded
  };

  struct Hedge {
    std::vector<std::string> tiers;  ///< where; empty = nowhere
    double share = 0;                ///< of the exchanges, at most
  };

  Breaker breaker;
  Retries retries;
  Hedge hedge;
  Promotion promotion;
  std::int64_t min_throughput = 0;  ///< bytes per second; zero = not watched
  milliseconds min_throughput_over{0};
};

/// How many exchanges are served at the same time, and what becomes of the others.
struct Admission {
  /// What counts as one client.
  enum class Client : std::uint8_t { kCredential, kUser, kTeam, kFeature };

  /// Exchanges of any of these are bulk.
  struct Bulk {
    std::vector<std::string> user;
    std::vector<std::string> team;
    std::vector<std::string> feature;
  };

  std::size_t concurrency = 0;  ///< per I/O thread; 0 = not bounded
  std::size_t queue = 0;        ///< per I/O thread
  double reserve = 0;           ///< share of `concurrency` that bulk leaves free
  milliseconds max_wait{0};
  milliseconds bulk_wait{0};
  milliseconds target_wait{0};
  std::size_t per_client = 0;  ///< exchanges of one client at the same time; 0 = not bounded
  Client client = Client::kCredential;
  Bulk bulk;
  bool unready_when_overloaded = false;
};

/// All fields that are given must match; a field matches any of its values.
struct Policy {
  std::string name;                                      ///< as given, else "policies[N]"
  std::map<std::string, std::vector<std::string>> when;  ///< user, team, feature, … → values
  std::string min_tier;                                  ///< empty = none
  std::string max_tier;                                  ///< empty = none
  std::string sensitivity;                               ///< empty = none
  std::vector<std::string> verify;
};

/// What is assumed of a kind of work until the router has learned from it (config/presets.yaml).
struct Preset {
  std::string name;
  std::vector<double> likely_enough;  ///< from the cheapest tier up
  NanoDollars stakes;
  std::vector<std::string> verify;
  /// Names are reasons in words; tiers are `cheapest`, `above_cheapest`, `top`.
  std::vector<Policy> rules;
};

/// How answers are checked; the table of the reference explains each.
struct Verify {
  struct Pattern {
    std::string name;
    std::string pattern;  ///< RE2
    bool must_match = true;
  };

  struct Webhook {
    std::string name;
    std::string url;
    Secret token;  ///< empty = none
    milliseconds deadline{0};
  };

  /// A second look at answers by a model.
  struct SpotCheck {
    std::string model;  ///< of `models`; empty = none
    milliseconds deadline{0};
    bool intervene = true;
    double share = 0;
    double catches = 0;
  };

  struct Cascade {
    int most = 0;
    int reasks = 0;
    bool fields = true;
    double cost_cap = 0;
  };

  std::vector<std::string> defaults;
  StreamMode stream = StreamMode::kWindow;
  std::int64_t window_tokens = 0;
  milliseconds window_time{0};
  std::size_t max_bytes = 0;
  std::vector<Pattern> patterns;
  std::vector<Webhook> webhooks;
  SpotCheck spot_check;
  Cascade cascade;
};

/// What is learned from clients and sessions; the table of the reference explains each.
struct Feedback {
  bool implicit = true;
  bool without_history = false;
  double act = 0;
  double label = 0;
  int floor_turns = 0;
  int per_user_hour = 0;
  std::size_t sessions = 0;
  milliseconds session_ttl{0};
  milliseconds retry_ttl{0};
  std::size_t retry_memory = 0;
};

struct Ledger {
  std::filesystem::path path;
  std::int64_t learning_max_bytes = 0;
  double learning_sample = 0;  ///< share of unlabelled exchanges whose features are kept
  std::size_t queue = 0;       ///< exchanges that may wait for the writer
};

/// Where responses are kept that clients want to read again or go on from. No path = nowhere.
struct Responses {
  std::filesystem::path path;
  milliseconds ttl{0};
  std::int64_t max_bytes = 0;
};

struct Log {
  std::string level;  ///< trace, debug, info, warn, error
  bool json = true;
};

/// A validated configuration. Immutable: a reload makes a new one and swaps the pointer. Names in
/// it refer to things that exist.
struct Config {
  std::string version;  ///< 16 hex digits; differs when text, environment or catalogue differ
  std::chrono::sys_days read_on;  ///< the day (UTC) on which it was read
  bool production = false;
  Listen listen;
  Limits limits;
  std::vector<Provider> providers;
  std::vector<Model> models;
  std::vector<Tier> tiers;  ///< cheapest first, never empty
  Routing routing;
  Resilience resilience;
  Admission admission;
  std::vector<Policy> policies;
  std::vector<Preset> presets;                                  ///< those that the program carries
  std::map<std::string, std::string> workloads;                 ///< feature → preset
  std::map<std::string, std::vector<std::string>> sensitivity;  ///< class → providers
  Verify verify;
  Feedback feedback;
  Ledger ledger;
  Responses responses;
  Log log;
  std::string baseline;  ///< model that savings are measured against

  const Provider* FindProvider(std::string_view name) const;
  /// By name or alias.
  const Model* FindModel(std::string_view name) const;
  /// -1 when there is none.
  int TierIndex(std::string_view name) const;
};

/// The check that `verify.spot_check` configures.
inline constexpr std::string_view kSpotCheck = "spot_check";

/// All names that a list of checks may hold: built-in checks, patterns, webhooks, hold, window,
/// after, off.
std::vector<std::string> CheckNames(const Config& config);

using Snapshot = std::shared_ptr<const Config>;

}  // namespace triage::config
