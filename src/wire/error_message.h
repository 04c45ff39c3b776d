#pragma once

#include <string>
#include <string_view>

namespace triage::wire {

/// A provider's own words made fit for a client: control characters become blanks, at most 300
/// bytes; a stand-in when there are none.
std::string ProviderMessage(std::string_view text);

}  // namespace triage::wire
