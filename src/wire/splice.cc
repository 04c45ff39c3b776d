#include "wire/splice.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <simdjson.h>

#include "wire/json.h"
#include "wire/json_cursor.h"

namespace triage::wire {
namespace {

struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view with;
};

constexpr std::string_view kWholeField = R"("stream_options":{"include_usage":true},)";
constexpr std::string_view kWholeObject = R"({"include_usage":true})";

// What `Profile::accepts` need not list: without these there is no request.
constexpr std::array<std::string_view, 10> kEssential = {
    "model",  "messages",       "input",      "instructions",          "system",
    "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens"};

bool Has(std::span<const std::string> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool HasQuirks(const llm::Profile& profile) {
  return !profile.refuses.empty() || !profile.accepts.empty() ||
         !profile.max_tokens_field.empty() || !profile.developer_role || !profile.stream_usage ||
         profile.max_temperature < 2;
}

// Offset and length of the value of `include_usage` in the object `text`; empty when it has none.
llm::ByteRange FindIncludeUsage(std::string_view text) {
  std::string padded;
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded = text;
  return WithParser(padded.size(), [&](simdjson::ondemand::parser& parser) -> llm::ByteRange {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    JsonCursor cursor(64);
    if (parser.iterate(padded.data(), padded.size(), padded.capacity()).get(document)) return {};
    if (document.get_object().get(object)) return {};
    for (auto each : object) {
      simdjson::ondemand::field entry;
      std::string_view key;
      if (std::move(each).get(entry) || !cursor.Key(entry, key)) return {};
      if (key != "include_usage") continue;
      const std::string_view token = JsonCursor::Token(entry.value());
      const auto begin = static_cast<std::uint32_t>(token.data() - padded.data());
      return {begin, begin + static_cast<std::uint32_t>(token.size())};
    }
    return {};
  });
}

// The one change that makes a stream end with its usage.
Edit UsageEdit(const llm::Request& request) {
  const llm::ByteRange options = request.stream_options_value;
  if (options.empty()) {
    const std::size_t first = request.keys.front();
    return {first, first, kWholeField};
  }
  const std::string_view text =
      std::string_view(request.body).substr(options.begin, options.end - options.begin);
  if (!text.starts_with('{')) return {options.begin, options.end, kWholeObject};
  const llm::ByteRange value = FindIncludeUsage(text);
  if (!value.empty()) return {options.begin + value.begin, options.begin + value.end, "true"};
  // Without other keys there is nothing to separate from.
  const bool bare = text.find('"') == std::string_view::npos;
  const std::size_t at = options.begin + std::size_t{1};
  return {at, at, bare ? R"("include_usage":true)" : R"("include_usage":true,)"};
}

}  // namespace

class Splicer {
 public:
  Splicer(const llm::Request& request, const llm::Profile& profile, SplicedBody& out)
      : request_(request),
        profile_(profile),
        out_(out),
        body_(request.body),
        chat_(request.dialect == llm::Dialect::kOpenAiChat &&
              request.operation == llm::Operation::kGenerate) {}

  void Run(std::string_view model) {
    if (!request_.model_value.empty()) {
      AppendJsonString(out_.model_, model);
      edits_.push_back({request_.model_value.begin, request_.model_value.end, out_.model_});
    }
    if (HasQuirks(profile_)) EditFields();
    if (chat_ && request_.stream && !request_.include_usage && TakesUsage())
      edits_.push_back(UsageEdit(request_));
    if (chat_ && !profile_.developer_role) {
      for (const llm::ByteRange role : request_.developer_roles)
        edits_.push_back({role.begin, role.end, R"("system")"});
    }
    // An insertion comes before what starts at the same place.
    std::ranges::sort(edits_, {}, [](const Edit& e) { return std::pair(e.begin, e.end); });
    std::size_t at = 0;
    for (const Edit& edit : edits_) {
      out_.Put(body_.substr(at, edit.begin - at));
      out_.Put(edit.with);
      at = edit.end;
    }
    out_.Put(body_.substr(at));
  }

 private:
  // A top-level member. `value` has the blanks behind it, and the comma, where there is one.
  struct Field {
    std::size_t key_begin = 0;  // its quotes are part of it
    std::size_t key_end = 0;
    std::size_t value_begin = 0;
    std::size_t value_end = 0;
  };

  std::size_t SkipBlanks(std::size_t at) const {
    while (IsBlank(body_[at])) ++at;
    return at;
  }

  // The end of what stands before `at`, blanks aside.
  std::size_t BeforeBlanks(std::size_t at) const {
    while (IsBlank(body_[at - 1])) --at;
    return at;
  }

  // Behind the value of the member number `index`; what follows it is a comma or the object's end.
  std::size_t ValueEnd(std::size_t index) const {
    const bool last = index + 1 == request_.keys.size();
    const std::size_t next = last ? body_.size() : request_.keys[index + 1];
    return BeforeBlanks(BeforeBlanks(next) - 1);
  }

