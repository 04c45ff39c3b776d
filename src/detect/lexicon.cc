#include "detect/lexicon.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/letters.h"

namespace triage::detect {
namespace {

constexpr std::array<std::uint8_t, 256> MakeFold() {
  std::array<std::uint8_t, 256> fold{};
  for (unsigned i = 0; i < 256; ++i) {
    fold[i] = static_cast<std::uint8_t>(i >= 'A' && i <= 'Z' ? i + 32 : i);
  }
  for (const char c : {'\n', '\r', '\t', ','}) fold[static_cast<unsigned char>(c)] = ' ';
  return fold;
}

constexpr std::array<std::uint8_t, 256> kFold = MakeFold();

void AppendUtf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// The data is UTF-8 of at most three bytes a character; others are left out.
std::u32string Decode(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) {
      return static_cast<char32_t>(static_cast<unsigned char>(text[i + k]));
    };
    const char32_t lead = byte(0);
    const std::size_t size = lead < 0x80 ? 1 : CharacterAt(text, i).size;
    if (size == 1 && lead < 0x80) out += lead;
    if (size == 2) out += ((lead & 0x1F) << 6) | (byte(1) & 0x3F);
    if (size == 3) out += ((lead & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    i += size;
  }
  return out;
}

/// How a term may be written: as it is, with its first letter or all of it in capitals, and with
/// the typographer's apostrophe. ASCII capitals are folded while walking.
std::vector<std::string> Spellings(std::string_view term) {
  const std::u32string decoded = Decode(term);
  std::vector<std::string> spellings;
  const auto add = [&](auto&& map) {
    for (const bool typographic : {false, true}) {
      std::string spelling;
      for (std::size_t i = 0; i < decoded.size(); ++i) {
        const char32_t c = map(decoded[i], i);
        AppendUtf8(spelling, typographic && c == U'\'' ? char32_t{0x2019} : c);
      }
      spelling = ToLowerAscii(spelling);
      if (std::ranges::find(spellings, spelling) == spellings.end()) {
        spellings.push_back(std::move(spelling));
      }
    }
  };
  add([](char32_t c, std::size_t) { return c; });
  add([](char32_t c, std::size_t i) { return i == 0 ? ToUpper(c) : c; });
  add([](char32_t c, std::size_t) { return ToUpper(c); });
  return spellings;
}

/// Bytes of the first word, of a script without spaces of the first character.
std::size_t FirstWord(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const Character c = CharacterAt(text, i);
    if (c.letter == Letter::kAlone && i == 0) return c.size;
    if (c.letter != Letter::kPart) break;
    i += c.size;
  }
  return i;
}

Error Bad(std::size_t line, std::string_view why) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("lexicon, line {}: {}", line, why)};
}

}  // namespace

class Lexicon::Builder {
 public:
  Result<Lexicon> Build(std::string_view text, const std::vector<std::string>& labels) {
    std::size_t number = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = Trim(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      ++number;
      if (line.empty() || line.front() == '#') continue;
      if (Result<void> read = ReadLine(line, number, labels); !read) {
        return std::move(read).error();
      }
    }
    Inherit(top_, nullptr);
    Flatten();
    MakeStarts();
    lexicon_.ids_ = ids_.size();
    return std::move(lexicon_);
  }

 private:
  struct Branch {
    std::map<std::uint8_t, std::unique_ptr<Branch>> next;
    std::uint16_t term = 0;
  };

