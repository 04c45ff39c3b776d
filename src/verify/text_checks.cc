#include "verify/text_checks.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "base/text.h"
#include "detect/detectors.h"
#include "verify/language.h"
#include "verify/p_bad.h"
#include "verify/words.h"

namespace triage::verify {
namespace {

// Bytes at an answer's beginning in which a refusal or the like must begin, after apologies. What
// is longer than the whole-answer limits says more than that it declines.
constexpr std::size_t kOpening = 160;
constexpr std::size_t kWholeRefusal = 600;
constexpr std::size_t kWholeDontKnow = 250;
constexpr std::size_t kWholePlaceholder = 300;

Verdict Pass(std::string_view check) {
  return {.check = std::string(check)};
}

Verdict Make(std::string_view check, Outcome outcome, std::string_view reason, double p_bad) {
  return {.check = std::string(check),
          .outcome = outcome,
          .reason = std::string(reason),
          .p_bad = p_bad};
}

std::string_view LastOf(const Asked& asked, llm::Role role) {
  for (std::size_t i = asked.turns.size(); i-- > 0;) {
    if (asked.turns[i].role == role) return asked.turns[i].text;
  }
  return {};
}

/// Whether it is data or code rather than prose.
bool IsStructured(std::string_view text) {
  return text.starts_with('{') || text.starts_with('[') || text.starts_with("```");
}

/// Without blanks and Markdown's emphasis, quotes and headings in front.
std::string_view Opening(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n*_#>\"'-");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool ContainsIgnoreCase(std::string_view text, std::string_view part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::search(text, part, [&](char a, char b) {
           return lower(a) == lower(b);
         }).begin() != text.end();
}

/// The first phrase of that kind which begins in the opening.
std::string_view PhraseIn(std::string_view text, Phrase phrase, const Asked& asked) {
  std::string_view found;
  // A phrase may go on behind the opening, so the text is longer than where one may begin.
  ForEachTerm(Phrases(), text.substr(0, 2 * kOpening),
              [&](const detect::Lexicon::Term& term, std::size_t at, std::size_t end) {
                if (at > kOpening) return false;
                if ((term.strong & Bit(phrase)) == 0) return true;
                found = text.substr(at, end - at);
                return false;
              });
  // Who asks for such a sentence, quotes or allows it gets it rightly.
  if (!found.empty()) {
    for (const llm::Turn& turn : asked.turns) {
      if (turn.role != llm::Role::kAssistant && ContainsIgnoreCase(turn.text, found)) return {};
    }
  }
  return found;
}

/// Whether the request is about errors, which an answer then may name.
bool IsAboutErrors(std::string_view asked) {
  static constexpr std::array<std::string_view, 9> kWords = {
      "error", "http", "status", "fehler", "erreur", "ошибк", "错误", "エラー", "exception"};
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return ContainsIgnoreCase(asked, word); });
}

}  // namespace

