#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "feedback/conversation_key.h"
#include "feedback/sketch.h"

namespace triage::feedback {

/// What is remembered of a conversation: a value that travels with the exchange and is noted again
/// at its end. Tiers are names, because a reload may renumber them.
struct Session {
  // The last exchange.
  ExchangeId exchange = {};
  std::string tier = {};           ///< that answered
  std::string model = {};          ///< that answered, as the configuration calls it
  SteadyTime answered{};           ///< when its answer had been fully sent
  std::int64_t cached_tokens = 0;  ///< input + output: what the provider's cache may hold
  TurnSketch sketch = {};          ///< of its user's turn
  // The conversation so far.
  std::string floor_tier = {};  ///< empty = none
  int floor_turns = 0;          ///< user turns that it still holds for
  int turns = 0;                ///< the user's, counted by NextTurn
  int escalations = 0;          ///< granted by `Sessions::Grant`
  std::uint16_t angry = 0;      ///< bit i: i turns ago p was at least SignalOptions::hand_off

  /// The floor for the request at hand; empty = none.
  std::string_view floor() const { return floor_turns > 0 ? floor_tier : std::string_view(); }

  /// After an escalation to `tier`, which is above any floor so far: it is the floor for this turn
  /// and the next `after`.
  void RaiseFloor(std::string_view tier_name, int after = 3);

  /// A new user turn, with whether what was read from it is at least SignalOptions::hand_off:
  /// counts the turn, ages floor and anger. Call it once for each request whose last turn is the
  /// user's, before Grant and RaiseFloor.
  void NextTurn(bool very_dissatisfied);

  /// Two such turns within the last ten: time for a person.
  bool hand_off() const;
};

struct SessionOptions {
  std::size_t most = 50'000;                ///< entries; the longest unused goes first
  std::chrono::seconds time_to_live{1800};  ///< of silence
  int user_escalations = 3;                 ///< in `window`, for a user that is known
  int client_escalations = 100;             ///< in `window`, for all unnamed users of a credential
  std::chrono::seconds window{3600};
  int escalation_percent = 10;  ///< of a session's turns, but at least one
};

/// Who asks for an escalation by feedback.
struct Asker {
  std::uint64_t client = 0;  ///< hash of the credential
  std::string_view user;     ///< empty = not known
};

/// Why an escalation by feedback was not granted.
enum class Refusal : std::uint8_t { kNone, kUserCap, kClientCap, kSessionCap, kUnknownSession };

std::string_view Name(Refusal refusal);

/// Sessions of all threads, in memory: bounded, forgotten after a time of silence, under short
/// locks. Times are the caller's.
class Sessions {
 public:
  explicit Sessions(const SessionOptions& options);

  struct Found {
    Session session = {};
    SessionKey key = {};  ///< under which it stood
    /// False when two exchanges of different conversations may stand under this key (the same
    /// first words, answers not read): good for stickiness, not for labels.
    bool certain = true;
  };

  std::optional<Found> Find(const SessionKey& named, SteadyTime now);
  std::optional<Found> Find(const PreviousKeys& keys, SteadyTime now);

  /// At the end of an exchange. `named`: a client's name for the session, which stands for one
  /// conversation; else the key is a conversation's hash.
  void Note(const SessionKey& key, Session session, bool named, SteadyTime now);

  /// Whether feedback may raise the session's tier now; counted when granted, in the caller's copy
  /// too. Shouting does not buy the frontier for ever.
  Refusal Grant(Found& found, const Asker& asker, SteadyTime now);

  /// New bounds for what comes; what is remembered stays.
  void Configure(const SessionOptions& options);

  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;

  struct Entry {
    SessionKey key;
    Session session;
    SteadyTime used;
    bool certain = true;
  };

  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  // the most recently used first
    std::unordered_map<SessionKey, std::list<Entry>::iterator> places;
  };

  /// When feedback has raised a tier for somebody, oldest first; never more than the cap.
  using Grants = std::vector<SteadyTime>;

  struct alignas(64) GrantShard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Grants> grants;
    SteadyTime swept{};
  };

  Shard& ShardOf(const SessionKey& key) { return shards_[key.high % kShards]; }

  bool TakeFromCap(std::uint64_t who, int most, SteadyTime now);
  void Drop(Shard& shard, SteadyTime now) const;
  SessionOptions options() const;

  mutable std::mutex options_mutex_;
  SessionOptions options_;
  std::array<Shard, kShards> shards_;
  std::array<GrantShard, kShards> grants_;
};

}  // namespace triage::feedback
