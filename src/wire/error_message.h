#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace triage::wire {

/// A provider's own words made fit for a client: control characters become blanks, at most 300
/// bytes; a stand-in when there are none.
std::string ProviderMessage(std::string_view text);

/// Makes kContextLength of an error that says that the request is too long for its model, and
/// nothing else. `word`: the provider's code or type of the error.
void MarkOverflow(Error& error, std::string_view word = {});

}  // namespace triage::wire
