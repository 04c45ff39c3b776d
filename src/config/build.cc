#include "config/build.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "config/paths.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

namespace fs = std::filesystem;

void CheckFile(const BuildContext& context, const Node& node, const std::string& path,
               const fs::path& file) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return;
  context.problems.Error(node.at, path, fmt::format("there is no file '{}'", node.raw));
}

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
  CheckFile(context, *cert, "listen.tls.cert", value.tls->cert);
  CheckFile(context, *key, "listen.tls.key", value.tls->key);
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
      .drain = limits.Duration("drain"),
      .keep_alive = limits.Duration("keep_alive"),
      .max_attempts = static_cast<int>(limits.Integer("max_attempts"))};
}

bool IsCredentialHeader(std::string_view name) {
  std::string lower = ToLowerAscii(name);
  return std::ranges::any_of(
      std::to_array<std::string_view>({"auth", "key", "token", "secret", "cookie", "password"}),
      [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

void WarnOfPlainSecret(const BuildContext& context, const Node& node, const std::string& path) {
  if (node.from_env) return;
  context.problems.Warning(node.at, path, "a secret stands in the file",
                           "a reference such as ${NAME}");
}

bool IsPlainAndRemote(std::string_view url) {
  return url.starts_with("http://") && !url.starts_with("http://127.") &&
         !url.starts_with("http://localhost") && !url.starts_with("http://[::1]");
}

void ReadHeaders(BuildContext& context, const Node* headers, const std::string& path,
                 Provider& provider) {
  if (headers == nullptr) return;
  // What the gateway writes itself; two of them would break the request.
  static constexpr auto kOwn = std::to_array<std::string_view>(
      {"host", "content-length", "transfer-encoding", "connection", "content-type"});
  for (const Node::Entry& entry : headers->entries) {
    std::string child = path + "." + entry.key;
    std::string lower = ToLowerAscii(entry.key);
    if (!IsName(entry.key) || std::ranges::find(kOwn, lower) != kOwn.end()) {
      context.problems.Error(entry.at, child,
                             IsName(entry.key) ? "this header is written by the gateway itself"
                                               : "this is not the name of a header");
    } else if (entry.value.is_scalar()) {
      if (IsCredentialHeader(entry.key)) WarnOfPlainSecret(context, entry.value, child);
      provider.headers.push_back({entry.key, Secret(entry.value.text)});
    }
  }
}

void BuildLedgerAndLog(BuildContext& context) {
  Section root(&context.root);
  DefaultedSection ledger(root.Child("ledger"), "ledger");
  DefaultedSection store = ledger.Child("learning_store");
  context.config.ledger = {.path = Resolve(ledger.Text("path"), context.base_dir, context.env),
                           .learning_max_bytes = store.Size("max_bytes"),
                           .learning_sample = store.Number("sample"),
                           .queue = static_cast<std::size_t>(ledger.Integer("queue"))};
  DefaultedSection log(root.Child("log"), "log");
  context.config.log = {.level = log.Text("level"), .json = log.Text("format") == "json"};
}

void BuildVerify(BuildContext& context) {
  DefaultedSection verify(Section(&context.root).Child("verify"), "verify");
  context.config.verify.defaults = verify.section().Texts("default");
  if (const Node* checks = verify.section().Get("default")) {
    context.problems.Warning(checks->at, "verify.default",
                             "checks are noted in the decision, but this version runs none");
  }
  std::string stream = verify.Text("stream");
  context.config.verify.stream = stream == "hold"    ? StreamMode::kHold
                                 : stream == "after" ? StreamMode::kAfter
                                                     : StreamMode::kWindow;
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

void BuildProviders(BuildContext& context) {
  const Node* providers = Section(&context.root).Get("providers");
  if (providers == nullptr) return;
  if (providers->entries.empty()) {
    context.problems.Error(providers->at, "providers", "there are no providers");
  }
  for (const Node::Entry& entry : providers->entries) {
    std::string path = "providers." + entry.key;
    if (!IsName(entry.key)) {
      context.problems.Error(entry.at, path, "this is not a name",
                             "letters, digits, '.', '_' and '-'");
    }
    DefaultedSection section(Section(&entry.value), "providers.*");
    DefaultedSection timeouts = section.Child("timeouts");
    Provider provider;
    provider.name = entry.key;
    provider.dialect =
        llm::ParseDialect(section.Text("dialect")).value_or(llm::Dialect::kOpenAiChat);
    provider.base_url = section.section().Text("base_url").value_or("");
    while (provider.base_url.ends_with('/')) provider.base_url.pop_back();
    if (const Node* key = section.section().Get("api_key")) {
      WarnOfPlainSecret(context, *key, path + ".api_key");
      provider.api_key = Secret(key->text);
      if (context.config.production && IsPlainAndRemote(provider.base_url)) {
        context.problems.Warning(key->at, path + ".api_key",
                                 "the key is sent without encryption, because base_url is http://");
      }
    }
    ReadHeaders(context, section.section().Get("headers"), path + ".headers", provider);
    provider.timeouts = {.connect = timeouts.Duration("connect"),
                         .first_byte = timeouts.Duration("first_byte"),
                         .between_bytes = timeouts.Duration("between_bytes"),
                         .total = timeouts.Duration("total")};
    provider.max_idle_connections =
        static_cast<std::size_t>(section.Integer("max_idle_connections"));
    DefaultedSection tls = section.Child("tls");
    provider.verify_tls = tls.Bool("verify");
    if (!provider.verify_tls && context.config.production) {
      context.problems.Warning(tls.section().Get("verify")->at, path + ".tls.verify",
                               "the endpoint's certificate is not checked in production");
    }
    if (const Node* ca = tls.section().Get("ca_file")) {
      provider.ca_file = Resolve(ca->text, context.base_dir, context.env);
      CheckFile(context, *ca, path + ".tls.ca_file", provider.ca_file);
    }
    context.config.providers.push_back(std::move(provider));
  }
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
  BuildSensitivity(context);
  BuildPolicies(context);
  BuildVerify(context);
  BuildLedgerAndLog(context);
}

}  // namespace triage::config
