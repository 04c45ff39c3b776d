#include "config/load.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "config/summary.h"

namespace triage::config {
namespace {

namespace fs = std::filesystem;
/// The day for which the tests load: models of the catalogue come to their ends.
constexpr std::chrono::sys_days kToday = std::chrono::year(2026) / 11 / 24;

using Variables = std::map<std::string, std::string, std::less<>>;

EnvLookup Lookup(Variables variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::string AllProblems(const LoadResult& result) {
  std::string all;
  for (const Problem& problem : result.problems) all += ToString(problem) + "\n";
  return all;
}

// Providers, models and tiers that are fine; `more` comes in front.
std::string Fine(std::string_view more = "") {
  return std::string(more) +
         "providers:\n"
         "  p: {base_url: 'http://127.0.0.1:1/v1/', api_key: ${KEY}}\n"
         "models:\n"
         "  small: {provider: p, model: llama-3.1-8b, aliases: [tiny, 'p/small']}\n"
         "  large: {provider: p, model: own, context: 1000, prices: {input: 0.1, output: 2}}\n"
         "tiers:\n"
         "  - {name: fast, chain: [small, 'tier:top']}\n"
         "  - {name: top, chain: large}\n";
}

LoadResult ParseText(std::string_view text, Variables variables = {{"KEY", "k"}}) {
  return Parse(text, "t.yaml", Lookup(std::move(variables)), "/conf", {.today = kToday});
}

TEST(Load, AMinimalFileHasAllDefaults) {
  LoadResult result = ParseText(Fine());
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Config& config = *result.config;
  EXPECT_EQ(config.listen.http, (Address{"127.0.0.1", 8080}));
  EXPECT_FALSE(config.listen.admin);
  EXPECT_EQ(config.limits.max_body, 32U << 20);
  EXPECT_EQ(config.limits.max_attempts, 5);
  EXPECT_EQ(config.limits.deadline, std::chrono::minutes(10));
  EXPECT_EQ(config.routing.rule, Rule::kThresholds);
  EXPECT_EQ(config.routing.keep_quality, 0.95);
  EXPECT_EQ(config.routing.band, 0.05);
  EXPECT_EQ(config.ledger.path, "/conf/triage.db");
  EXPECT_EQ(config.ledger.learning_max_bytes, std::int64_t{1} << 30);
  EXPECT_EQ(config.log.level, "info");
  EXPECT_TRUE(config.log.json);
  EXPECT_EQ(config.verify.stream, StreamMode::kWindow);
  EXPECT_EQ(config.baseline, "large");
  EXPECT_EQ(config.providers.at(0).timeouts.connect, milliseconds(2000));
  EXPECT_TRUE(config.providers.at(0).verify_tls);
}

TEST(Load, ProvidersModelsAndTiersAreAsWritten) {
  LoadResult result = ParseText(Fine());
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Config& config = *result.config;
  EXPECT_EQ(config.providers.at(0).base_url, "http://127.0.0.1:1/v1");
  EXPECT_EQ(config.providers.at(0).api_keys.at(0).Reveal(), "k");
  const Model* small = config.FindModel("p/small");
  ASSERT_NE(small, nullptr);
  EXPECT_EQ(small->name, "small");
  EXPECT_EQ(small->context, 131072);  // from the catalogue
  EXPECT_TRUE(small->capabilities.tools);
  EXPECT_EQ(small->prices.front().as_of, "2024-07-23");
  const Model* large = config.FindModel("large");
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(large->context, 1000);
  EXPECT_FALSE(large->capabilities.tools);
  EXPECT_EQ(large->prices.front().input.nano_dollars, 100'000'000);
  EXPECT_EQ(large->prices.front().source, "configuration");
  ASSERT_EQ(config.tiers.size(), 2U);
  EXPECT_EQ(config.tiers[0].chain, (std::vector<std::string>{"small", "large"}));
  EXPECT_EQ(config.tiers[1].chain, (std::vector<std::string>{"large"}));
  EXPECT_EQ(config.TierIndex("top"), 1);
  EXPECT_EQ(config.TierIndex("none"), -1);
  EXPECT_EQ(config.FindModel("none"), nullptr);
  EXPECT_EQ(config.FindProvider("none"), nullptr);
}

TEST(Load, ResilienceHasTheDefaultsOfTheDesign) {
  LoadResult result = ParseText(Fine());
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Resilience& resilience = result.config->resilience;
  EXPECT_EQ(resilience.breaker.min_volume, 20);
  EXPECT_EQ(resilience.breaker.failure_share, 0.5);
  EXPECT_EQ(resilience.breaker.open_for, std::chrono::seconds(15));
  EXPECT_EQ(resilience.breaker.open_most, std::chrono::minutes(5));
  EXPECT_EQ(resilience.retries.most, 2);
  EXPECT_EQ(resilience.retries.pacing, std::chrono::seconds(2));
  EXPECT_EQ(resilience.promotion.share, 0.2);
  EXPECT_EQ(resilience.promotion.most_per_hour, NanoDollars());
  EXPECT_EQ(resilience.min_throughput, 0);
}

TEST(Load, ResilienceIsAsWritten) {
  LoadResult result =
      ParseText(Fine("resilience:\n"
                     "  breaker: {consecutive: 7, open_for: 1s, open_most: 2s}\n"
                     "  promotion: {share: 0.5, most_usd_per_hour: 1.5}\n"
                     "  min_throughput: 20\n"));
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Resilience& resilience = result.config->resilience;
  EXPECT_EQ(resilience.breaker.consecutive, 7);
  EXPECT_EQ(resilience.breaker.open_most, std::chrono::seconds(2));
  EXPECT_EQ(resilience.promotion.most_per_hour, NanoDollars(1'500'000'000));
  EXPECT_EQ(resilience.min_throughput, 20);
}

TEST(Load, AdmissionHasItsDefaultsAndIsAsWritten) {
  LoadResult plain = ParseText(Fine());
  ASSERT_TRUE(plain.ok()) << AllProblems(plain);
  const Admission& usual = plain.config->admission;
  EXPECT_EQ(usual.concurrency, 4096U);
  EXPECT_EQ(usual.queue, 1024U);
  EXPECT_EQ(usual.reserve, 0.1);
  EXPECT_EQ(usual.max_wait, std::chrono::seconds(10));
  EXPECT_EQ(usual.target_wait, milliseconds(500));
  EXPECT_EQ(usual.bulk_wait, std::chrono::seconds(60));
  EXPECT_EQ(usual.per_client, 0U);
  EXPECT_EQ(usual.client, Admission::Client::kCredential);
  EXPECT_FALSE(usual.unready_when_overloaded);
  EXPECT_EQ(plain.config->limits.drain_notice, milliseconds(0));

  LoadResult given = ParseText(
      Fine("admission: {concurrency: 8, queue: 0, client: team, per_client: 2,\n"
           "            bulk: {feature: nightly, team: [a, b]}, unready_when_overloaded: true}\n"
           "limits: {drain_notice: 5s}\n"));
  ASSERT_TRUE(given.ok()) << AllProblems(given);
  const Admission& admission = given.config->admission;
  EXPECT_EQ(admission.concurrency, 8U);
  EXPECT_EQ(admission.queue, 0U);
  EXPECT_EQ(admission.client, Admission::Client::kTeam);
  EXPECT_EQ(admission.per_client, 2U);
  EXPECT_EQ(admission.bulk.feature, std::vector<std::string>{"nightly"});
  EXPECT_EQ(admission.bulk.team, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(admission.unready_when_overloaded);
  EXPECT_EQ(given.config->limits.drain_notice, std::chrono::seconds(5));
}

TEST(Load, APositionOfAChainIsSharedByWeight) {
  LoadResult result = ParseText(
      "providers: {p: {base_url: 'http://127.0.0.1:1', api_keys: [\"${KEY}\", \"${KEY}2\"]}}\n"
      "models:\n"
      "  a: {provider: p, model: one}\n"
      "  b: {provider: p, model: two}\n"
      "  c: {provider: p, model: three}\n"
      "tiers:\n"
      "  - {name: low, chain: [{any: [a, b], weights: [2, 1]}, 'tier:top']}\n"
      "  - {name: top, chain: [{any: [b, c]}]}\n");
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Tier& low = result.config->tiers[0];
  EXPECT_EQ(low.chain, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(low.places.size(), 3U);
  EXPECT_EQ(low.places[0].position, low.places[1].position);
  EXPECT_LT(low.places[1].position, low.places[2].position);
  EXPECT_EQ(low.places[0].weight, 2);
  EXPECT_EQ(low.places[2].weight, 1);
  ASSERT_EQ(result.config->providers[0].api_keys.size(), 2U);
  EXPECT_EQ(result.config->providers[0].api_keys[1].Reveal(), "k2");
}

TEST(Load, PricesOfTheFileAreExactAndWinOverTheCatalogue) {
  LoadResult result = ParseText(
      "providers: {p: {base_url: 'http://a'}}\n"
      "models: {m: {provider: p, model: gpt-4o-2024-08-06, prices: {input: 0.000000001, output: "
      "1000000, cache_read: 0}}}\n"
      "tiers: [{name: only, chain: m}]\n");
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const Prices& prices = result.config->models.at(0).prices.front();
  EXPECT_EQ(prices.input.nano_dollars, 1);
  EXPECT_EQ(prices.output.nano_dollars, 1'000'000'000'000'000);
  EXPECT_EQ(prices.cache_read.nano_dollars, 0);
  EXPECT_EQ(prices.cache_write_1h.nano_dollars, 1);
  EXPECT_EQ(prices.reasoning, prices.output);
}

TEST(Load, PoliciesTakeScalarsAndLists) {
  LoadResult result = ParseText(Fine(
      "policies:\n"
      "  - {when: {user: ceo, impact: [high, critical]}, min_tier: top, sensitivity: internal}\n"
      "  - {name: bulk, when: {feature: bulk}, max_tier: fast, verify: basic}\n"
      "sensitivity: {internal: p}\n"));
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  const auto& policies = result.config->policies;
  ASSERT_EQ(policies.size(), 2U);
  EXPECT_EQ(policies[0].name, "policies[0]");
  EXPECT_EQ(policies[0].when.at("user"), (std::vector<std::string>{"ceo"}));
  EXPECT_EQ(policies[0].when.at("impact"), (std::vector<std::string>{"high", "critical"}));
  EXPECT_EQ(policies[0].min_tier, "top");
  EXPECT_EQ(policies[1].name, "bulk");
  EXPECT_EQ(policies[1].verify, (std::vector<std::string>{"basic"}));
  EXPECT_EQ(result.config->sensitivity.at("internal"), (std::vector<std::string>{"p"}));
}

TEST(Load, RoutingTakesThresholdsOrAnotherRule) {
  LoadResult given = ParseText(Fine("routing: {thresholds: [0.4], band: 0, stakes: 0.05}\n"));
  ASSERT_TRUE(given.ok()) << AllProblems(given);
  EXPECT_EQ(given.config->routing.thresholds, (std::vector<double>{0.4}));
  EXPECT_EQ(given.config->routing.band, 0);
  EXPECT_EQ(given.config->routing.stakes, NanoDollars(50'000'000));
  LoadResult rule = ParseText(Fine("routing: {rule: expected_cost}\n"));
  ASSERT_TRUE(rule.ok()) << AllProblems(rule);
  EXPECT_EQ(rule.config->routing.rule, Rule::kExpectedCost);
}

TEST(Load, EnvironmentValuesCannotBecomeYaml) {
  LoadResult result = ParseText(Fine(), {{"KEY", "x}\nproduction: true\n${HOME} #"}});
  // The line break makes it an impossible header value; nothing of it was parsed.
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(AllProblems(result).find("production"), std::string::npos);
  result = ParseText(Fine(), {{"KEY", "a: b, [c] }${KEY}"}});
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  EXPECT_EQ(result.config->providers.at(0).api_keys.at(0).Reveal(), "a: b, [c] }${KEY}");
}

TEST(Load, DefaultsStandForUnsetAndEmptyVariables) {
  std::string text = Fine(
      "listen: {http: '${HOST:-127.0.0.1}:${PORT:-0}', threads: ${THREADS:-3}}\n"
      "ledger: {path: a$b-$${c}.db}\n");
  LoadResult result = ParseText(text, {{"KEY", "k"}, {"HOST", ""}, {"PORT", "99"}});
  ASSERT_TRUE(result.ok()) << AllProblems(result);
  EXPECT_EQ(result.config->listen.http, (Address{"127.0.0.1", 99}));
  EXPECT_EQ(result.config->listen.threads, 3U);
  EXPECT_EQ(result.config->ledger.path, "/conf/a$b-${c}.db");
}

TEST(Load, TheVersionFollowsTextAndEnvironmentButNotSecrets) {
  std::string text = Fine("listen: {threads: ${THREADS:-1}}\n");
  auto version = [&](const Variables& variables) {
    return ParseText(text, variables).config->version;
  };
  std::string first = version({{"KEY", "k"}});
  EXPECT_EQ(first.size(), 16U);
  EXPECT_EQ(first, version({{"KEY", "other"}}));
  EXPECT_NE(first, version({{"KEY", "k"}, {"THREADS", "2"}}));
  EXPECT_NE(first, ParseText(text + "# more\n").config->version);
}

TEST(Load, AliasesOfYamlWorkAndCannotExplode) {
  std::string text = Fine("listen: {http: &a 'h:1', admin: 'h:2'}\n");
  EXPECT_TRUE(ParseText(text).ok());
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    std::string prev = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + prev;
    for (int j = 0; j < 9; ++j) bomb += "," + prev;
    bomb += "]\n";
  }
  LoadResult result = ParseText(bomb);
  EXPECT_FALSE(result.ok());
  EXPECT_NE(AllProblems(result).find("more than 100000 values"), std::string::npos);
  EXPECT_FALSE(ParseText(std::string(20'000, '[')).ok());
  EXPECT_FALSE(ParseText("a: &x [*x]\n").ok());
}

TEST(Load, StrangeFilesAreProblemsNotCrashes) {
  for (std::string_view text :
       {"", "\n", "# nothing", "---\n", "- a\n", "text", "~", "{", "a: b: c", "\xff\xfe",
        "? [a]\n: b\n", "a: 1\n---\nb: 2\n", "%YAML 9.9\n---\n", "x: !!binary aGk=\n",
        "\"unterminated", "a: *nowhere\n", "\t- x"}) {
    LoadResult result = ParseText(text);
    EXPECT_FALSE(result.ok()) << text;
    EXPECT_FALSE(result.problems.empty()) << text;
  }
  EXPECT_FALSE(ParseText(std::string("a: b\0c", 6)).ok());
  EXPECT_FALSE(ParseText(std::string(5 << 20, '#')).ok());
}

TEST(Load, AMissingFileIsOneProblem) {
  LoadResult result = Load("/nowhere/triage.yaml");
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(
      ToString(result.problems[0]).find("/nowhere/triage.yaml: error: cannot read it: No such"),
      0U);
  EXPECT_FALSE(Load(TRIAGE_SOURCE_DIR).ok());
}

TEST(Load, TheShippedRouterIsFoundBesideTheFile) {
  LoadResult none = ParseText(Fine());
  fs::path folder = fs::temp_directory_path() / ("triage-config-" + std::to_string(::getpid()));
  fs::create_directories(folder / "models");
  std::fclose(std::fopen((folder / "models/default.triage").c_str(), "w"));
  EnvLookup env = Lookup({{"KEY", "k"}});
  LoadResult beside = Parse(Fine(), "t.yaml", env, folder);
  ASSERT_TRUE(beside.ok());
  EXPECT_EQ(beside.config->routing.router, folder / "models/default.triage");
  LoadResult home =
      Parse(Fine(), "t.yaml", Lookup({{"KEY", "k"}, {"TRIAGE_HOME", folder.string()}}), "/conf");
  ASSERT_TRUE(home.ok());
  EXPECT_EQ(home.config->routing.router, folder / "models/default.triage");
  LoadResult given =
      Parse(Fine("routing: {router: models/default.triage}\n"), "t.yaml", env, folder);
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(given.config->routing.router, folder / "models/default.triage");
  fs::remove_all(folder);
}

TEST(Load, ExamplesLoadWithoutProblems) {
  Variables keys = {{"OPENAI_API_KEY", "a"},
                    {"GROQ_API_KEY", "b"},
                    {"TOGETHER_API_KEY", "c"},
                    {"ANTHROPIC_API_KEY", "d"}};
  for (std::string_view name : {"start-simple", "three-tier"}) {
    LoadResult result = Parse(BuiltInExample(name), name, Lookup(keys), "/conf", {.today = kToday});
    ASSERT_TRUE(result.ok()) << AllProblems(result);
    for (const Problem& problem : result.problems) {
      // Whether the shipped router lies near the test program is not the example's business.
      EXPECT_EQ(problem.path, "routing.router") << ToString(problem);
    }
    for (const Model& model : result.config->models) {
      EXPECT_FALSE(model.prices.empty()) << model.name;
      EXPECT_GT(model.context, 0) << model.name;
    }
    EXPECT_FALSE(Parse(BuiltInExample(name), name, Lookup({}), "/conf", {.today = kToday}).ok());
  }
  EXPECT_EQ(BuiltInExample("none"), "");
}

TEST(Load, TheSummaryShowsTiersAndPricesButNoSecret) {
  LoadResult result = ParseText(Fine(), {{"KEY", "sk-secret"}});
  ASSERT_TRUE(result.ok());
  std::string summary = Summary(*result.config);
  EXPECT_NE(summary.find("small"), std::string::npos) << summary;
  EXPECT_NE(summary.find("providers   p  http://127.0.0.1:1/v1/chat/completions, openai, bearer\n"),
            std::string::npos)
      << summary;
  EXPECT_NE(summary.find("0.10 / 2.00 (configuration)"), std::string::npos) << summary;
  EXPECT_NE(summary.find("0.18 / 0.18 (catalogue, 2024-07-23)"), std::string::npos) << summary;
  EXPECT_EQ(summary.find("sk-secret"), std::string::npos);
}

TEST(Load, AChainMemberThatNoRequestCanReachIsAnError) {
  const std::string keyless = AllProblems(
      ParseText("providers: {groq: {}, together: {}}\n"
                "models: {m: {provider: groq, model: x, prices: {input: 1, output: 1}}}\n"
                "tiers: [{name: only, chain: m}]\n"));
  EXPECT_EQ(
      keyless,
      "t.yaml:1:23: warning: providers.together: it has no api_key: its calls will be refused "
      "(expected api_key: ${NAME})\n"
      "t.yaml:3:29: error: tiers[0].chain: provider 'groq' has no api_key: 'm' will never "
      "answer (expected api_key: ${NAME} at providers.groq)\n");
  const std::string cannot = AllProblems(ParseText(
      "providers: {a: {type: anthropic, api_key: ${KEY}}}\n"
      "models: {m: {provider: a, model: x, capabilities: [embeddings], prices: {input: 1, output: "
      "1}}}\n"
      "tiers: [{name: only, chain: m}]\n"));
  EXPECT_NE(cannot.find("error: models.m: it makes embeddings, which provider 'a' cannot"),
            std::string::npos)
      << cannot;
}

TEST(Load, EveryModelOfAChainMustBeAbleToDoWhatItsTierRequires) {
  const auto problems = [](std::string_view requires_) {
    return AllProblems(ParseText(
        "providers: {p: {base_url: 'http://127.0.0.1:1'}}\n"
        "models:\n"
        "  a: {provider: p, model: a, capabilities: [tools, json_schema], prices: {input: 1, "
        "output: 1}}\n"
        "  b: {provider: p, model: b, capabilities: [tools], prices: {input: 1, output: 1}}\n"
        "tiers: [{name: only, chain: [a, b], requires: " +
        std::string(requires_) + "}]\n"));
  };
  EXPECT_EQ(problems("[tools]").find("error"), std::string::npos) << problems("[tools]");
  EXPECT_NE(
      problems("[tools, json]")
          .find("t.yaml:5:33: error: tiers[0].chain[1]: it lacks json, which this tier requires"),
      std::string::npos)
      << problems("[tools, json]");
  EXPECT_NE(problems("flying").find("error: tiers[0].requires"), std::string::npos);
}

}  // namespace
}  // namespace triage::config