  Field FieldAt(std::size_t index) const {
    Field field{.key_begin = request_.keys[index]};
    field.key_end = field.key_begin + 1;
    while (body_[field.key_end] != '"') field.key_end += body_[field.key_end] == '\\' ? 2 : 1;
    ++field.key_end;
    field.value_begin = SkipBlanks(SkipBlanks(field.key_end) + 1);  // over the colon
    field.value_end = ValueEnd(index);
    return field;
  }

  // The key as it is meant; a view into the body when it has no escapes.
  std::string_view NameOf(const Field& field, std::string& decoded) const {
    const std::string_view raw =
        body_.substr(field.key_begin + 1, field.key_end - field.key_begin - 2);
    if (raw.find('\\') == std::string_view::npos) return raw;
    decoded.clear();
    AppendUnescaped(decoded, raw);
    return decoded;
  }

  std::string_view ValueOf(const Field& field) const {
    return body_.substr(field.value_begin, field.value_end - field.value_begin);
  }

  bool TakesUsage() const {
    return profile_.stream_usage && !Has(profile_.refuses, "stream_options");
  }

  bool Takes(std::string_view name) const {
    if (Has(profile_.refuses, name)) return false;
    if (name == "stream_options") return profile_.stream_usage;
    if (profile_.accepts.empty() || request_.operation == llm::Operation::kEmbed) return true;
    return Has(profile_.accepts, name) || std::ranges::find(kEssential, name) != kEssential.end();
  }

  void EditFields() {
    const std::size_t count = request_.keys.size();
    const std::optional<std::size_t> limit = chat_ ? FindLimit() : std::nullopt;
    std::string decoded;
    std::size_t dropped_from = 0;  // start of a run of members that are left out
    bool dropping = false;
    for (std::size_t i = 0; i < count; ++i) {
      const Field field = FieldAt(i);
      const bool drop = Edited(i, field, NameOf(field, decoded), limit);
      if (drop && !dropping) dropped_from = i;
      if (!drop && dropping) edits_.push_back({request_.keys[dropped_from], field.key_begin, {}});
      dropping = drop;
    }
    if (!dropping) return;
    // With what is in front of it: the comma behind the last member that stays.
    const std::size_t from = dropped_from == 0 ? request_.keys.front() : ValueEnd(dropped_from - 1);
    edits_.push_back({from, ValueEnd(count - 1), {}});
  }

  // Makes the edits inside of a member; true when all of it is to be left out.
  bool Edited(std::size_t index, const Field& field, std::string_view name,
              std::optional<std::size_t> limit) {
    const std::string_view value = ValueOf(field);
    if (!Takes(name)) {
      if (value != "null") Warn(std::string(name));
      return true;
    }
    if (chat_ && IsLimit(name) && !profile_.max_tokens_field.empty()) {
      if (limit != index) return true;
      if (name != profile_.max_tokens_field) {
        AppendJsonString(out_.limit_key_, profile_.max_tokens_field);
        edits_.push_back({field.key_begin, field.key_end, out_.limit_key_});
      }
    }
    if (name == "temperature") LowerTemperature(field, value);
    return false;
  }

  static bool IsLimit(std::string_view name) {
    return name == "max_tokens" || name == "max_completion_tokens";
  }

  // Which member limits the output: max_completion_tokens when both are there.
  std::optional<std::size_t> FindLimit() const {
    std::optional<std::size_t> found;
    std::string decoded;
    for (std::size_t i = 0; i < request_.keys.size(); ++i) {
      const Field field = FieldAt(i);
      const std::string_view name = NameOf(field, decoded);
      if (!IsLimit(name) || ValueOf(field) == "null" || !Takes(name)) continue;
      if (!found || name == "max_completion_tokens") found = i;
    }
    return found;
  }

  void LowerTemperature(const Field& field, std::string_view value) {
    double given = 0;
    std::from_chars(value.data(), value.data() + value.size(), given);
    if (given <= profile_.max_temperature) return;
    out_.temperature_ = fmt::format("{}", profile_.max_temperature);
    edits_.push_back({field.value_begin, field.value_end, out_.temperature_});
    Warn(fmt::format("temperature lowered to {}", out_.temperature_));
  }

  void Warn(std::string text) { out_.warnings_.push_back(std::move(text)); }

  const llm::Request& request_;
  const llm::Profile& profile_;
  SplicedBody& out_;
  const std::string_view body_;
  const bool chat_;
  std::array<std::byte, 1024> room_;  // for more edits than there usually are
  std::pmr::monotonic_buffer_resource pool_{room_.data(), room_.size()};
  std::pmr::vector<Edit> edits_{&pool_};
};

std::size_t SplicedBody::size() const {
  std::size_t sum = 0;
  for (std::string_view part : parts()) sum += part.size();
  return sum;
}

void SplicedBody::Put(std::string_view part) {
  if (part.empty()) return;
  if (count_ < few_.size()) {
    few_[count_++] = part;
    return;
  }
  if (many_.empty()) many_.assign(few_.begin(), few_.end());
  many_.push_back(part);
}

void SpliceRequest(const llm::Request& request, std::string_view provider_model,
                   const llm::Profile& profile, SplicedBody& out) {
  Splicer(request, profile, out).Run(provider_model);
}

}  // namespace triage::wire
