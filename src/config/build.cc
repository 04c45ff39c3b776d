#include "config/build.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/paths.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

namespace fs = std::filesystem;

std::optional<Address> ReadAddress(const Section& section, std::string_view key) {
  auto text = section.Text(key);
  return text ? ParseAddress(*text) : std::nullopt;
}

void BuildListen(BuildContext& context) {
  DefaultedSection listen(Section(&context.root).Child("listen"), "listen");
  Listen& value = context.config.listen;
  value.http = ParseAddress(listen.Text("http")).value_or(Address{});
  value.admin = ReadAddress(listen.section(), "admin");
  value.threads = static_cast<unsigned>(listen.Integer("threads"));
  if (value.admin && value.admin->port != 0 && *value.admin == value.http) {
    context.problems.Error(listen.section().Get("admin")->at, "listen.admin",
                           "the same address as the http listener", "another port");
  }
  Section tls = listen.section().Child("tls");
  const Node* cert = tls.Get("cert");
  const Node* key = tls.Get("key");
  if (cert == nullptr || key == nullptr) return;
  value.tls = Tls{Resolve(cert->text, context.base_dir, context.env),
                  Resolve(key->text, context.base_dir, context.env)};
  context.CheckFile(*cert, "listen.tls.cert", value.tls->cert);
  context.CheckFile(*key, "listen.tls.key", value.tls->key);
}

void BuildLimits(BuildContext& context) {
  DefaultedSection limits(Section(&context.root).Child("limits"), "limits");
  context.config.limits = {
      .max_body = static_cast<std::size_t>(limits.Size("max_body")),
      .max_head = static_cast<std::size_t>(limits.Size("max_head")),
      .max_connections = static_cast<std::size_t>(limits.Integer("max_connections")),
      .header_timeout = limits.Duration("header_timeout"),
      .body_timeout = limits.Duration("body_timeout"),
      .idle_timeout = limits.Duration("idle_timeout"),
      .write_timeout = limits.Duration("write_timeout"),
      .deadline = limits.Duration("deadline"),
      .drain_notice = limits.Duration("drain_notice"),
      .drain = limits.Duration("drain"),
      .keep_alive = limits.Duration("keep_alive"),
      .max_attempts = static_cast<int>(limits.Integer("max_attempts"))};
}

void BuildAdmission(BuildContext& context) {
  const DefaultedSection section(Section(&context.root).Child("admission"), "admission");
  const Section bulk = section.section().Child("bulk");
  const std::string client = section.Text("client");
  using Client = Admission::Client;
  context.config.admission = {
      .concurrency = static_cast<std::size_t>(section.Integer("concurrency")),
      .queue = static_cast<std::size_t>(section.Integer("queue")),
      .reserve = section.Number("reserve"),
      .max_wait = section.Duration("max_wait"),
      .bulk_wait = section.Duration("bulk_wait"),
      .target_wait = section.Duration("target_wait"),
      .per_client = static_cast<std::size_t>(section.Integer("per_client")),
      .client = client == "user"      ? Client::kUser
                : client == "team"    ? Client::kTeam
                : client == "feature" ? Client::kFeature
                                      : Client::kCredential,
      .bulk = {.user = bulk.Texts("user"),
               .team = bulk.Texts("team"),
               .feature = bulk.Texts("feature")},
      .unready_when_overloaded = section.Bool("unready_when_overloaded")};
}

void BuildLedgerAndLog(BuildContext& context) {
  Section root(&context.root);
  DefaultedSection ledger(root.Child("ledger"), "ledger");
  DefaultedSection store = ledger.Child("learning_store");
  context.config.ledger = {.path = Resolve(ledger.Text("path"), context.base_dir, context.env),
                           .learning_max_bytes = store.Size("max_bytes"),
                           .learning_sample = store.Number("sample"),
                           .queue = static_cast<std::size_t>(ledger.Integer("queue"))};
  DefaultedSection responses(root.Child("responses"), "responses");
  context.config.responses = {
      .path = {}, .ttl = responses.Duration("ttl"), .max_bytes = responses.Size("max_bytes")};
  if (const auto path = responses.section().Text("path"))
    context.config.responses.path = Resolve(*path, context.base_dir, context.env);
  DefaultedSection log(root.Child("log"), "log");
  context.config.log = {.level = log.Text("level"), .json = log.Text("format") == "json"};
}

void BuildSensitivity(BuildContext& context) {
  const Node* classes = Section(&context.root).Get("sensitivity");
  if (classes == nullptr) return;
  for (const Node::Entry& entry : classes->entries) {
    std::string path = "sensitivity." + entry.key;
    bool is_list = entry.value.kind == Node::Kind::kList;
    std::vector<std::string> providers;
    if (is_list && entry.value.items.empty()) {
      context.problems.Error(entry.at, path, "no provider may see this class",
                             "at least one provider");
    }
    std::vector<const Node*> nodes = Scalars(&entry.value);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      std::string child = is_list ? fmt::format("{}[{}]", path, i) : path;
      context.CheckReference(*nodes[i], child, "provider", ProviderNames(context.config));
      providers.push_back(nodes[i]->text);
    }
    context.config.sensitivity[entry.key] = std::move(providers);
  }
}

}  // namespace

bool BuildContext::CheckReference(const Node& node, const std::string& path, std::string_view what,
                                  const std::vector<std::string>& names) const {
  if (std::ranges::find(names, node.text) != names.end()) return true;
  // From the environment, only the reference is shown; nearest names would hint at the value.
  std::vector<std::string> nearest;
  if (!node.from_env) nearest = NearestNames(node.text, names);
  problems.Error(node.at, path, fmt::format("no {} named '{}'", what, node.raw), {},
                 std::move(nearest));
  return false;
}

void BuildContext::CheckFile(const Node& node, const std::string& path,
                             const fs::path& file) const {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return;
  problems.Error(node.at, path, fmt::format("there is no file '{}'", node.raw));
}

std::vector<std::string> ProviderNames(const Config& config) {
  std::vector<std::string> names;
  for (const Provider& provider : config.providers) names.push_back(provider.name);
  return names;
}

std::vector<std::string> ModelNames(const Config& config) {
  std::vector<std::string> names;
  for (const Model& model : config.models) names.push_back(model.name);
  return names;
}

std::vector<std::string> TierNames(const Config& config) {
  std::vector<std::string> names;
  for (const Tier& tier : config.tiers) names.push_back(tier.name);
  return names;
}

void Build(BuildContext& context) {
  context.config.production = DefaultedSection(Section(&context.root), "").Bool("production");
  BuildListen(context);
  BuildLimits(context);
  BuildProviders(context);
  BuildModels(context);
  BuildTiers(context);
  BuildRouting(context);
  BuildResilience(context);
  BuildAdmission(context);
  BuildSensitivity(context);
  BuildVerify(context);
  BuildFeedback(context);
  BuildPolicies(context);
  BuildWorkloads(context);
  BuildLedgerAndLog(context);
}

}  // namespace triage::config
