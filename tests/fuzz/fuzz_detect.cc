// Any bytes as the turns of a conversation, split where the first byte chooses: never a crash, the
// same reading twice, and identifiers of a turn found in whatever role it has.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "detect/detectors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
  const detect::Detectors& detectors = detect::Detectors::BuiltIn();
  const std::size_t cut = text.empty() ? 0 : data[0] % (size + 1);
  const std::vector<llm::Turn> turns = {{llm::Role::kSystem, text.substr(0, cut)},
                                        {llm::Role::kUser, text.substr(cut)}};
  const detect::Reading reading = detectors.Read(turns, {});
  const detect::Reading again = detectors.Read(turns, {});
  TRIAGE_CHECK(reading.found == again.found && reading.query_type == again.query_type);
  const std::vector<llm::Turn> swapped = {{llm::Role::kTool, text.substr(0, cut)},
                                          {llm::Role::kAssistant, text.substr(cut)}};
  const detect::Findings other = detectors.Read(swapped, {}).found;
  for (const detect::Finding finding :
       {detect::Finding::kCardNumber, detect::Finding::kIban, detect::Finding::kNationalId,
        detect::Finding::kEmail, detect::Finding::kPhone}) {
    TRIAGE_CHECK(reading.found.Has(finding) == other.Has(finding));
  }
  return 0;
}
