#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "wire/anthropic.h"

namespace triage::wire::anthropic {

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/wire/anthropic/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace triage::wire::anthropic
