#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.h"

namespace triage::config {

enum class Severity : std::uint8_t { kError, kWarning };

/// One thing wrong with a file. Never holds the value of an environment variable or of a secret.
struct Problem {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;  ///< from 1; 0 = the file as a whole
  int column = 0;
  std::string path;  ///< e.g. tiers[1].chain[0]; empty = the file as a whole
  std::string message;
  std::string expected;              ///< what may stand there; may be empty
  std::vector<std::string> nearest;  ///< names that were perhaps meant
};

/// "file:line:column: error: path: message (expected …; nearest: …)"
std::string ToString(const Problem& problem);

/// Gathers the problems of one file.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void Error(Position at, std::string path, std::string message, std::string expected = {},
             std::vector<std::string> nearest = {});
  void Warning(Position at, std::string path, std::string message, std::string expected = {});

  bool has_errors() const;

  /// All of them in the order of lines.
  std::vector<Problem> Sorted() &&;

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

}  // namespace triage::config
