#include "simulate/prompt_cache.h"

#include <algorithm>
#include <string>
#include <vector>

#include "simulate/latency.h"
#include "simulate/recorded.h"

namespace triage::simulate {

namespace {

using llm::CacheHint;
using llm::Conversation;

constexpr std::size_t kMostSeen = 100'000;

struct Breakpoint {
  std::uint64_t prefix = 0;
  std::int64_t code_points = 0;
  CacheHint hint = CacheHint::kNone;
};

/// Walks a prompt in the order in which it is cached: tools, system text, the conversation.
class Walk {
 public:
  explicit Walk(std::string_view model) : prefix_(StableHash(0xcac4e, model, "")) {}

  void Add(std::string_view bytes, CacheHint hint) {
    prefix_ = StableHash(prefix_, bytes, "");
    code_points_ += CodePoints(bytes);
    if (hint != CacheHint::kNone) points_.push_back({prefix_, code_points_, hint});
  }

  void Add(const llm::Message& message) {
    for (const llm::Part& part : message.parts) Add(part);
  }

  const std::vector<Breakpoint>& points() const { return points_; }

 private:
  void Add(const llm::Part& part) {
    if (const auto* text = std::get_if<llm::TextPart>(&part)) Add(text->text, text->cache);
    if (const auto* image = std::get_if<llm::ImagePart>(&part)) Add("", image->cache);
    if (const auto* document = std::get_if<llm::DocumentPart>(&part))
      Add(document->text, document->cache);
    if (const auto* call = std::get_if<llm::ToolCallPart>(&part))
      Add(call->name + call->arguments, call->cache);
    if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
      std::string all;
      for (const auto& each : result->content) {
        if (const auto* text = std::get_if<llm::TextPart>(&each)) all += text->text;
      }
      Add(all, result->cache);
    }
  }

  std::uint64_t prefix_;
  std::int64_t code_points_ = 0;
  std::vector<Breakpoint> points_;
};

}  // namespace

void PromptCache::Apply(std::string_view model, const Conversation& conversation,
                        llm::Usage& usage) {
  Walk walk(model);
  for (const llm::Tool& tool : conversation.tools)
    walk.Add(tool.name + tool.description + tool.parameters + tool.json, tool.cache);
  for (const bool system : {true, false}) {
    for (const llm::Message& message : conversation.messages) {
      if ((message.role == llm::Role::kSystem) == system) walk.Add(message);
    }
  }
  if (walk.points().empty()) return;

  const std::scoped_lock lock(mutex_);
  std::size_t known = 0;  // breakpoints up to the longest known one
  for (std::size_t i = 0; i < walk.points().size(); ++i) {
    if (seen_.contains(walk.points()[i].prefix)) known = i + 1;
  }
  std::int64_t before = 0;
  const std::int64_t all = usage.fresh_input;
  for (std::size_t i = 0; i < walk.points().size(); ++i) {
    const Breakpoint& point = walk.points()[i];
    const std::int64_t end = std::min(all, (point.code_points + 3) / 4);
    std::int64_t& where = i < known                           ? usage.cache_read
                          : point.hint == CacheHint::kOneHour ? usage.cache_write_1h
                                                              : usage.cache_write_5m;
    where += end - before;
    usage.fresh_input -= end - before;
    before = end;
    if (seen_.size() < kMostSeen) seen_.insert(point.prefix);
  }
}

}  // namespace triage::simulate
