#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/yaml_tree.h"

namespace triage::config {

enum class Type : std::uint8_t {
  kMap,           ///< known keys, each with a line of its own in the table
  kNamedMap,      ///< names chosen by the user; the table's path goes on with `.*`
  kMapList,       ///< list of maps; the table's path goes on with `[]`
  kMaps,          ///< the same; one map stands for a list of one
  kTextsAndMaps,  ///< list of texts and maps; the maps' keys as of kMapList
  kText,
  kSecret,
  kName,
  kChoice,
  kUrl,
  kAddress,
  kPath,
  kBool,
  kInteger,
  kNumber,
  kSize,
  kDuration,
  kPrice,
  kDate,
  // Lists of scalars; one scalar stands for a list of one.
  kTextList,
  kSecretList,
  kChoiceList,
  kNumberList,
};

inline constexpr std::string_view kCapabilityWords =
    "tools|vision|json|json_schema|logprobs|choices|documents|embeddings";
/// What src/detect names in texts; a test compares.
inline constexpr std::string_view kFindingWords =
    "card_number|iban|national_id|email|phone|health|money|legal|proof|statistics|design|"
    "troubleshooting|frustration";
inline constexpr std::string_view kQueryTypeWords =
    "small_talk|simple_question|translation|summary|extraction|classification|code|proof|analysis|"
    "writing";
/// Checks that src/verify knows; a test compares.
inline constexpr std::string_view kCheckWords =
    "basic|finish|empty|refusal|dont_know|placeholder|loop|language|fences|leak|grounding|json|"
    "json_schema|tool_arguments";
inline constexpr std::string_view kStreamModeWords = "hold|window|after";
inline constexpr std::string_view kPresetWords =
    "general|chat_bot|document_processing|code|customer_support|data_analysis|agent_loop";
inline constexpr double kMostTokens = 100'000'000;

/// One key that a file may have: the source of validation, of the reference and of defaults.
struct Key {
  std::string_view path = {};  ///< e.g. providers.*.base_url, tiers[].chain
  Type type = Type::kText;
  std::string_view fallback = {};  ///< default as it would be written; empty = none
  bool required = false;           ///< where its parent is present
  std::string_view choices = {};   ///< "a|b|c"
  double low = 0;                  ///< range of kInteger, kNumber
  double high = 0;                 ///< 0 = no upper end
  std::string_view about = {};     ///< one sentence for the reference
};

/// Keys of triage.yaml, of the catalogues of models and of providers, and of the presets.
std::span<const Key> ConfigSchema();
/// Those of ConfigSchema that say how load and failures are borne: admission and resilience.
std::span<const Key> LoadSchema();
/// Those that say how answers are checked and what is learned from what follows them.
std::span<const Key> VerifySchema();
std::span<const Key> CatalogueSchema();
std::span<const Key> ProviderCatalogueSchema();
std::span<const Key> PresetSchema();

/// Puts environment variables into every scalar, then reports unknown keys, wrong shapes, missing
/// required keys and scalars that are not of their type. Nodes that were reported become null, so
/// that nobody reports them again. Gives the substituted texts that are not secrets, for the
/// version hash.
class Environment;
std::string CheckShape(Node& root, std::span<const Key> schema, const Environment& environment,
                       Problems& problems);

/// What may stand at a key, in words: "a duration such as 100ms, 60s, 5m".
std::string Expected(const Key& key);

/// All keys as a Markdown table: docs/configuration.md holds exactly this.
std::string ReferenceMarkdown();

}  // namespace triage::config
