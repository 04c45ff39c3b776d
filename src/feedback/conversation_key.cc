#include "feedback/conversation_key.h"

#include <memory>

#include <xxhash.h>

#include "base/error.h"
#include "base/text.h"

namespace triage::feedback {
namespace {

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

/// Hash of turns, one after the other.
class TurnsHash {
 public:
  explicit TurnsHash(std::uint64_t owner) : state_(XXH3_createState()) {
    TRIAGE_CHECK(state_ != nullptr);
    XXH3_128bits_reset_withSeed(state_.get(), owner);
  }

  void Add(llm::Role role, std::string_view text) {
    if (role == llm::Role::kSystem) return;
    text = Trim(text);
    const std::uint64_t head[2] = {static_cast<std::uint64_t>(role), text.size()};
    XXH3_128bits_update(state_.get(), head, sizeof head);
    XXH3_128bits_update(state_.get(), text.data(), text.size());
  }

  SessionKey Key() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {.high = hash.high64, .low = hash.low64};
  }

 private:
  std::unique_ptr<XXH3_state_t, FreeState> state_;
};

// Seeds apart, so that a client's name for a session never meets a conversation's hash.
constexpr std::uint64_t kNamedSeed = 0x6E616D6564ULL;

std::size_t WithoutSystemAtEnd(std::span<const llm::Turn> turns) {
  std::size_t end = turns.size();
  while (end > 0 && turns[end - 1].role == llm::Role::kSystem) --end;
  return end;
}

}  // namespace

std::uint64_t OwnerOf(std::uint64_t client, std::string_view user) {
  return XXH3_64bits_withSeed(user.data(), user.size(), client);
}

SessionKey NamedKey(std::uint64_t owner, std::string_view name) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(name.data(), name.size(), owner ^ kNamedSeed);
  return {.high = hash.high64, .low = hash.low64};
}

std::optional<PreviousKeys> KeysOfPrevious(std::uint64_t owner, std::span<const llm::Turn> turns) {
  const std::size_t end = WithoutSystemAtEnd(turns);
  std::size_t begin = end;  // of the new user turns
  while (begin > 0 && (turns[begin - 1].role == llm::Role::kUser ||
                       turns[begin - 1].role == llm::Role::kSystem)) {
    --begin;
  }
  if (begin == end || begin == 0 || turns[begin - 1].role != llm::Role::kAssistant) {
    return std::nullopt;
  }
  const llm::Turn& answer = turns[begin - 1];
  TurnsHash hash(owner);
  bool any_user = false;
  for (const llm::Turn& turn : turns.first(begin - 1)) {
    any_user = any_user || turn.role == llm::Role::kUser;
    hash.Add(turn.role, turn.text);
  }
  if (!any_user) return std::nullopt;
  PreviousKeys keys;
  keys.turns_only = hash.Key();
  hash.Add(llm::Role::kAssistant, answer.text);
  keys.with_answer = hash.Key();
  return keys;
}

SessionKey KeyForNext(std::uint64_t owner, std::span<const llm::Turn> turns,
                      std::optional<std::string_view> answer) {
  TurnsHash hash(owner);
  for (const llm::Turn& turn : turns) hash.Add(turn.role, turn.text);
  if (answer) hash.Add(llm::Role::kAssistant, *answer);
  return hash.Key();
}

std::optional<LastTurns> LastTurnsOf(std::span<const llm::Turn> turns) {
  const std::size_t end = WithoutSystemAtEnd(turns);
  if (end == 0 || turns[end - 1].role != llm::Role::kUser) return std::nullopt;
  LastTurns last{.turn = turns[end - 1].text};
  bool answered = false;
  for (std::size_t i = end - 1; i-- > 0;) {
    const llm::Turn& turn = turns[i];
    if (turn.role == llm::Role::kAssistant && last.answer.empty()) last.answer = turn.text;
    answered = answered || turn.role == llm::Role::kAssistant;
    if (turn.role == llm::Role::kUser && answered) {
      last.previous = turn.text;
      last.has_previous = true;
      break;
    }
  }
  return last;
}

}  // namespace triage::feedback
