#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace triage::wire {

/// The bytes of tests/golden/wire/PATH.
inline std::string GoldenBytes(const std::string& path) {
  std::ifstream file(TRIAGE_SOURCE_DIR "/tests/golden/wire/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace triage::wire
