#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "config/load.h"
#include "config/provider_catalogue.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {
namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, std::string, std::less<>>;

LoadResult Loaded(std::string_view providers) {
  const Variables variables = {
      {"KEY", "k-123"}, {"ID", "id"}, {"SECRET", "s"}, {"HOME", "/home/me"}};
  EnvLookup env = [variables](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  // A model of no provider would be one more problem; each test has its own first provider.
  std::string text = "providers:\n" + std::string(providers);
  const std::size_t from = text.find_first_not_of(' ', 11);
  const std::string name = text.substr(from, text.find(':', from) - from);
  text += "models: {m: {provider: " + name +
          ", model: x, capabilities: [tools, vision, json_schema, documents], prices: {input: 1, "
          "output: 1}}}\n"
          "tiers: [{name: t, chain: m}]\nrouting: {router: config/providers.yaml}\n";
  return Parse(text, "t.yaml", env, TRIAGE_SOURCE_DIR,
               {.today = std::chrono::year(2026) / 11 / 24});
}

std::string Problems(const LoadResult& result) {
  std::string all;
  for (const Problem& problem : result.problems) all += ToString(problem) + "\n";
  return all;
}

Provider First(std::string_view providers) {
  LoadResult result = Loaded(providers);
  EXPECT_TRUE(result.ok()) << Problems(result);
  EXPECT_EQ(Problems(result).find(".yaml:2:"), std::string::npos) << Problems(result);
  return result.ok() ? result.config->providers.front() : Provider{};
}

std::string HeaderOf(const Provider& provider, std::string_view name) {
  const auto found = std::ranges::find(provider.headers, name, &ExtraHeader::name);
  return found == provider.headers.end() ? "" : found->value.Reveal();
}

TEST(ProviderCatalogue, TheBuiltInOneHasNoProblemsAndSaysWhereEverythingStands) {
  config::Problems problems("providers.yaml");
  const ProviderCatalogue catalogue = ProviderCatalogue::Parse(BuiltInProviders(), problems);
  for (const Problem& problem : std::move(problems).Sorted()) ADD_FAILURE() << ToString(problem);
  for (std::size_t i = 0; i < llm::kDialects; ++i) {
    const Node* dialect = catalogue.Dialect(llm::Name(static_cast<llm::Dialect>(i)));
    ASSERT_NE(dialect, nullptr) << i;
    EXPECT_TRUE(Section(dialect).Child("paths").Text("generate")->starts_with('/'));
  }
  ASSERT_GE(catalogue.Kinds().size(), 18U);
  for (const std::string& name : catalogue.Kinds()) {
    const Section kind(catalogue.Kind(name));
    EXPECT_TRUE(llm::ParseDialect(kind.Text("dialect").value_or(""))) << name;
    EXPECT_EQ(kind.Text("as_of")->size(), 10U) << name;
    EXPECT_TRUE(kind.Text("source")->starts_with("https://")) << name;
  }
}

TEST(ProviderCatalogue, EveryKindMakesAnEndpointOfNothingButItsKeys) {
  config::Problems problems("providers.yaml");
  const ProviderCatalogue catalogue = ProviderCatalogue::Parse(BuiltInProviders(), problems);
  for (const std::string& name : catalogue.Kinds()) {
    const std::string oci = TRIAGE_SOURCE_DIR "/config/providers.yaml";  // any file that is there
    const Provider provider =
        First("  p: {type: " + name +
              ", api_key: ${KEY}, region: eu-central-1, resource: r, auth: {config_file: " + oci +
              "}}\n");
    EXPECT_TRUE(IsHttpUrl(provider.base_url)) << name << " " << provider.base_url;
    EXPECT_EQ(provider.base_url.find('{'), std::string::npos) << name;
    EXPECT_TRUE(provider.paths.generate.starts_with('/')) << name;
    EXPECT_EQ(provider.paths.generate.find("{api"), std::string::npos) << name;
    EXPECT_EQ(provider.type, name);
    EXPECT_FALSE(provider.accept_encoding.empty());
  }
}

TEST(Providers, AKnownNameNeedsNothingButItsKey) {
  const Provider groq = First("  groq: {api_key: ${KEY}}\n");
  EXPECT_EQ(groq.type, "groq");
  EXPECT_EQ(groq.base_url, "https://api.groq.com/openai/v1");
  EXPECT_EQ(groq.dialect, llm::Dialect::kOpenAiChat);
  EXPECT_EQ(groq.auth.kind, Auth::Kind::kBearer);
  EXPECT_EQ(groq.api_keys.at(0).Reveal(), "k-123");
  EXPECT_EQ(groq.paths.generate, "/chat/completions");
  EXPECT_EQ(groq.profile.refuses,
            (std::vector<std::string>{"logprobs", "top_logprobs", "logit_bias"}));
  EXPECT_TRUE(groq.cannot.logprobs);
  EXPECT_FALSE(groq.profile.developer_role);
  EXPECT_EQ(groq.on_disconnect, llm::OnDisconnect::kCancel);

  const Provider anthropic = First("  anthropic: {api_key: ${KEY}}\n");
  EXPECT_EQ(anthropic.dialect, llm::Dialect::kAnthropic);
  EXPECT_EQ(anthropic.auth.kind, Auth::Kind::kHeader);
  EXPECT_EQ(anthropic.auth.header, "x-api-key");
  EXPECT_EQ(HeaderOf(anthropic, "anthropic-version"), "2023-06-01");
  EXPECT_EQ(anthropic.paths.count_tokens, "/v1/messages/count_tokens");
  EXPECT_TRUE(anthropic.cannot.json);
  EXPECT_FALSE(anthropic.cannot.json_schema);
}

TEST(Providers, EveryFieldOfAKindCanBeGivenAnotherValue) {
  const Provider provider = First(
      "  mine: {type: anthropic, base_url: 'http://127.0.0.1:9/a/', api_key: ${KEY},"
      " auth: {kind: header, header: x-my-key}, headers: {Anthropic-Version: '2030-01-01'},"
      " paths: {generate: /m, stream: /s, count_tokens: /c}, cannot: [vision],"
      " profile: {max_tokens_field: f, refuses: seed, accepts: [a, b], developer_role: false,"
      " stream_usage: false, max_temperature: 1, reasoning_field: r, default_max_tokens: 7,"
      " structured_output: false}, on_disconnect: {mode: drain, max_wait: 5s},"
      " accept_encoding: 'zstd, gzip', compartment: ocid1.x}\n");
  EXPECT_EQ(provider.base_url, "http://127.0.0.1:9/a");
  EXPECT_EQ(provider.auth.header, "x-my-key");
  ASSERT_EQ(provider.headers.size(), 1U);
  EXPECT_EQ(HeaderOf(provider, "Anthropic-Version"), "2030-01-01");
  EXPECT_EQ(provider.paths.generate, "/m");
  EXPECT_EQ(provider.paths.stream, "/s");
  EXPECT_EQ(provider.paths.count_tokens, "/c");
  EXPECT_EQ(provider.cannot, (Capabilities{.vision = true}));
  EXPECT_EQ(provider.profile.max_tokens_field, "f");
  EXPECT_EQ(provider.profile.refuses, (std::vector<std::string>{"seed"}));
  EXPECT_EQ(provider.profile.accepts, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(provider.profile.developer_role);
  EXPECT_FALSE(provider.profile.stream_usage);
  EXPECT_EQ(provider.profile.max_temperature, 1);
  EXPECT_EQ(provider.profile.reasoning_field, "r");
  EXPECT_EQ(provider.profile.default_max_tokens, 7);
  EXPECT_FALSE(provider.profile.structured_output);
  EXPECT_EQ(provider.profile.oci_compartment, "ocid1.x");
  EXPECT_EQ(provider.on_disconnect, llm::OnDisconnect::kDrain);
  EXPECT_EQ(provider.drain_limit, std::chrono::seconds(5));
  EXPECT_EQ(provider.accept_encoding, "zstd, gzip");
}

TEST(Providers, WhatIsNoKindIsItsDialectAtItsUrl) {
  const Provider plain = First("  p: {base_url: 'http://127.0.0.1:1/v1/'}\n");
  EXPECT_EQ(plain.type, "");
  EXPECT_EQ(plain.dialect, llm::Dialect::kOpenAiChat);
  EXPECT_EQ(plain.base_url, "http://127.0.0.1:1/v1");
  EXPECT_EQ(plain.paths.generate, "/chat/completions");
  EXPECT_EQ(plain.paths.embed, "/embeddings");
  EXPECT_EQ(plain.cannot, Capabilities{});
  const Provider responses =
      First("  p: {base_url: 'http://127.0.0.1:1', dialect: openai_responses}\n");
  EXPECT_EQ(responses.paths.generate, "/responses");
  const Provider claude =
      First("  p: {base_url: 'http://127.0.0.1:1', dialect: anthropic, api_key: ${KEY}}\n");
  EXPECT_EQ(claude.type, "");
  EXPECT_EQ(claude.auth.header, "x-api-key");
  EXPECT_EQ(HeaderOf(claude, "anthropic-version"), "2023-06-01");
}

TEST(Providers, ConfigurationsFromBeforeKindsMeanWhatTheyMeant) {
  LoadResult result =
      Loaded("  anthropic: {base_url: 'https://api.anthropic.com/v1', api_key: ${KEY}}\n");
  ASSERT_TRUE(result.ok()) << Problems(result);
  EXPECT_EQ(result.config->providers[0].dialect, llm::Dialect::kOpenAiChat);
  EXPECT_EQ(result.config->providers[0].auth.kind, Auth::Kind::kBearer);
  EXPECT_NE(Problems(result).find("taken for an OpenAI-compatible endpoint (expected type: "
                                  "anthropic, or dialect: openai)"),
            std::string::npos)
      << Problems(result);
  const Provider groq = First(
      "  groq: {dialect: openai, base_url: 'https://api.groq.com/openai/v1', api_key: "
      "${KEY}}\n");
  EXPECT_EQ(groq.type, "groq");  // its quirks are now known
}

TEST(Providers, TheSampleOfTheProductLoads) {
  const Provider oci = First(
      "  oci: {dialect: oci, region: eu-frankfurt-1, auth: {config_file: "
      "config/providers.yaml}}\n");
  EXPECT_EQ(oci.dialect, llm::Dialect::kOci);
  EXPECT_EQ(oci.base_url, "https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com");
  EXPECT_EQ(oci.auth.kind, Auth::Kind::kOciSignature);
  EXPECT_EQ(oci.auth.config_file, TRIAGE_SOURCE_DIR "/config/providers.yaml");
  EXPECT_EQ(oci.auth.profile, "DEFAULT");
  EXPECT_EQ(oci.profile.oci_compartment, "");
  EXPECT_EQ(oci.paths.generate, "/20231130/actions/chat");
}

TEST(Providers, BedrockSignsOrTakesAKey) {
  const Provider signs = First(
      "  bedrock: {region: us-east-1, auth: {access_key_id: ${ID}, secret_access_key: ${SECRET},"
      " session_token: ${KEY}}}\n");
  EXPECT_EQ(signs.auth.kind, Auth::Kind::kAwsSigV4);
  EXPECT_EQ(signs.auth.service, "bedrock");
  EXPECT_EQ(signs.auth.access_key_id.Reveal(), "id");
  EXPECT_EQ(signs.auth.secret_access_key.Reveal(), "s");
  EXPECT_EQ(signs.auth.session_token.Reveal(), "k-123");
  EXPECT_EQ(signs.region, "us-east-1");
  EXPECT_EQ(signs.on_disconnect, llm::OnDisconnect::kDrain);
  EXPECT_EQ(signs.drain_limit, std::chrono::seconds(60));
  const Provider key = First("  bedrock: {region: us-east-1, api_key: ${KEY}}\n");
  EXPECT_EQ(key.auth.kind, Auth::Kind::kBearer);
}

TEST(Providers, AModelCanDoNoMoreThanItsProviderPassesOn) {
  LoadResult result = Loaded("  groq: {api_key: ${KEY}}\n");
  ASSERT_TRUE(result.ok()) << Problems(result);
  const Capabilities& at_groq = result.config->models[0].capabilities;
  EXPECT_TRUE(at_groq.tools && at_groq.vision && at_groq.json && at_groq.image_urls);
  EXPECT_FALSE(at_groq.documents);
  EXPECT_NE(Problems(result).find("models.m.capabilities: provider 'groq' cannot do documents"),
            std::string::npos)
      << Problems(result);
  result = Loaded("  anthropic: {api_key: ${KEY}}\n");
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.config->models[0].capabilities.json);
  EXPECT_TRUE(result.config->models[0].capabilities.json_schema);
  EXPECT_TRUE(result.config->models[0].capabilities.documents);
  result = Loaded("  gemini: {api_key: ${KEY}}\n");
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.config->models[0].capabilities.vision);
  EXPECT_FALSE(result.config->models[0].capabilities.image_urls);
}

