#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "llm/answer.h"
#include "wire/codec.h"
#include "wire/golden_test_support.h"
#include "wire/stream_test_support.h"

namespace triage::wire::oci {

inline std::string ReadGolden(const std::string& name) {
  return GoldenBytes("oci/" + name);
}

/// The data of a stream's events.
inline std::vector<std::string> DataOf(std::string_view stream) {
  constexpr std::string_view kData = "data: ";
  std::vector<std::string> events;
  while (!stream.empty()) {
    const std::size_t end = std::min(stream.find("\n\n"), stream.size());
    const std::string_view event = stream.substr(0, end);
    if (event.starts_with(kData)) events.emplace_back(event.substr(kData.size()));
    stream.remove_prefix(std::min(end + 2, stream.size()));
  }
  return events;
}

inline Result<std::vector<llm::StreamEvent>> ReadStream(std::string_view stream) {
  const std::unique_ptr<StreamReader> reader = OciCodec().NewStreamReader();
  std::vector<llm::StreamEvent> events;
  for (const std::string& data : DataOf(stream)) {
    Result<void> read = reader->OnEvent("", data, events);
    if (!read) return std::move(read).error();
  }
  Result<void> end = reader->OnEnd(events);
  if (!end) return std::move(end).error();
  return events;
}

/// Small values in great variety: quotes, escapes, scripts and emptiness.
class Invention {
 public:
  explicit Invention(std::uint64_t seed) : random_(seed) {}

  bool Sometimes() { return random_.Below(2) == 0; }

  std::size_t Below(std::size_t bound) { return random_.Below(bound); }

  std::string Text() {
    static constexpr std::string_view kPieces[] = {"parcel", "\"", "\\", "\n",   "ü",
                                                   "箱",     "📦", "{",  "\x01", " "};
    std::string text;
    for (std::size_t i = 0, n = 1 + Below(6); i < n; ++i) text += kPieces[Below(10)];
    return text;
  }

  std::string Word() { return "w" + std::to_string(Below(1'000'000)); }

  std::string Json() {
    return "{\"" + Word() + "\": [ " + std::to_string(Below(99)) + ", null ],\"a\":{}}";
  }

  llm::Usage Usage() {
    llm::Usage usage;
    usage.fresh_input = static_cast<std::int64_t>(Below(1000));
    usage.cache_read = static_cast<std::int64_t>(Below(1000));
    usage.output = static_cast<std::int64_t>(Below(1000));
    usage.reasoning = static_cast<std::int64_t>(Below(1000));
    return usage;
  }

  llm::ToolCallPart Call() {
    return {.id = Word(),
            .name = Word(),
            .arguments = Sometimes() ? "{}" : Json(),
            .origin = llm::Dialect::kOci};
  }

  llm::OpaquePart Opaque() {
    return {.origin = llm::Dialect::kOci,
            .type = "VIDEO",
            .json = R"({"type": "VIDEO", "videoUrl": {"url": ")" + Word() + "\"}}"};
  }

  /// Parts of an assistant's message in the order in which the dialect has them. Never empty.
  std::vector<llm::Part> Said() {
    std::vector<llm::Part> parts;
    if (Sometimes()) {
      parts.emplace_back(llm::ThinkingPart{.text = Text(), .origin = llm::Dialect::kOci});
    }
    if (Sometimes()) parts.emplace_back(Opaque());
    if (Sometimes()) parts.emplace_back(llm::TextPart{.text = Text()});
    if (Sometimes()) parts.emplace_back(llm::RefusalPart{Text()});
    for (std::size_t i = Below(3); i > 0; --i) parts.emplace_back(Call());
    if (parts.empty()) parts.emplace_back(llm::TextPart{.text = Text()});
    return parts;
  }

 private:
  Random random_;
};

}  // namespace triage::wire::oci
