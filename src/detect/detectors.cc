#include "detect/detectors.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "detect/identifiers.h"
#include "detect/letters.h"
#include "detect/lexicon.h"

namespace triage::detect {
namespace {

/// What the lexicon's terms stand for: topics first, with the names of their findings.
enum Label : std::uint8_t {
  kHealth,
  kMoney,
  kLegal,
  kProof,
  kStatistics,
  kDesign,
  kTroubleshooting,
  kFrustration,
  kIgnore,
  kContext,
  kSmallTalk,
  kQuestion,
  kHard,
  kTranslation,
  kSummary,
  kExtraction,
  kClassification,
  kCode,
  kAnalysis,
  kWriting,
  kLabels,
};

constexpr std::array<std::string_view, kLabels> kNames = {
    "health",     "money",           "legal",       "proof",       "statistics",
    "design",     "troubleshooting", "frustration", "ignore",      "context",
    "small_talk", "question",        "hard",        "translation", "summary",
    "extraction", "classification",  "code",        "analysis",    "writing"};

constexpr std::uint32_t Bit(Label label) {
  return 1U << label;
}

constexpr std::uint32_t kTopics = Bit(kIgnore) - 1;  // those in front of it

struct Topic {
  Label label;
  Finding finding;
};

constexpr std::array kTopicFindings = {Topic{kHealth, Finding::kHealth},
                                       Topic{kMoney, Finding::kMoney},
                                       Topic{kLegal, Finding::kLegal},
                                       Topic{kProof, Finding::kProof},
                                       Topic{kStatistics, Finding::kStatistics},
                                       Topic{kDesign, Finding::kDesign},
                                       Topic{kTroubleshooting, Finding::kTroubleshooting},
                                       Topic{kFrustration, Finding::kFrustration}};

struct Task {
  Label label;
  QueryType type;
};

/// In the order in which they count where a text asks for several at the same place.
constexpr std::array kTasks = {
    Task{kTranslation, QueryType::kTranslation}, Task{kSummary, QueryType::kSummary},
    Task{kExtraction, QueryType::kExtraction},   Task{kClassification, QueryType::kClassification},
    Task{kAnalysis, QueryType::kAnalysis},       Task{kWriting, QueryType::kWriting}};

// A strong term is enough for a topic in a short text, of weak ones it takes two; every further
// kTopicBytes of text take one point more.
constexpr std::uint32_t kStrong = 2;
constexpr std::uint32_t kTopicBytes = 4096;
constexpr std::uint32_t kMostPoints = 8;

// Where in a turn its task is looked for: people say it first or last.
constexpr std::size_t kTaskHead = 600;
constexpr std::size_t kTaskTail = 300;

// What counts as short: characters of a question, of scripts whose characters are words, bytes of
// small talk, bytes of everything that came with a simple question.
constexpr std::size_t kShortQuestion = 80;
constexpr std::size_t kShortAlone = 40;
constexpr std::size_t kShortTalk = 240;
constexpr std::size_t kLittleText = 2048;
constexpr std::size_t kFewDigits = 4;

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

/// What one pass gathers.
struct Tally {
  Findings found;
  std::array<std::uint32_t, kLabels> points{};  // of topics: strong terms twice
  std::bitset<Lexicon::kMostTerms> seen;
  std::uint32_t topic_bytes = 0;
};

/// What of the last user turn its kind of work is told from.
struct Asked {
  std::array<std::size_t, kLabels> first{};  // offset of a label's first strong term
  std::size_t covered = 0;                   // bytes of small talk
  std::uint32_t labels = 0;

  Asked() { first.fill(kNowhere); }
};

/// One turn.
class Scan {
 public:
  Scan(const Lexicon& lexicon, const Identifiers& identifiers, std::string_view text, Tally& tally)
      : lexicon_(lexicon), identifiers_(identifiers), text_(text), tally_(tally) {}

