#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "judge/framing.h"

namespace triage::judge {

/// Of a question: what it shows of the request, but for ASCII case and blanks, the model and the
/// prompt's version.
struct QuestionKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const QuestionKey&) const = default;
};

struct CacheOptions {
  std::size_t entries = 10'000;  ///< 0 = nothing is kept
  std::chrono::seconds time_to_live{3600};
};

/// Probabilities that were asked for lately. Shared by all threads; keeps no text.
class Cache {
 public:
  /// Keys are hashed under a seed of the cache's own, so that nobody outside can make two
  /// requests share one.
  Cache(CacheOptions options, std::uint64_t seed);

  QuestionKey KeyOf(const RequestView& request, const FramingOptions& framing,
                    std::string_view model, std::string_view prompt_version) const;

  std::optional<double> Find(const QuestionKey& key, SteadyTime now);
  /// The least recently used entry of its shard goes when there is no room.
  void Put(const QuestionKey& key, double probability, SteadyTime now);

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;

  struct Hash {
    std::size_t operator()(const QuestionKey& key) const { return key.low; }
  };

  struct Entry {
    QuestionKey key;
    double probability = 0;
    SteadyTime expires;
  };

  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  // most recently used first
    std::unordered_map<QuestionKey, std::list<Entry>::iterator, Hash> places;
  };

  Shard& ShardOf(const QuestionKey& key) { return shards_[key.high % kShards]; }

  CacheOptions options_;
  std::size_t per_shard_;
  std::uint64_t seed_;
  std::array<Shard, kShards> shards_;
};

}  // namespace triage::judge