std::optional<Verdict> CheckFinish(const Asked& asked, const Given& given) {
  constexpr std::string_view kName = "finish";
  switch (given.finish) {
    case llm::FinishReason::kLength:
      if (asked.max_output_tokens > 0) {
        return Make(kName, Outcome::kUnsure, "It ends at the client's own limit of tokens.",
                    p_bad::kCutByClient);
      }
      return Make(kName, Outcome::kFail, "It is cut off at its length limit.", p_bad::kCut);
    case llm::FinishReason::kContextExceeded:
      return Make(kName, Outcome::kFail, "It is cut off where the context window was full.",
                  p_bad::kCut);
    case llm::FinishReason::kContentFilter:
      return Make(kName, Outcome::kFail, "A content filter stopped it.", p_bad::kFiltered);
    case llm::FinishReason::kError:
      return Make(kName, Outcome::kFail, "It ended with an error.", p_bad::kBroken);
    case llm::FinishReason::kToolCalls:
      if (!given.calls.empty() || given.has_other) return Pass(kName);
      return Make(kName, Outcome::kFail, "It says that it calls a tool and calls none.",
                  p_bad::kBroken);
    case llm::FinishReason::kStop:
    case llm::FinishReason::kPause:
    case llm::FinishReason::kRefusal: return Pass(kName);
    case llm::FinishReason::kUnknown: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Verdict> CheckEmpty(const Asked&, const Given& given) {
  constexpr std::string_view kName = "empty";
  if (!given.calls.empty() || given.has_other || !given.refusal.empty()) return std::nullopt;
  if (Trim(given.text).empty()) {
    return Make(kName, Outcome::kFail, "It is empty.", p_bad::kEmpty);
  }
  return Pass(kName);
}

std::optional<Verdict> CheckRefusal(const Asked& asked, const Given& given) {
  constexpr std::string_view kName = "refusal";
  if (!given.refusal.empty() || given.finish == llm::FinishReason::kRefusal) {
    return Make(kName, Outcome::kFail, "The model declined.", p_bad::kRefusal);
  }
  const std::string_view text = Opening(given.text);
  if (text.empty() || IsStructured(text)) return std::nullopt;
  if (PhraseIn(text, Phrase::kRefusal, asked).empty()) return Pass(kName);
  if (text.size() > kWholeRefusal || !given.calls.empty()) {
    return Make(kName, Outcome::kUnsure, "It begins by declining and goes on.",
                p_bad::kPartialRefusal);
  }
  return Make(kName, Outcome::kFail, "It declines and says little else.", p_bad::kRefusal);
}

std::optional<Verdict> CheckDontKnow(const Asked& asked, const Given& given) {
  constexpr std::string_view kName = "dont_know";
  const std::string_view text = Opening(given.text);
  if (text.empty() || IsStructured(text)) return std::nullopt;
  if (PhraseIn(text, Phrase::kDontKnow, asked).empty()) return Pass(kName);
  if (text.size() > kWholeDontKnow || !given.calls.empty()) {
    return Make(kName, Outcome::kUnsure, "It begins by saying that it does not know, and goes on.",
                p_bad::kPartialDontKnow);
  }
  return Make(kName, Outcome::kFail, "It says that it does not know, and little else.",
              p_bad::kDontKnow);
}

std::optional<Verdict> CheckPlaceholder(const Asked& asked, const Given& given) {
  constexpr std::string_view kName = "placeholder";
  const std::string_view text = Trim(given.text);
  if (text.empty()) return std::nullopt;
  const std::string_view user = LastOf(asked, llm::Role::kUser);
  if (IsAboutErrors(user)) return std::nullopt;
  const std::string head = ToLowerAscii(text.substr(0, 2 * kOpening));
  const bool page = (head.starts_with("<!doctype html") || head.starts_with("<html")) &&
                    (head.contains("502") || head.contains("503") || head.contains("504") ||
                     head.contains("error") || head.contains("unavailable"));
  if (page || text == "[object Object]") {
    return Make(kName, Outcome::kFail, "It is an error page, not an answer.", p_bad::kPlaceholder);
  }
  if (text.size() > kWholePlaceholder) return Pass(kName);
  if (PhraseIn(Opening(text), Phrase::kPlaceholder, asked).empty()) return Pass(kName);
  return Make(kName, Outcome::kFail, "It is a notice in place of an answer.", p_bad::kPlaceholder);
}

std::optional<Verdict> CheckLanguage(const Asked& asked, const Given& given) {
  constexpr std::string_view kName = "language";
  // A long turn is mostly text that was given, in whatever language.
  constexpr std::size_t kLongestTurn = 600;
  const std::string_view user = LastOf(asked, llm::Role::kUser);
  if (user.empty() || user.size() > kLongestTurn || asked.json) return std::nullopt;
  if (IsStructured(Opening(given.text))) return std::nullopt;
  const std::string_view answer = LanguageOf(given.text);
  if (answer.empty()) return std::nullopt;
  const std::string_view wanted = LanguageOf(user);
  if (wanted.empty()) return std::nullopt;
  if (wanted == answer) return Pass(kName);
  // Any word about a language, wherever it stands, may be a wish.
  for (const llm::Turn& turn : asked.turns) {
    if (turn.role == llm::Role::kAssistant || turn.role == llm::Role::kTool) continue;
    bool wish = false;
    ForEachTerm(Phrases(), turn.text, [&](const detect::Lexicon::Term& term, auto, auto) {
      wish = (term.labels & Bit(Phrase::kLanguage)) != 0;
      return !wish;
    });
    if (wish) return std::nullopt;
  }
  const llm::Turn turn{.role = llm::Role::kUser, .text = user};
  switch (detect::Detectors::BuiltIn().Read({&turn, 1}, {}).query_type) {
    case detect::QueryType::kTranslation:
    case detect::QueryType::kSummary:
    case detect::QueryType::kExtraction:
    case detect::QueryType::kClassification:
    case detect::QueryType::kCode: return std::nullopt;
    default: break;
  }
  return Make(kName, Outcome::kFail, "It is in another language than the question.",
              p_bad::kLanguage);
}

std::optional<Verdict> CheckFences(const Asked&, const Given& given) {
  constexpr std::string_view kName = "fences";
  if (!given.text.contains("```") && !given.text.contains("~~~")) return std::nullopt;
  std::size_t open = 0;  // characters of the fence that is open
  char mark = 0;
  for (std::size_t at = 0; at < given.text.size();) {
    const std::size_t end = std::min(given.text.find('\n', at), given.text.size());
    const std::string_view line = Trim(given.text.substr(at, end - at));
    at = end + 1;
    if (line.empty() || (line[0] != '`' && line[0] != '~')) continue;
    const std::size_t size = std::min(line.find_first_not_of(line[0]), line.size());
    if (size < 3) continue;
    const bool bare = size == line.size();
    if (open == 0) {
      // ```code``` within one line opens nothing.
      if (line[0] == '`' && line.find('`', size) != std::string_view::npos) continue;
      open = size;
      mark = line[0];
    } else if (line[0] == mark && size >= open && bare) {
      open = 0;
    }
  }
  if (open == 0) return Pass(kName);
  return Make(kName, Outcome::kUnsure, "A fenced block in it is not closed.", p_bad::kFences);
}

}  // namespace triage::verify
