#include "judge/cache.h"

#include <string>

#include <xxhash.h>

#include "judge/shown.h"

namespace triage::judge {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\v';
}

// ASCII letters small, blanks one, none at the ends. A zero byte, which no piece can imitate,
// closes it.
void AppendNormalised(std::string_view text, std::string& out) {
  const std::size_t begin = out.size();
  bool blank = false;
  for (const char c : text) {
    if (IsBlank(c)) {
      blank = true;
      continue;
    }
    if (blank && out.size() > begin) out += ' ';
    blank = false;
    if (c != '\0') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  out += '\0';
}

void AppendPiece(const Piece& piece, std::string& out) {
  AppendNormalised(piece.head, out);
  if (piece.left_out == 0) return;
  out += std::to_string(piece.left_out);
  AppendNormalised(piece.tail, out);
}

}  // namespace

Cache::Cache(CacheOptions options, std::uint64_t seed)
    : options_(options), per_shard_((options.entries + kShards - 1) / kShards), seed_(seed) {}

QuestionKey Cache::KeyOf(const RequestView& request, const FramingOptions& framing,
                         std::string_view model, std::string_view prompt_version) const {
  const Shown shown = Select(request, framing);
  std::string text;
  for (const std::string_view part : {model, prompt_version}) {
    text += part;
    text += '\0';
  }
  text += static_cast<char>('0' + static_cast<int>(framing.form));
  text += framing.mid_size ? 'm' : 's';
  for (const bool need : {request.needs.tools, request.needs.vision, request.needs.documents,
                          request.needs.json_object || request.needs.json_schema}) {
    text += need ? '1' : '0';
  }
  text += std::to_string(shown.later);
  text += '\0';
  AppendPiece(shown.instructions, text);
  for (const Piece& turn : shown.turns) AppendPiece(turn, text);
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed_);
  return {.high = hash.high64, .low = hash.low64};
}

std::optional<double> Cache::Find(const QuestionKey& key, SteadyTime now) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(key);
  if (place == shard.places.end()) return std::nullopt;
  const auto entry = place->second;
  if (entry->expires <= now) {
    shard.entries.erase(entry);
    shard.places.erase(place);
    return std::nullopt;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, entry);
  return entry->probability;
}

void Cache::Put(const QuestionKey& key, double probability, SteadyTime now) {
  if (per_shard_ == 0) return;
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  if (const auto place = shard.places.find(key); place != shard.places.end()) {
    shard.entries.erase(place->second);
    shard.places.erase(place);
  } else if (shard.entries.size() >= per_shard_) {
    shard.places.erase(shard.entries.back().key);
    shard.entries.pop_back();
  }
  shard.entries.push_front(
      {.key = key, .probability = probability, .expires = now + options_.time_to_live});
  shard.places.emplace(key, shard.entries.begin());
}

std::size_t Cache::size() const {
  std::size_t size = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.entries.size();
  }
  return size;
}

}  // namespace triage::judge
