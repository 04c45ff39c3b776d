#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "config/build.h"
#include "config/paths.h"
#include "config/scalars.h"
#include "config/section.h"

namespace triage::config {

namespace {

bool IsCredentialHeader(std::string_view name) {
  std::string lower = ToLowerAscii(name);
  return std::ranges::any_of(
      std::to_array<std::string_view>({"auth", "key", "token", "secret", "cookie", "password"}),
      [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

bool IsPlainAndRemote(std::string_view url) {
  return url.starts_with("http://") && !url.starts_with("http://127.") &&
         !url.starts_with("http://localhost") && !url.starts_with("http://[::1]");
}

std::optional<Auth::Kind> ParseAuthKind(std::string_view text) {
  for (const Auth::Kind kind : {Auth::Kind::kNone, Auth::Kind::kBearer, Auth::Kind::kHeader,
                                Auth::Kind::kAwsSigV4, Auth::Kind::kOciSignature}) {
    if (Name(kind) == text) return kind;
  }
  return std::nullopt;
}

void Take(const Section& section, std::string_view key, std::string& into) {
  if (auto text = section.Text(key)) into = *std::move(text);
}

void Take(const Section& section, std::string_view key, bool& into) {
  if (auto text = section.Text(key)) into = ParseBool(*text).value_or(into);
}

void Take(const Section& section, std::string_view key, Secret& into) {
  if (auto text = section.Text(key)) into = Secret(*std::move(text));
}

void Take(const Section& section, std::string_view key, std::vector<std::string>& into) {
  if (section.Get(key) != nullptr) into = section.Texts(key);
}

Capabilities Union(Capabilities a, const Capabilities& b) {
  a.tools |= b.tools;
  a.vision |= b.vision;
  a.json |= b.json;
  a.json_schema |= b.json_schema;
  a.logprobs |= b.logprobs;
  a.choices |= b.choices;
  a.image_urls |= b.image_urls;
  a.documents |= b.documents;
  a.embeddings |= b.embeddings;
  return a;
}

// Makes one provider of its dialect's map, its kind's and its own.
class ProviderBuilder {
 public:
  ProviderBuilder(BuildContext& context, const Node::Entry& entry)
      : context_(context), entry_(entry), path_("providers." + entry.key), own_(&entry.value) {}

  Provider Build() {
    provider_.name = entry_.key;
    if (!IsName(entry_.key)) {
      context_.problems.Error(entry_.at, path_, "this is not a name",
                              "letters, digits, '.', '_' and '-'");
    }
    if (entry_.value.kind != Node::Kind::kMap) return std::move(provider_);  // has been reported
    const Node* kind = FindKind();
    const Node* dialect = context_.kinds.Dialect(llm::Name(provider_.dialect));
    for (const Node* layer : {dialect, kind}) {
      if (layer != nullptr) Lay(Section(layer), false);
    }
    Lay(own_, true);
    FillTemplates();
    BuildAuth();
    BuildConnection();
    return std::move(provider_);
  }

 private:
  std::optional<llm::Dialect> DialectIn(const Section& section) const {
    const auto text = section.Text("dialect");
    return text ? llm::ParseDialect(*text) : std::nullopt;
  }

  // Sets type and dialect. By its name alone, a provider is of a kind only where that goes with all
  // that is written: what has a base_url and no dialect has always been OpenAI's.
  const Node* FindKind() {
    const Node* type = own_.Get("type");
    const std::string name = type != nullptr ? type->text : entry_.key;
    const Node* kind = context_.kinds.Kind(name);
    if (type != nullptr && kind == nullptr) {
      context_.CheckReference(*type, path_ + ".type", "type of provider", context_.kinds.Kinds());
    }
    const std::optional<llm::Dialect> given = DialectIn(own_);
    provider_.dialect = given.value_or(llm::Dialect::kOpenAiChat);
    if (kind == nullptr) return nullptr;
    const llm::Dialect of_kind = DialectIn(Section(kind)).value_or(provider_.dialect);
    const bool fits = given ? *given == of_kind
                            : type != nullptr || own_.Get("base_url") == nullptr ||
                                  of_kind == llm::Dialect::kOpenAiChat;
    if (fits) {
      provider_.type = name;
      provider_.dialect = of_kind;
      return kind;
    }
    if (type != nullptr) {
      context_.problems.Error(own_.Get("dialect")->at, path_ + ".dialect",
                              fmt::format("type '{}' speaks {}", type->raw, llm::Name(of_kind)),
                              "no dialect, or no type");
    } else if (!given) {
      context_.problems.Warning(
          entry_.at, path_,
          "with a base_url and without a dialect it is taken for an OpenAI-compatible endpoint",
          fmt::format("type: {}, or dialect: openai", name));
    }
    return nullptr;
  }

  // Over what is there already, all that `section` says.
  void Lay(const Section& section, bool own) {
    Take(section, "base_url", provider_.base_url);
    Take(section, "region", provider_.region);
    Take(section, "resource", resource_);
    Take(section, "api_version", api_version_);
    if (auto key = section.Text("api_key")) provider_.api_keys = {Secret(*std::move(key))};
    if (section.Get("api_keys") != nullptr) {
      provider_.api_keys.clear();
      for (std::string& key : section.Texts("api_keys"))
        provider_.api_keys.emplace_back(std::move(key));
    }
    Take(section, "accept_encoding", provider_.accept_encoding);
    Take(section, "compartment", provider_.profile.oci_compartment);
    LayAuth(section.Child("auth"));
    LayHeaders(section.Get("headers"), own);
    const Section paths = section.Child("paths");
    Take(paths, "generate", provider_.paths.generate);
    Take(paths, "stream", provider_.paths.stream);
    Take(paths, "embeddings", provider_.paths.embed);
    Take(paths, "count_tokens", provider_.paths.count_tokens);
    LayProfile(section.Child("profile"));
    if (section.Get("cannot") != nullptr) {
      const Capabilities cannot = ReadWords(section.Texts("cannot"));
      provider_.cannot = own ? cannot : Union(provider_.cannot, cannot);
    }
    const Section gone = section.Child("on_disconnect");
    if (const auto mode = gone.Text("mode")) {
      provider_.on_disconnect =
          *mode == "drain" ? llm::OnDisconnect::kDrain : llm::OnDisconnect::kCancel;
    }
    Take(gone, "max_wait", max_wait_);
  }

  void LayAuth(const Section& auth) {
    if (const auto kind = auth.Text("kind")) {
      provider_.auth.kind = ParseAuthKind(*kind).value_or(provider_.auth.kind);
    }
    Take(auth, "header", provider_.auth.header);
    Take(auth, "profile", provider_.auth.profile);
    Take(auth, "service", provider_.auth.service);
    Take(auth, "access_key_id", provider_.auth.access_key_id);
    Take(auth, "secret_access_key", provider_.auth.secret_access_key);
    Take(auth, "session_token", provider_.auth.session_token);
    Take(auth, "config_file", config_file_);
  }

  void LayProfile(const Section& section) {
    llm::Profile& profile = provider_.profile;
    Take(section, "max_tokens_field", profile.max_tokens_field);
    Take(section, "refuses", profile.refuses);
    Take(section, "accepts", profile.accepts);
    Take(section, "developer_role", profile.developer_role);
    Take(section, "stream_usage", profile.stream_usage);
    Take(section, "reasoning_field", profile.reasoning_field);
    Take(section, "structured_output", profile.structured_output);
    profile.max_temperature = section.Number("max_temperature").value_or(profile.max_temperature);
    profile.default_max_tokens =
        section.Integer("default_max_tokens").value_or(profile.default_max_tokens);
  }

  void LayHeaders(const Node* headers, bool own) {
    if (headers == nullptr) return;
    // What the gateway writes itself; two of them would break the request.
    static constexpr auto kOwn = std::to_array<std::string_view>(
        {"host", "content-length", "transfer-encoding", "connection", "content-type"});
    for (const Node::Entry& entry : headers->entries) {
      std::string child = path_ + ".headers." + entry.key;
      std::string lower = ToLowerAscii(entry.key);
      if (!IsName(entry.key) || std::ranges::find(kOwn, lower) != kOwn.end()) {
        context_.problems.Error(entry.at, child,
                                IsName(entry.key) ? "this header is written by the gateway itself"
                                                  : "this is not the name of a header");
        continue;
      }
      if (!entry.value.is_scalar()) continue;
      if (own && IsCredentialHeader(entry.key)) WarnOfPlainSecret(&entry.value, child);
      std::erase_if(provider_.headers, [&](const ExtraHeader& header) {
        return EqualsIgnoreCaseAscii(header.name, entry.key);
      });
      provider_.headers.push_back({entry.key, Secret(entry.value.text)});
    }
  }

  void WarnOfPlainSecret(const Node* node, const std::string& path) {
    if (node == nullptr || node->from_env) return;
    context_.problems.Warning(node->at, path, "a secret stands in the file",
                              "a reference such as ${NAME}");
  }

  // Puts a value where `{name}` stands; reports it once when there is none.
  void Fill(std::string& text, std::string_view name, const std::string& value) {
    const std::string mark = fmt::format("{{{}}}", name);
    const std::size_t at = text.find(mark);
    if (at == std::string::npos) return;
    text.replace(at, mark.size(), value);
    if (value.empty() && std::exchange(reported_, std::string(name)) != name) {
      context_.problems.Error(own_.Get("type") != nullptr ? own_.Get("type")->at : entry_.at, path_,
                              fmt::format("'{}' is missing", name),
                              fmt::format("{}: …, which is part of the endpoint's URL", name));
    }
  }

  void FillTemplates() {
    std::string& url = provider_.base_url;
    if (url.empty()) {
      ReportNoUrl();
      return;
    }
    for (std::string* text : {&url, &provider_.paths.generate, &provider_.paths.stream,
                              &provider_.paths.embed, &provider_.paths.count_tokens}) {
      Fill(*text, "region", provider_.region);
      Fill(*text, "resource", resource_);
      Fill(*text, "api_version", api_version_);
    }
    while (url.ends_with('/')) url.pop_back();
    for (const auto& [key, path] : {std::pair{"generate", &provider_.paths.generate},
                                    {"stream", &provider_.paths.stream},
                                    {"embeddings", &provider_.paths.embed},
                                    {"count_tokens", &provider_.paths.count_tokens}}) {
      const Node* given = own_.Child("paths").Get(key);
      if (given == nullptr || path->starts_with('/')) continue;
      context_.problems.Error(given->at, path_ + ".paths." + key, "a path begins with a slash",
                              "a path such as /chat/completions");
    }
  }

  // Unless what stands there has been reported.
  void ReportNoUrl() {
    if (entry_.value.Find("base_url") != nullptr || entry_.value.Find("type") != nullptr) return;
    context_.problems.Error(
        entry_.value.at, path_, "'base_url' is missing",
        "a URL such as https://api.example.com/v1, or a type whose URL is known",
        NearestNames(entry_.key, context_.kinds.Kinds()));
  }

  void BuildAuth() {
    Auth& auth = provider_.auth;
    const Section section = own_.Child("auth");
    const std::string path = path_ + ".auth";
    // Bedrock takes API keys, too.
    if (auth.kind == Auth::Kind::kAwsSigV4 && section.Get("kind") == nullptr &&
        !provider_.api_keys.empty() && auth.access_key_id.empty()) {
      auth.kind = Auth::Kind::kBearer;
    }
    const Node* key = own_.Get("api_key");
    WarnOfPlainSecret(key, path_ + ".api_key");
    CheckKeys(key);
    WarnOfPlainSecret(section.Get("secret_access_key"), path + ".secret_access_key");
    WarnOfPlainSecret(section.Get("session_token"), path + ".session_token");
    if (key != nullptr && context_.config.production && IsPlainAndRemote(provider_.base_url)) {
      context_.problems.Warning(key->at, path_ + ".api_key",
                                "the key is sent without encryption, because base_url is http://");
    }
    switch (auth.kind) {
      case Auth::Kind::kNone: break;
      case Auth::Kind::kHeader:
        if (auth.header.empty()) Missing("auth.header", "the name of a header such as x-api-key");
        [[fallthrough]];
      case Auth::Kind::kBearer: break;
      case Auth::Kind::kAwsSigV4:
        if (auth.access_key_id.empty()) Missing("auth.access_key_id", "text such as ${NAME}");
        if (auth.secret_access_key.empty()) {
          Missing("auth.secret_access_key", "text such as ${NAME}");
        }
        if (provider_.region.empty()) Missing("region", "the region that is signed for");
        break;
      case Auth::Kind::kOciSignature: BuildOciFile(section, path); break;
    }
  }

  void CheckKeys(const Node* key) {
    const Node* keys = own_.Get("api_keys");
    if (keys == nullptr) return;
    const std::string path = path_ + ".api_keys";
    for (const Node* one : Scalars(keys)) WarnOfPlainSecret(one, path);
    const Auth::Kind kind = provider_.auth.kind;
    if (key != nullptr) {
      context_.problems.Error(keys->at, path, "keys are given in two ways",
                              "one of api_key, api_keys");
    } else if (kind != Auth::Kind::kBearer && kind != Auth::Kind::kHeader) {
      context_.problems.Error(keys->at, path,
                              fmt::format("auth.kind '{}' sends no key", Name(kind)));
    } else if (keys->kind == Node::Kind::kList && keys->items.empty()) {
      context_.problems.Error(keys->at, path, "there are no keys", "at least one key");
    }
  }

  void BuildOciFile(const Section& section, const std::string& path) {
    const std::string text = config_file_.empty() ? "~/.oci/config" : config_file_;
    if (provider_.auth.profile.empty()) provider_.auth.profile = "DEFAULT";
    provider_.auth.config_file = Resolve(text, context_.base_dir, context_.env);
    const Node* given = section.Get("config_file");
    if (given != nullptr) {
      context_.CheckFile(*given, path + ".config_file", provider_.auth.config_file);
      return;
    }
    Node implied(Node::Kind::kScalar, entry_.at, text);
    context_.CheckFile(implied, path + ".config_file", provider_.auth.config_file);
  }

  // Unless it stands there and has been reported, or was reported as part of the URL.
  void Missing(std::string_view key, std::string_view expected) {
    const std::size_t dot = key.find('.');
    const Node* map = dot == std::string_view::npos ? &entry_.value : own_.Get(key.substr(0, dot));
    const std::string_view last = key.substr(dot == std::string_view::npos ? 0 : dot + 1);
    if ((map != nullptr && map->Find(last) != nullptr) || reported_ == key) return;
    context_.problems.Error(map != nullptr ? map->at : entry_.at, path_,
                            fmt::format("'{}' is missing", key), std::string(expected));
  }

  void BuildConnection() {
    DefaultedSection section(own_, "providers.*");
    DefaultedSection timeouts = section.Child("timeouts");
    provider_.drain_limit = max_wait_.empty() ? section.Child("on_disconnect").Duration("max_wait")
                                              : ParseDuration(max_wait_).value_or(milliseconds(0));
    if (provider_.accept_encoding.empty()) provider_.accept_encoding = "identity";
    provider_.timeouts = {.connect = timeouts.Duration("connect"),
                          .first_byte = timeouts.Duration("first_byte"),
                          .first_token = timeouts.Duration("first_token"),
                          .between_bytes = timeouts.Duration("between_bytes"),
                          .total = timeouts.Duration("total")};
    provider_.max_idle_connections =
        static_cast<std::size_t>(section.Integer("max_idle_connections"));
    DefaultedSection tls = section.Child("tls");
    provider_.verify_tls = tls.Bool("verify");
    if (!provider_.verify_tls && context_.config.production) {
      context_.problems.Warning(tls.section().Get("verify")->at, path_ + ".tls.verify",
                                "the endpoint's certificate is not checked in production");
    }
    if (const Node* ca = tls.section().Get("ca_file")) {
      provider_.ca_file = Resolve(ca->text, context_.base_dir, context_.env);
      context_.CheckFile(*ca, path_ + ".tls.ca_file", provider_.ca_file);
    }
  }

  BuildContext& context_;
  const Node::Entry& entry_;
  const std::string path_;
  const Section own_;
  Provider provider_;
  std::string resource_;
  std::string api_version_;
  std::string config_file_;
  std::string max_wait_;
  std::string reported_;  // a key that is missing and part of the URL
};

}  // namespace

void BuildProviders(BuildContext& context) {
  const Node* providers = Section(&context.root).Get("providers");
  if (providers == nullptr) return;
  if (providers->entries.empty()) {
    context.problems.Error(providers->at, "providers", "there are no providers");
  }
  for (const Node::Entry& entry : providers->entries) {
    context.config.providers.push_back(ProviderBuilder(context, entry).Build());
  }
}

bool IsKeyless(const BuildContext& context, const Provider& provider) {
  const Auth::Kind kind = provider.auth.kind;
  if ((kind != Auth::Kind::kBearer && kind != Auth::Kind::kHeader) || !provider.api_keys.empty() ||
      !provider.base_url.starts_with("https://")) {
    return false;
  }
  if (std::ranges::any_of(provider.headers, [](const ExtraHeader& header) {
        return IsCredentialHeader(header.name);
      })) {
    return false;
  }
  const Node* providers = Section(&context.root).Get("providers");
  const Node* own = providers == nullptr ? nullptr : providers->Find(provider.name);
  // A key that was given and is wrong has been reported.
  return own != nullptr && Section(own).Get("base_url") == nullptr &&
         own->Find("api_key") == nullptr && own->Find("api_keys") == nullptr;
}

}  // namespace triage::config
