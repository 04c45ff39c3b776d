#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace triage::admit {

/// How many exchanges each client has at the same time, over all threads. Holds only those that
/// have some; a lock is held for one look-up in one of many small tables.
class ClientSlots {
 public:
  /// One of a client's slots; given back when it is destroyed.
  class Slot {
   public:
    Slot() = default;

    Slot(Slot&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)), client_(other.client_) {}

    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        if (slots_ != nullptr) slots_->Give(client_);
        slots_ = std::exchange(other.slots_, nullptr);
        client_ = other.client_;
      }
      return *this;
    }

    ~Slot() {
      if (slots_ != nullptr) slots_->Give(client_);
    }

    /// Whether there is one.
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    friend class ClientSlots;

    Slot(ClientSlots& slots, std::uint64_t client) : slots_(&slots), client_(client) {}

    ClientSlots* slots_ = nullptr;
    std::uint64_t client_ = 0;
  };

  /// An empty one when `client` (a hash) has `most` already. This outlives the slots.
  Slot Take(std::uint64_t client, std::size_t most);

  /// Clients that have any.
  std::size_t clients() const;

 private:
  static constexpr std::size_t kShards = 64;

  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, std::size_t> used;
  };

  Shard& ShardOf(std::uint64_t client) { return shards_[(client >> 32U) % kShards]; }

  void Give(std::uint64_t client);

  std::array<Shard, kShards> shards_;
};

}  // namespace triage::admit
