#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "llm/types.h"

namespace triage::decide {

/// What a model can do; a set of bits.
enum class Capability : std::uint16_t {
  kTools = 1 << 0,
  kVision = 1 << 1,
  kJson = 1 << 2,  ///< JSON mode without a schema
  kJsonSchema = 1 << 3,
  kLogprobs = 1 << 4,
  kSeveralChoices = 1 << 5,
  kImageUrls = 1 << 6,  ///< images may be URLs, not only bytes
  kDocuments = 1 << 7,
  kEmbeddings = 1 << 8,  ///< an embeddings model; it answers nothing else
};

/// The word that the configuration uses, e.g. "json_schema".
std::string_view Name(Capability capability);
std::optional<Capability> ParseCapability(std::string_view text);

/// A set of capabilities.
class Capabilities {
 public:
  constexpr Capabilities() = default;

  constexpr Capabilities(std::initializer_list<Capability> capabilities) {
    for (Capability capability : capabilities) Add(capability);
  }

  constexpr void Add(Capability capability) {
    bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(capability));
  }

  constexpr bool Has(Capability capability) const {
    return (bits_ & static_cast<std::uint16_t>(capability)) != 0;
  }

  constexpr std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_ = 0;
};

/// One pinned model version at one provider.
struct ModelOption {
  std::string name = {};            ///< Triage's name of it, e.g. "llama-fast"
  std::string provider = {};        ///< e.g. "groq"
  std::string provider_model = {};  ///< the provider's own name of it
  std::vector<std::string> aliases = {};
  std::int64_t context_window = 0;  ///< tokens; 0 = unknown, not checked
  std::int64_t max_output = 0;      ///< tokens; 0 = unknown
  Capabilities capabilities = {};
  Capabilities unsent = {};  ///< what its provider cannot be sent, whatever the model can
  std::optional<PricePerMillion> input = {};  ///< base price; nothing = unknown
  std::optional<PricePerMillion> output = {};
};

/// A rung of the ladder.
struct TierOption {
  std::string name = {};
  std::vector<int> chain = {};  ///< indexes into Options::models, in the order of trying; not empty
};

/// Which exchanges a rule is for: every list that is not empty must contain the exchange's value
/// (`detected`: one of its values). Lists that are all empty match every exchange.
struct PolicyCondition {
  std::vector<std::string> user = {};
  std::vector<std::string> team = {};
  std::vector<std::string> feature = {};
  std::vector<std::string> session = {};
  std::vector<std::string> query_type = {};
  std::vector<std::string> detected = {};
  std::vector<llm::Impact> impact = {};
  std::vector<llm::Tolerance> error_tolerance = {};
};

/// One line of `policies`, or of a workload.
struct PolicyRule {
  std::string name = {};  ///< in words, for explanations; empty: its condition speaks for it
  PolicyCondition when = {};
  std::optional<int> min_tier = {};  ///< index into Options::tiers
  std::optional<int> max_tier = {};
  std::optional<int> sensitivity = {};  ///< index into Options::sensitivity
  std::vector<std::string> verify = {};
};

/// What is assumed of a kind of work until the router has learned from it.
struct Workload {
  std::string name = {};
  /// Floors and ceilings that give way to those of the policies and the request.
  std::vector<PolicyRule> rules = {};
  /// Probability that a tier's answer will do, one for each tier; takes the place of the router's
  /// estimate as far as a request is unlike known data. Empty: the router's estimate stands.
  std::vector<double> likely_enough = {};
  NanoDollars stakes = NanoDollars(50'000'000);  ///< of an answer of normal impact
  std::vector<std::string> verify = {};
};

/// A data class and the providers that may see it.
struct SensitivityClass {
  std::string name = {};
  std::vector<std::string> providers = {};
};

/// How the learned sufficiencies become a tier.
enum class Rule : std::uint8_t { kThresholds, kExpectedCost };

/// When the LLM judge is asked, where a router or nothing else would decide.
enum class JudgeMode : std::uint8_t {
  kOff,
  kInBand,  ///< where the router is unsure: its choice hangs on `judge_band`, or nothing is known
  kAlways,  ///< for every request that has a choice; the judge's estimate takes the router's place
};

/// What Decide has to know of the configuration. Immutable once filled; the app fills it from a
/// configuration that has been checked: indexes are valid, tiers are not empty, `thresholds` has
/// one entry for each boundary.
struct Options {
  std::string router_version;
  std::string config_version;
  std::vector<ModelOption> models;
  std::vector<TierOption> tiers;  ///< cheapest first; 1 to 64
  std::vector<PolicyRule> policies;
  std::vector<SensitivityClass> sensitivity;
  std::vector<std::string> verify;        ///< checks where neither a rule nor the request names any
  std::vector<std::string> known_checks;  ///< what `x-triage-verify` may name; empty = not checked

  Rule rule = Rule::kThresholds;
  std::vector<double>
      thresholds;      ///< [i]: tier i is enough from this sufficiency on; tiers.size() - 1 entries
  double band = 0.05;  ///< half width, see Decide; 0 = no band
  JudgeMode judge = JudgeMode::kOff;
  double judge_band = 0.1;  ///< half width: a sufficiency off by so much would change the choice
  /// What an unacceptable answer of normal impact costs, for Rule::kExpectedCost; nothing = what
  /// the workload says.
  std::optional<NanoDollars> stakes = {};
  /// For Rule::kExpectedCost: how often the checks of answers send a bad one, and a good one, up to
  /// the next tier. Without a catch rate no plan counts on them.
  double check_catches = 0;
  double check_false_alarms = 0;
  std::vector<Workload> workloads;
  int workload =
      -1;  ///< index into `workloads` of features that `features` does not name; -1 = none
  std::map<std::string, int, std::less<>> features;  ///< feature → index into `workloads`
  /// Distance from which on a workload's `likely_enough` is mixed into the router's estimates, and
  /// from which on it stands alone; the decision says so then.
  double near_distance = 0.5;
  double far_distance = 0.9;
  std::int64_t expected_output = 400;  ///< tokens, where nothing better is known
  int baseline_model = -1;             ///< index into `models` of "always frontier"; -1 = none
};

/// Null when none is configured for the feature.
const Workload* WorkloadOf(const Options& options, std::string_view feature);

/// What an unacceptable answer costs: the workload's or the configured stakes, times 1/50, 1, 5 or
/// 40 by impact and 4, 1 or 1/4 by error tolerance (low, normal, high).
NanoDollars StakesOf(const Options& options, const llm::Context& context);

}  // namespace triage::decide