  Result<void> ReadLine(std::string_view line, std::size_t number,
                        const std::vector<std::string>& labels) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return Bad(number, "LABEL STRENGTH LANGUAGE: terms");
    const std::string_view head = line.substr(0, colon);
    const std::size_t first = head.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : head.find(' ', first + 1);
    if (second == std::string_view::npos) return Bad(number, "LABEL STRENGTH LANGUAGE: terms");
    const auto label = std::ranges::find(labels, head.substr(0, first));
    if (label == labels.end()) return Bad(number, "unknown label");
    const std::string_view strength = head.substr(first + 1, second - first - 1);
    if (strength != "strong" && strength != "weak" && strength != "-") {
      return Bad(number, "the strength is strong, weak or -");
    }
    std::string_view rest = line.substr(colon + 1);
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string_view term = Trim(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      const bool prefix = term.ends_with('*');
      if (prefix) term.remove_suffix(1);
      if (term.empty() || term.contains('*')) return Bad(number, "an empty term, or a * inside");
      if (prefix && FirstWord(term) == term.size() && term.size() < 4)
        return Bad(number, "a * behind less than four bytes");
      const auto bit = std::uint32_t{1} << static_cast<unsigned>(label - labels.begin());
      const auto id = ids_.try_emplace(std::string(term), ids_.size()).first->second;
      if (id >= kMostTerms) return Bad(number, "too many terms");
      for (const std::string& spelling : Spellings(term)) {
        Insert(spelling, {.labels = bit,
                          .strong = strength == "strong" ? bit : 0,
                          .id = static_cast<std::uint16_t>(id),
                          .prefix = prefix});
      }
    }
    return {};
  }

  void Insert(std::string_view spelling, const Term& term) {
    firsts_.emplace(spelling.substr(0, std::min<std::size_t>(FirstWord(spelling), 4)));
    Branch* branch = &top_;
    for (const char c : spelling) {
      auto& next = branch->next[static_cast<std::uint8_t>(c)];
      if (next == nullptr) next = std::make_unique<Branch>();
      branch = next.get();
    }
    if (branch->term == 0) {
      lexicon_.terms_.push_back(term);
      branch->term = static_cast<std::uint16_t>(lexicon_.terms_.size());
      return;
    }
    // The same word in two lists, or in two languages.
    Term& known = lexicon_.terms_[branch->term - 1U];
    known.labels |= term.labels;
    known.strong |= term.strong;
    known.prefix |= term.prefix;
  }

  /// What a prefix stands for, longer terms that begin with it in the same word stand for too.
  void Inherit(const Branch& branch, const Term* prefix) {
    if (branch.term != 0) {
      Term& term = lexicon_.terms_[branch.term - 1U];
      if (prefix != nullptr) {
        term.labels |= prefix->labels;
        term.strong |= prefix->strong;
      }
      if (term.prefix) prefix = &term;
    }
    for (const auto& [byte, next] : branch.next) Inherit(*next, byte == ' ' ? nullptr : prefix);
  }

  /// Level by level, so that what is walked most lies together.
  void Flatten() {
    std::vector<const Branch*> order{&top_};
    lexicon_.nodes_.resize(1);
    lexicon_.bytes_.resize(1);
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Branch& branch = *order[at];
      lexicon_.nodes_[at] = {.first = static_cast<std::uint32_t>(order.size()),
                             .children = static_cast<std::uint16_t>(branch.next.size()),
                             .term = branch.term};
      for (const auto& [byte, next] : branch.next) {
        lexicon_.bytes_.push_back(byte);
        order.push_back(next.get());
      }
      lexicon_.nodes_.resize(order.size());
    }
  }

  void MakeStarts() {
    std::size_t slots = 2;
    while (slots < 2 * firsts_.size() + 2) slots *= 2;
    lexicon_.starts_.resize(slots);
    lexicon_.starts_mask_ = slots - 1;
    for (const std::string& first : firsts_) {
      std::uint32_t node = 0;
      for (const char c : first) node = lexicon_.Step(node, static_cast<unsigned char>(c));
      const std::uint32_t key = KeyAt(first, 0, first.size());
      std::size_t slot = Hash(key);
      while (lexicon_.starts_[slot & lexicon_.starts_mask_].node != 0) ++slot;
      lexicon_.starts_[slot & lexicon_.starts_mask_] = {key, node};
    }
  }

  Lexicon lexicon_;
  Branch top_;
  std::map<std::string, std::size_t> ids_;
  std::set<std::string, std::less<>> firsts_;  // first bytes of the terms' spellings
};

Result<Lexicon> Lexicon::Parse(std::string_view text, const std::vector<std::string>& labels) {
  return Builder().Build(text, labels);
}

inline std::uint32_t Lexicon::Step(std::uint32_t node, unsigned char byte) const {
  const Node& from = nodes_[node];
  std::uint32_t first = from.first;
  std::uint32_t count = from.children;
  // Halves the children while they are many; no branch to mispredict.
  while (count > 4) {
    const std::uint32_t half = count / 2;
    first = bytes_[first + half] <= byte ? first + half : first;
    count -= half;
  }
  for (const std::uint32_t end = first + count; first < end; ++first) {
    if (bytes_[first] == byte) return first;
  }
  return 0;
}

Lexicon::Match Lexicon::Walk(std::string_view text, std::size_t at, std::size_t size,
                             std::uint32_t node) const {
  Match best;
  std::size_t i = at + std::min<std::size_t>(size, 4);
  while (node != 0) {
    if (const std::uint16_t index = nodes_[node].term; index != 0) {
      const Term& term = terms_[index - 1U];
      const bool inside = i < text.size() && CharacterAt(text, i).letter == Letter::kPart;
      // Behind a letter of a script without spaces a word may end anywhere.
      std::size_t last = i - 1;
      while (last > at && (static_cast<unsigned char>(text[last]) & 0xC0U) == 0x80) --last;
      if (!inside || term.prefix || CharacterAt(text, last).letter == Letter::kAlone) {
        best = {&term, i};
      }
    }
    if (i >= text.size()) break;
    const std::uint8_t byte = kFold[static_cast<unsigned char>(text[i])];
    node = Step(node, byte);
    // One space of a term stands for several, and for a comma or a line's end among them.
    ++i;
    if (byte == ' ') {
      while (i < text.size() && kFold[static_cast<unsigned char>(text[i])] == ' ') ++i;
    }
  }
  if (best.term != nullptr && best.term->prefix) {
    while (best.end < text.size()) {
      const Character next = CharacterAt(text, best.end);
      if (next.letter != Letter::kPart) break;
      best.end += next.size;
    }
  }
  return best;
}

}  // namespace triage::detect