  /// `topics`: whether words count; `asked`: where the task is to be told, else null.
  void Run(bool topics, Asked* asked) {
    std::size_t i = 0;
    while (i < text_.size()) {
      const ByteKind kind = KindOf(text_[i]);
      if (kind == ByteKind::kBreak) {
        if (text_[i] == '@') Address(i);
        ++i;
        continue;
      }
      has_digit_ = false;
      std::size_t end = i;
      if (kind == ByteKind::kWide) {
        const Character here = WideCharacterAt(text_, i);
        end = i + here.size;
        if (here.letter == Letter::kBreak) {
          i = end;
          continue;
        }
        if (here.letter == Letter::kPart) end = EndOfWord(end);
      } else {
        end = EndOfWord(i);
      }
      const Lexicon::Match match = lexicon_.Longest(text_, i, end - i);
      std::size_t next = end;
      if (match.term != nullptr) {
        next = std::max(next, match.end);
        Words(*match.term, i, match.end, topics, asked);
      }
      if (has_digit_) next = std::max(next, Number(i));
      i = next;
    }
  }

 private:
  /// Also notes whether the word has a digit.
  std::size_t EndOfWord(std::size_t i) {
    bool digit = false;
    for (; i < text_.size(); ++i) {
      const ByteKind kind = KindOf(text_[i]);
      digit |= kind == ByteKind::kDigit;
      if (kind == ByteKind::kPart || kind == ByteKind::kDigit) continue;
      if (kind == ByteKind::kBreak) break;
      const Character next = WideCharacterAt(text_, i);
      if (next.letter != Letter::kPart) break;
      i += next.size - 1U;
    }
    has_digit_ = digit;
    return i;
  }

  void Words(const Lexicon::Term& term, std::size_t at, std::size_t end, bool topics,
             Asked* asked) {
    if ((term.labels & Bit(kContext)) != 0) context_ = at;
    if ((term.labels & Bit(kIgnore)) != 0) return;
    if (topics && !tally_.seen[term.id]) {
      tally_.seen[term.id] = true;
      for (std::uint32_t labels = term.labels & kTopics; labels != 0; labels &= labels - 1) {
        const auto label = static_cast<std::size_t>(__builtin_ctz(labels));
        tally_.points[label] += (term.strong & (1U << label)) != 0 ? kStrong : 1;
      }
    }
    if (asked != nullptr) Note(term, at, end, *asked);
  }

  void Note(const Lexicon::Term& term, std::size_t at, std::size_t end, Asked& asked) const {
    if (at > kTaskHead && at + kTaskTail < text_.size()) return;
    asked.labels |= term.labels;
    if ((term.labels & Bit(kSmallTalk)) != 0) asked.covered += end - at;
    for (std::uint32_t labels = term.strong; labels != 0; labels &= labels - 1) {
      std::size_t& first = asked.first[static_cast<std::size_t>(__builtin_ctz(labels))];
      first = std::min(first, at);
    }
  }

  std::size_t Number(std::size_t at) {
    const bool context = context_ != kNowhere && at - context_ <= Identifiers::kContext;
    const std::optional<Identifiers::Match> match = identifiers_.NumberAt(text_, at, context);
    if (!match) return at;
    tally_.found.Add(match->finding);
    return match->end;
  }

  void Address(std::size_t at) {
    const std::optional<Identifiers::Match> match = identifiers_.AddressAt(text_, at);
    if (match) tally_.found.Add(match->finding);
  }

  const Lexicon& lexicon_;
  const Identifiers& identifiers_;
  std::string_view text_;
  Tally& tally_;
  bool has_digit_ = false;
  std::size_t context_ = kNowhere;  // of the last word that may announce a number
};

/// How long a short text is, and what it is made of.
struct Shape {
  std::size_t characters = 0;
  std::size_t alone = 0;    // of scripts without spaces
  std::size_t letters = 0;  // bytes of letters and digits
  std::size_t digits = 0;
  bool plain = true;  // one line without code or formulas

