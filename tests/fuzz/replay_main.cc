// Stands in for libFuzzer: runs the target over every file of the folders and files given, so that
// CTest replays the corpora with any compiler. With `-mutate=N` each input is also tried in N
// deterministic mutations.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void RunOne(const std::string& input) {
  // A copy of exact size lets a sanitizer see reads behind the end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string Mutated(std::string input, triage::Random& random) {
  static constexpr std::string_view kTokens[] = {
      "{",  "}",  "[",    "]",     "\"",   ":",    ",",       "\\",
      "\n", "\r", "\n\n", "data:", "null", "\xFF", "\\ud800", "1e9"};
  for (std::uint64_t left = 1 + random.Below(4); left > 0; --left) {
    const std::size_t at = random.Below(input.size() + 1);
    switch (random.Below(4)) {
      case 0: input.insert(at, kTokens[random.Below(std::size(kTokens))]); break;
      case 1: input.erase(at, random.Below(16)); break;
      case 2:
        input.insert(at, input.substr(random.Below(input.size() + 1), random.Below(64)));
        break;
      default:
        if (at < input.size()) input[at] = static_cast<char>(random.Below(256));
    }
  }
  return input;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> files;
  std::uint64_t mutations = 0;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    constexpr std::string_view kMutate = "-mutate=";
    if (argument.starts_with(kMutate)) {
      const std::string_view number = argument.substr(kMutate.size());
      std::from_chars(number.data(), number.data() + number.size(), mutations);
    } else if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::directory_iterator(argument))
        files.push_back(entry.path());
    } else {
      files.emplace_back(argument);
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "usage: %s [-mutate=N] FOLDER|FILE…\n", arguments[0]);
    return 2;
  }
  triage::Random random(1);
  RunOne("");
  for (const std::filesystem::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.good() && !stream.eof()) {
      std::fprintf(stderr, "cannot read %s\n", file.c_str());
      return 2;
    }
    RunOne(input);
    for (std::uint64_t i = 0; i < mutations; ++i) RunOne(Mutated(input, random));
  }
  std::printf("%zu inputs\n", files.size());
  return 0;
}
