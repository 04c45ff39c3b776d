#include "feedback/sessions.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace triage::feedback {
namespace {

constexpr unsigned kAngerTurns = 10;

}  // namespace

void Session::RaiseFloor(std::string_view tier_name, int after) {
  floor_tier = tier_name;
  floor_turns = after + 1;
}

void Session::NextTurn(bool very_dissatisfied) {
  ++turns;
  if (floor_turns > 0) --floor_turns;
  const unsigned last = (unsigned{angry} << 1U) | (very_dissatisfied ? 1U : 0U);
  angry = static_cast<std::uint16_t>(last & ((1U << kAngerTurns) - 1));
}

bool Session::hand_off() const {
  return std::popcount(angry) >= 2;
}

std::string_view Name(Refusal refusal) {
  constexpr std::array<std::string_view, 5> kNames = {"none", "user_cap", "client_cap",
                                                      "session_cap", "unknown_session"};
  return kNames[static_cast<std::size_t>(refusal)];
}

Sessions::Sessions(const SessionOptions& options) : options_(options) {}

SessionOptions Sessions::options() const {
  const std::lock_guard lock(options_mutex_);
  return options_;
}

void Sessions::Configure(const SessionOptions& options) {
  const std::lock_guard lock(options_mutex_);
  options_ = options;
}

std::optional<Sessions::Found> Sessions::Find(const SessionKey& named, SteadyTime now) {
  const std::chrono::seconds time_to_live = options().time_to_live;
  Shard& shard = ShardOf(named);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(named);
  if (place == shard.places.end()) return std::nullopt;
  const auto entry = place->second;
  if (now - entry->used > time_to_live) {
    shard.entries.erase(entry);
    shard.places.erase(place);
    return std::nullopt;
  }
  return Found{.session = entry->session, .key = named, .certain = entry->certain};
}

std::optional<Sessions::Found> Sessions::Find(const PreviousKeys& keys, SteadyTime now) {
  if (std::optional<Found> found = Find(keys.with_answer, now)) return found;
  return Find(keys.turns_only, now);
}

void Sessions::Drop(Shard& shard, SteadyTime now) const {
  const SessionOptions bounds = options();
  const std::size_t most = std::max<std::size_t>(bounds.most / kShards, 1);
  while (!shard.entries.empty() &&
         (shard.entries.size() > most || now - shard.entries.back().used > bounds.time_to_live)) {
    shard.places.erase(shard.entries.back().key);
    shard.entries.pop_back();
  }
}

void Sessions::Note(const SessionKey& key, Session session, bool named, SteadyTime now) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(key);
  if (place == shard.places.end()) {
    shard.entries.push_front({.key = key, .session = std::move(session), .used = now});
    shard.places.emplace(key, shard.entries.begin());
  } else {
    Entry& entry = *place->second;
    entry.certain = named;
    // Exchanges of one session at the same time: none of them takes back what another has used up.
    session.escalations = std::max(session.escalations, entry.session.escalations);
    session.turns = std::max(session.turns, entry.session.turns);
    entry.session = std::move(session);
    entry.used = now;
    shard.entries.splice(shard.entries.begin(), shard.entries, place->second);
  }
  Drop(shard, now);
}

Refusal Sessions::Grant(Found& found, const Asker& asker, SteadyTime now) {
  const SessionOptions bounds = options();
  Shard& shard = ShardOf(found.key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.places.find(found.key);
  if (place == shard.places.end()) return Refusal::kUnknownSession;
  Session& session = place->second->session;
  const int turns = std::max(found.session.turns, session.turns);
  if (session.escalations >= std::max(1, turns * bounds.escalation_percent / 100)) {
    return Refusal::kSessionCap;
  }
  const bool known = !asker.user.empty();
  const std::uint64_t who = OwnerOf(asker.client, asker.user);
  if (!TakeFromCap(who, known ? bounds.user_escalations : bounds.client_escalations, now)) {
    return known ? Refusal::kUserCap : Refusal::kClientCap;
  }
  found.session.escalations = ++session.escalations;
  return Refusal::kNone;
}

bool Sessions::TakeFromCap(std::uint64_t who, int most, SteadyTime now) {
  const std::chrono::seconds window = options().window;
  GrantShard& shard = grants_[who % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto forget = [&](Grants& grants) {
    std::erase_if(grants, [&](SteadyTime at) { return now - at >= window; });
    return grants.empty();
  };
  // Who was granted nothing within the window need not be remembered.
  if (now - shard.swept >= window) {
    for (auto at = shard.grants.begin(); at != shard.grants.end();) {
      at = forget(at->second) ? shard.grants.erase(at) : std::next(at);
    }
    shard.swept = now;
  }
  const auto found = shard.grants.find(who);
  if (found != shard.grants.end()) forget(found->second);
  const std::size_t used = found == shard.grants.end() ? 0 : found->second.size();
  if (most <= 0 || used >= static_cast<std::size_t>(most)) return false;
  shard.grants[who].push_back(now);
  return true;
}

std::size_t Sessions::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.entries.size();
  }
  return sum;
}

}  // namespace triage::feedback
