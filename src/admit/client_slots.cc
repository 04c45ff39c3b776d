#include "admit/client_slots.h"

namespace triage::admit {

ClientSlots::Slot ClientSlots::Take(std::uint64_t client, std::size_t most) {
  Shard& shard = ShardOf(client);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.used.find(client);
  const std::size_t used = found == shard.used.end() ? 0 : found->second;
  if (used >= most) return {};
  shard.used[client] = used + 1;
  return {*this, client};
}

void ClientSlots::Give(std::uint64_t client) {
  Shard& shard = ShardOf(client);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.used.find(client);
  if (--found->second == 0) shard.used.erase(found);
}

std::size_t ClientSlots::clients() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.used.size();
  }
  return sum;
}

}  // namespace triage::admit
