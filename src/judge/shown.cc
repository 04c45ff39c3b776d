#include "judge/shown.h"

#include <algorithm>

namespace triage::judge {
namespace {

bool Continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// The last start of a character at or before `at`; broken UTF-8 is not searched further than a
// character is long.
std::size_t CharacterAt(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && at - begin < 4 && begin < text.size() && Continues(text[begin])) --begin;
  return begin < text.size() && Continues(text[begin]) ? at : begin;
}

constexpr std::string_view kWideEnds[] = {"。", "！", "？", "।", "؟"};

// Bytes of a sentence's end that begins at `at`; 0 = none does.
std::size_t SentenceEnd(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\n') return 1;
  if (c == '.' || c == '!' || c == '?') {
    const bool last = at + 1 == text.size();
    return last || text[at + 1] == ' ' || text[at + 1] == '\n' ? 1 : 0;
  }
  for (const std::string_view end : kWideEnds) {
    if (text.substr(at).starts_with(end)) return end.size();
  }
  return 0;
}

bool Blank(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; });
}

}  // namespace

Piece Sample(std::string_view text, std::size_t most) {
  if (text.size() <= most) return {.head = text, .tail = {}};
  const std::size_t head = CharacterAt(text, most - most / 3);
  const std::size_t tail = CharacterAt(text, text.size() - most / 3);
  return {.head = text.substr(0, head), .tail = text.substr(tail), .left_out = tail - head};
}

Shown Select(const RequestView& request, const FramingOptions& options) {
  Shown shown;
  std::vector<std::string_view> users;
  std::size_t last = 0;
  for (std::size_t i = 0; i < request.turns.size(); ++i) {
    const llm::Turn& turn = request.turns[i];
    if (turn.role == llm::Role::kSystem && shown.instructions.head.empty()) {
      shown.instructions.head = turn.text;
    }
    if (turn.role != llm::Role::kUser) continue;
    users.push_back(turn.text);
    last = i;
  }
  if (!users.empty()) {
    shown.later = request.turns.size() - 1 - last;
  } else if (!request.turns.empty()) {
    users.push_back(request.turns.back().text);
  }

  // A system text says what kind of work it is in its first lines; all of it would outweigh the
  // request.
  const std::string_view instructions = shown.instructions.head;
  shown.instructions.head = instructions.substr(
      0, CharacterAt(instructions, std::min(instructions.size(), options.max_text / 8)));
  shown.instructions.left_out = instructions.size() - shown.instructions.head.size();
  shown.truncated = shown.instructions.left_out > 0;

  const auto earlier_wanted = static_cast<std::size_t>(std::max(options.earlier_turns, 0));
  const std::size_t earlier = users.empty() ? 0 : std::min(users.size() - 1, earlier_wanted);
  const std::size_t left = options.max_text - options.max_text / 8;
  const std::size_t for_last = earlier == 0 ? left : left - left / 3;
  for (std::size_t i = users.size() - std::min(users.size(), earlier + 1); i < users.size(); ++i) {
    const bool is_last = i + 1 == users.size();
    shown.turns.push_back(Sample(users[i], is_last ? for_last : left / 3 / earlier));
    shown.truncated = shown.truncated || shown.turns.back().left_out > 0;
  }
  return shown;
}

std::vector<Span> Segments(std::string_view text, std::size_t most) {
  std::vector<Span> segments;
  std::size_t begin = 0;
  const auto close = [&](std::size_t end) {
    if (end == begin) return;
    // Blanks belong to what stands before them.
    if (Blank(text.substr(begin, end - begin)) && !segments.empty()) {
      segments.back().end = end;
    } else {
      segments.push_back({.begin = begin, .end = end});
    }
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = SentenceEnd(text, at);
    at += std::max<std::size_t>(end, 1);
    if (end > 0) close(at);
  }
  close(text.size());
  if (most == 0 || segments.size() <= most) return segments;
  const std::size_t together = (segments.size() + most - 1) / most;
  std::vector<Span> merged;
  for (std::size_t i = 0; i < segments.size(); i += together) {
    const std::size_t last = std::min(i + together, segments.size()) - 1;
    merged.push_back({.begin = segments[i].begin, .end = segments[last].end});
  }
  return merged;
}

}  // namespace triage::judge
