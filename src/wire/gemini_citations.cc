#include <algorithm>
#include <string>
#include <utility>

#include "wire/gemini.h"

namespace triage::wire::gemini {
namespace {

std::int64_t Characters(std::string_view text) {
  return std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// Bytes of the first `characters` of a text.
std::size_t BytesOf(std::string_view text, std::int64_t characters) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) break;
  }
  return at;
}

class Placer {
 public:
  explicit Placer(std::span<const std::string> texts) : texts_(texts) {
    for (const std::string& text : texts) whole_ += text;
  }

  const std::string& whole() const { return whole_; }

  // The citation at bytes [begin, end) of the whole text; what lies outside, or in two parts, has
  // no place in its part.
  PlacedCitation Place(llm::Citation citation, std::int64_t begin, std::int64_t end) const {
    PlacedCitation placed{.text = texts_.size() - 1, .citation = std::move(citation)};
    if (begin < 0 || end < begin || static_cast<std::size_t>(end) > whole_.size()) return placed;
    auto from = static_cast<std::size_t>(begin);
    auto to = static_cast<std::size_t>(end);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const std::string_view text = texts_[i];
      if (from < text.size() || i + 1 == texts_.size()) {
        placed.text = i;
        if (to > text.size()) return placed;
        placed.citation.begin = Characters(text.substr(0, from));
        placed.citation.end = Characters(text.substr(0, to));
        return placed;
      }
      from -= text.size();
      to -= text.size();
    }
    return placed;
  }

 private:
  std::span<const std::string> texts_;
  std::string whole_;
};

// Protocol buffers leave out a 0.
std::int64_t Index(JsonValue value) {
  return value.null() ? 0 : value.integer().value_or(-1);
}

}  // namespace

std::vector<PlacedCitation> ReadCitations(JsonValue candidate, std::span<const std::string> texts) {
  std::vector<PlacedCitation> placed;
  if (texts.empty()) return placed;
  const JsonValue metadata = candidate["citationMetadata"];
  const JsonValue grounding = candidate["groundingMetadata"];
  if (metadata.null() && grounding.null()) return placed;
  const Placer placer(texts);

  const JsonValue sources = metadata["citationSources"];
  for (const JsonValue source : sources.present() ? sources : metadata["citations"]) {
    llm::Citation citation;
    citation.title = source["title"].string();
    citation.url = source["uri"].string();
    citation.raw = std::string(source.raw());
    citation.origin = kSelf;
    const bool told = source["endIndex"].present();
    placed.push_back(placer.Place(std::move(citation), told ? Index(source["startIndex"]) : -1,
                                  Index(source["endIndex"])));
  }

  std::vector<JsonValue> chunks;
  for (const JsonValue chunk : grounding["groundingChunks"]) {
    // One member says what it is: web, retrievedContext, maps.
    chunks.push_back(chunk.size() > 0 ? *chunk.begin() : JsonValue());
  }
  for (const JsonValue support : grounding["groundingSupports"]) {
    const JsonValue segment = support["segment"];
    std::int64_t begin = Index(segment["startIndex"]);
    std::int64_t end = Index(segment["endIndex"]);
    const std::string_view text = segment["text"].text();
    // Places are relative to a part that streams do not let one identify: trust the text.
    if (!text.empty()) {
      const bool there = begin >= 0 && static_cast<std::size_t>(begin) <= placer.whole().size() &&
                         std::string_view(placer.whole())
                             .substr(static_cast<std::size_t>(begin))
                             .starts_with(text);
      const std::size_t at = there ? static_cast<std::size_t>(begin) : placer.whole().find(text);
      begin = at == std::string::npos ? -1 : static_cast<std::int64_t>(at);
      end = begin + static_cast<std::int64_t>(text.size());
    }
    for (const JsonValue index : support["groundingChunkIndices"]) {
      const std::int64_t chunk = index.integer().value_or(-1);
      if (chunk < 0 || static_cast<std::size_t>(chunk) >= chunks.size()) continue;
      const JsonValue source = chunks[static_cast<std::size_t>(chunk)];
      llm::Citation citation;
      citation.title = source["title"].string();
      citation.url = source["uri"].string();
      citation.cited_text = source["text"].string();
      citation.origin = kSelf;
      placed.push_back(placer.Place(std::move(citation), begin, end));
    }
  }
  return placed;
}

void WriteCitations(JsonWriter& json, std::span<const llm::Part> parts) {
  std::int64_t before = 0;  // bytes of the text parts in front
  bool open = false;
  for (const llm::Part& part : parts) {
    const auto* text = std::get_if<llm::TextPart>(&part);
    if (text == nullptr) continue;
    for (const llm::Citation& citation : text->citations) {
      const bool own = citation.origin == kSelf && !citation.raw.empty();
      if (!own && citation.url.empty() && citation.title.empty()) continue;
      if (!std::exchange(open, true)) {
        json.Key("citationMetadata");
        json.Begin('{');
        json.Key("citationSources");
        json.Begin('[');
      }
      if (own) {
        json.Raw(citation.raw);
        continue;
      }
      json.Begin('{');
      if (citation.begin >= 0 && citation.end >= citation.begin) {
        const auto place = [&](std::int64_t characters) {
          return before + static_cast<std::int64_t>(BytesOf(text->text, characters));
        };
        json.Member("startIndex", place(citation.begin));
        json.Member("endIndex", place(citation.end));
      }
      if (!citation.url.empty()) json.Member("uri", citation.url);
      if (!citation.title.empty()) json.Member("title", citation.title);
      json.End('}');
    }
    before += static_cast<std::int64_t>(text->text.size());
  }
  if (!open) return;
  json.End(']');
  json.End('}');
}

}  // namespace triage::wire::gemini
