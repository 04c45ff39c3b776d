#pragma once

#include <string>
#include <string_view>

#include "llm/types.h"

namespace triage::simulate {

/// RFC 4648, padded.
std::string Base64(std::string_view bytes);

/// What a dialect's provider signs a piece of thinking with (base64), so that it recognises its own
/// and sees every changed byte. Not a secret.
std::string SignatureOf(llm::Dialect dialect, std::string_view text);

}  // namespace triage::simulate