// The fenced blocks of a Markdown file that are YAML.
std::vector<std::string> YamlBlocks(const std::string& text) {
  std::vector<std::string> blocks;
  constexpr std::string_view kOpen = "```yaml\n";
  for (std::size_t at = text.find(kOpen); at != std::string::npos; at = text.find(kOpen, at)) {
    at += kOpen.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  return blocks;
}

TEST(Providers, EveryBlockOfTheDocumentLoadsAndEveryKindHasOne) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/docs/providers.md");
  const std::string document{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  const fs::path home = fs::temp_directory_path() / ("triage-home-" + std::to_string(::getpid()));
  fs::create_directories(home / ".oci");
  std::ofstream(home / ".oci" / "config") << "[DEFAULT]\n";
  EnvLookup env = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "HOME") return home.string();
    if (name == "TRIAGE_HOME") return std::nullopt;
    return "value-of-" + std::string(name);
  };
  std::set<std::string> kinds;
  const std::vector<std::string> blocks = YamlBlocks(document);
  ASSERT_GE(blocks.size(), 20U);
  for (const std::string& block : blocks) {
    const std::size_t from = block.find("\n  ") + 3;
    const std::string name = block.substr(from, block.find(':', from) - from);
    const LoadResult result =
        Parse(block + "models: {m: {provider: " + name +
                  ", model: x, prices: {input: 1, output: 1}}}\ntiers: [{name: t, chain: m}]\n"
                  "routing: {router: config/providers.yaml}\n",
              name, env, TRIAGE_SOURCE_DIR);
    EXPECT_TRUE(result.ok()) << block << Problems(result);
    EXPECT_EQ(Problems(result), "") << block;
    if (result.ok()) kinds.insert(result.config->providers.front().type);
  }
  fs::remove_all(home);
  config::Problems problems("providers.yaml");
  for (const std::string& kind : ProviderCatalogue::Parse(BuiltInProviders(), problems).Kinds()) {
    EXPECT_TRUE(kinds.contains(kind)) << kind << " has no block in docs/providers.md";
  }
}

}  // namespace
}  // namespace triage::config
