#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "llm/types.h"

namespace triage::feedback {

/// Under what a session is found. Only ever in memory; an unkeyed 128-bit hash is enough.
struct SessionKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const SessionKey&) const = default;
};

/// Whose sessions: `client` is the hash of the credential, `user` may be empty. Sessions of
/// different owners never meet, whatever they call them.
std::uint64_t OwnerOf(std::uint64_t client, std::string_view user);

/// A session that the client names: x-triage-session, metadata, previous_response_id.
SessionKey NamedKey(std::uint64_t owner, std::string_view name);

/// Without a name, a conversation is known by its own beginning: an exchange is noted under the
/// hash of the turns it was asked with and of its answer, and the next request of the conversation
/// carries both in front of its new turn. System turns are left out of the hash (clients put the
/// time of day into them), blanks at the ends of turns too.
struct PreviousKeys {
  SessionKey with_answer;  ///< turns and answer: certain
  SessionKey turns_only;   ///< for exchanges whose answer was not read while it was relayed
};

/// Where to look for the exchange before this request. Nothing when there is none: the
/// conversation's first request, or one whose last turn is not the user's (an agent's loop: tools
/// have answered, not the user).
std::optional<PreviousKeys> KeysOfPrevious(std::uint64_t owner, std::span<const llm::Turn> turns);

/// Under what to note this exchange when it has ended. `answer`: the text a client will send back
/// as the assistant's turn; absent = not known.
SessionKey KeyForNext(std::uint64_t owner, std::span<const llm::Turn> turns,
                      std::optional<std::string_view> answer);

/// A request's last user turn with the one before it and the answer between them, as far as the
/// history carries them.
struct LastTurns {
  std::string_view turn;
  std::string_view answer = {};
  std::string_view previous = {};
  bool has_previous = false;
};

/// Nothing when the last turn is not the user's.
std::optional<LastTurns> LastTurnsOf(std::span<const llm::Turn> turns);

}  // namespace triage::feedback

template <>
struct std::hash<triage::feedback::SessionKey> {
  std::size_t operator()(const triage::feedback::SessionKey& key) const { return key.low; }
};
