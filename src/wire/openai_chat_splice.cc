#include <algorithm>

#include <simdjson.h>

#include "wire/json.h"
#include "wire/json_cursor.h"
#include "wire/openai_chat.h"

namespace triage::wire {
namespace {

struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view with;
};

constexpr std::string_view kWholeField = R"("stream_options":{"include_usage":true},)";
constexpr std::string_view kWholeObject = R"({"include_usage":true})";

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
  if (options.empty()) return {request.object_begin, request.object_begin, kWholeField};
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

std::size_t SplicedBody::size() const {
  std::size_t sum = 0;
  for (std::string_view part : parts()) sum += part.size();
  return sum;
}

void SpliceModel(const llm::Request& request, std::string_view provider_model, SplicedBody& out) {
  out.model_.clear();
  AppendJsonString(out.model_, provider_model);
  out.count_ = 0;
  const std::string_view body = request.body;
  for (const std::string_view part :
       {body.substr(0, request.model_value.begin), std::string_view(out.model_),
        body.substr(request.model_value.end)}) {
    if (!part.empty()) out.parts_[out.count_++] = part;
  }
}

void SpliceRequest(const llm::Request& request, std::string_view provider_model, SplicedBody& out) {
  out.model_.clear();
  AppendJsonString(out.model_, provider_model);
  std::array<Edit, 2> edits;
  std::size_t edit_count = 0;
  edits[edit_count++] = {request.model_value.begin, request.model_value.end, out.model_};
  if (request.stream && !request.include_usage) edits[edit_count++] = UsageEdit(request);
  if (edit_count == 2 && edits[1].begin < edits[0].begin) std::swap(edits[0], edits[1]);

  out.count_ = 0;
  const std::string_view body = request.body;
  std::size_t at = 0;
  const auto put = [&out](std::string_view part) {
    if (!part.empty()) out.parts_[out.count_++] = part;
  };
  for (std::size_t i = 0; i < edit_count; ++i) {
    put(body.substr(at, edits[i].begin - at));
    put(edits[i].with);
    at = edits[i].end;
  }
  put(body.substr(at));
}

}  // namespace triage::wire
