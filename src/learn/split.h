#pragma once

#include <string>
#include <string_view>

namespace triage::learn {

/// The question without wrapper and options: its first 160 ASCII letters and digits, lower case.
/// Questions with the same core are twins and stay on one side of every split.
std::string Core(std::string_view prompt);

/// 0 .. folds-1 from SHA-256 of the core; stable across machines. Fold 0 is the demo's: the shipped
/// router is never trained on it.
int Fold(std::string_view prompt, int folds = 5);

}  // namespace triage::learn
