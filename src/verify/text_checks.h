#pragma once

#include <optional>
#include <string_view>

#include "verify/checks.h"
#include "verify/verdict.h"

namespace triage::verify {

// One check each. Nothing is returned where a check does not apply.

/// How generation ended.
std::optional<Verdict> CheckFinish(const Asked& asked, const Given& given);

/// No text and nothing else either.
std::optional<Verdict> CheckEmpty(const Asked& asked, const Given& given);

/// An answer that declines, or says that it does not know. Both are looked for in the opening; the
/// whole answer fails only when it is short. Words that the user's own text holds do not count.
std::optional<Verdict> CheckRefusal(const Asked& asked, const Given& given);
std::optional<Verdict> CheckDontKnow(const Asked& asked, const Given& given);

/// An error page, a notice of overload or a template in place of an answer.
std::optional<Verdict> CheckPlaceholder(const Asked& asked, const Given& given);

/// The end of the text says the same again and again.
std::optional<Verdict> CheckLoop(const Asked& asked, const Given& given);

/// Another language than the user's, where both are clear and no other was asked for.
std::optional<Verdict> CheckLanguage(const Asked& asked, const Given& given);

/// A fenced code block that is not closed.
std::optional<Verdict> CheckFences(const Asked& asked, const Given& given);

/// The beginning of the system text, word for word.
std::optional<Verdict> CheckLeak(const Asked& asked, const Given& given);

}  // namespace triage::verify
