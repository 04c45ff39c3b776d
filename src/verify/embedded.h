#pragma once

#include <string_view>

namespace triage::verify {

/// The texts of config/verify/ when the program was built.
std::string_view EmbeddedPhrases();
std::string_view EmbeddedLanguages();

}  // namespace triage::verify