  explicit Shape(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
      const Character c = CharacterAt(text, i);
      ++characters;
      alone += c.letter == Letter::kAlone ? 1 : 0;
      letters += c.letter == Letter::kBreak ? 0 : c.size;
      digits += text[i] >= '0' && text[i] <= '9' ? 1 : 0;
      plain =
          plain && std::string_view("\n{}[]\\^`|<>_=$%").find(text[i]) == std::string_view::npos;
      i += c.size;
    }
  }
};

bool IsSmallTalk(std::string_view text, const Asked& asked) {
  constexpr std::uint32_t kOthers = ~(Bit(kSmallTalk) | Bit(kQuestion) | Bit(kContext));
  if (asked.first[kSmallTalk] == kNowhere || text.size() > kShortTalk) return false;
  if ((asked.labels & kOthers) != 0) return false;
  const Shape shape(text);
  // What is not covered may be a name.
  return shape.plain && shape.digits == 0 && asked.covered * 10 >= shape.letters * 6;
}

bool IsSimple(std::string_view text, const Asked& asked, const Findings& found) {
  const bool question = asked.first[kQuestion] != kNowhere;
  const bool translation = asked.first[kTranslation] != kNowhere;
  constexpr std::uint32_t kOthers =
      ~(Bit(kSmallTalk) | Bit(kQuestion) | Bit(kTranslation) | Bit(kContext));
  if (!(question || translation) || (asked.labels & kOthers) != 0 || !found.empty()) return false;
  const Shape shape(text);
  return shape.plain && shape.digits <= kFewDigits && shape.characters <= kShortQuestion &&
         shape.alone <= kShortAlone;
}

QueryType TaskOf(const Asked& asked) {
  if (asked.first[kCode] != kNowhere) return QueryType::kCode;
  if (asked.first[kProof] != kNowhere) return QueryType::kProof;
  QueryType type = QueryType::kUnknown;
  std::size_t first = kNowhere;
  for (const Task& task : kTasks) {
    if (asked.first[task.label] < first) {
      first = asked.first[task.label];
      type = task.type;
    }
  }
  return type;
}

}  // namespace

Detectors::Detectors(std::unique_ptr<const Lexicon> lexicon,
                     std::unique_ptr<const Identifiers> identifiers)
    : lexicon_(std::move(lexicon)), identifiers_(std::move(identifiers)) {}

Detectors::Detectors(Detectors&&) noexcept = default;
Detectors& Detectors::operator=(Detectors&&) noexcept = default;
Detectors::~Detectors() = default;

Result<Detectors> Detectors::Parse(std::string_view words, std::string_view identifiers) {
  Result<Identifiers> numbers = Identifiers::Parse(identifiers);
  if (!numbers) return std::move(numbers).error();
  std::string all(words);
  all += "\ncontext - any: " + Join(numbers->ContextWords()) + '\n';
  Result<Lexicon> lexicon = Lexicon::Parse(all, {kNames.begin(), kNames.end()});
  if (!lexicon) return std::move(lexicon).error();
  return Detectors(std::make_unique<Lexicon>(*std::move(lexicon)),
                   std::make_unique<Identifiers>(*std::move(numbers)));
}

const Detectors& Detectors::BuiltIn() {
  static const Detectors kBuiltIn = [] {
    std::string words(BuiltInTopics());
    words += BuiltInTasks();
    Result<Detectors> parsed = Parse(words, BuiltInIdentifiers());
    // A test reads the same texts.
    TRIAGE_CHECK(parsed.has_value());
    return *std::move(parsed);
  }();
  return kBuiltIn;
}

Reading Detectors::Read(std::span<const llm::Turn> turns, const llm::Needs& needs) const {
  Tally tally;
  Asked asked;
  std::size_t users = 0;
  std::size_t bytes = 0;
  const llm::Turn* last = nullptr;
  for (const llm::Turn& turn : turns) {
    bytes += turn.text.size();
    if (turn.role != llm::Role::kUser) continue;
    last = &turn;
    ++users;
  }
  for (const llm::Turn& turn : turns) {
    const bool topics = turn.role != llm::Role::kAssistant;
    Scan(*lexicon_, *identifiers_, turn.text, tally).Run(topics, &turn == last ? &asked : nullptr);
    if (topics) tally.topic_bytes += static_cast<std::uint32_t>(turn.text.size());
  }
  const std::uint32_t needed = std::min(kStrong + tally.topic_bytes / kTopicBytes, kMostPoints);
  for (const Topic& topic : kTopicFindings) {
    if (tally.points[topic.label] >= needed) tally.found.Add(topic.finding);
  }

  Reading reading{.found = tally.found};
  if (last == nullptr) return reading;
  const bool bare =
      !needs.tools && !needs.vision && !needs.documents && !needs.json_schema && !needs.json_object;
  if (bare && IsSmallTalk(last->text, asked)) {
    reading.query_type = QueryType::kSmallTalk;
  } else if (bare && users == 1 && bytes <= kLittleText &&
             IsSimple(last->text, asked, reading.found)) {
    reading.query_type = QueryType::kSimpleQuestion;
  } else {
    reading.query_type = TaskOf(asked);
  }
  return reading;
}

}  // namespace triage::detect
