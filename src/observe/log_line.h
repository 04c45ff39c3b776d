#pragma once

#include <span>
#include <string>
#include <string_view>

#include "observe/log.h"

namespace triage::observe {

/// The part of a line behind time and level, for people: `event key=value key="two words"`.
void AppendHumanLine(std::string& out, std::string_view event, std::span<const Field> fields);

/// The same as members of a JSON object, without the braces: `"event":"…","key":"…"`.
void AppendJsonLine(std::string& out, std::string_view event, std::span<const Field> fields);

}  // namespace triage::observe
