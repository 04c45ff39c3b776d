#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "detect/reading.h"
#include "llm/types.h"

namespace triage::detect {

class Identifiers;
class Lexicon;

/// Sees what a request holds (card numbers, health, legal language, …) and what kind of work it is,
/// from words and patterns that are data (config/detect/). Immutable, shared by all threads.
class Detectors {
 public:
  /// Those that were built into the program.
  static const Detectors& BuiltIn();

  /// `words`: topics and tasks, as config/detect/topics.txt describes them; `identifiers` as
  /// config/detect/identifiers.txt. Errors: kInvalidRequest with the line.
  static Result<Detectors> Parse(std::string_view words, std::string_view identifiers);

  Detectors(Detectors&&) noexcept;
  Detectors& operator=(Detectors&&) noexcept;
  ~Detectors();

  /// One pass over all turns, linear in their bytes. Identifiers count wherever they stand; topics
  /// in what is asked and given (system and user turns, results of tools), not in what a model has
  /// answered; the kind of work is the last user turn's. A topic needs more words in a long text
  /// than in a short one, so that one word of a book does not make it one of law.
  Reading Read(std::span<const llm::Turn> turns, const llm::Needs& needs) const;

 private:
  Detectors(std::unique_ptr<const Lexicon> lexicon, std::unique_ptr<const Identifiers> identifiers);

  std::unique_ptr<const Lexicon> lexicon_;
  std::unique_ptr<const Identifiers> identifiers_;
};

/// The texts of config/detect/ when the program was built.
std::string_view BuiltInTopics();
std::string_view BuiltInTasks();
std::string_view BuiltInIdentifiers();

}  // namespace triage::detect
