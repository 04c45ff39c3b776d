#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"

namespace triage::simulate {

/// A real question with the recorded answers of real models and how they were graded.
struct RecordedQuestion {
  std::string id;
  std::string dataset;
  std::string subject;  ///< empty = none given
  std::string prompt;
  std::vector<std::pair<std::string, double>> scores;        ///< model → 0..1
  std::vector<std::pair<std::string, std::string>> answers;  ///< model → text

  std::optional<double> Score(std::string_view model) const;
  std::optional<std::string_view> Answer(std::string_view model) const;
};

/// Joins two gzipped (or plain) JSONL files by question id: answers {id, answers {model: text}} and
/// outcomes {id, dataset, prompt, scores {model: number}, subject?}. Questions without recorded
/// answer texts are left out; the order is that of the outcomes. kIo for a file that cannot be
/// read, kInvalidRequest with file and line for broken content.
Result<std::vector<RecordedQuestion>> LoadRecorded(const std::string& answers_path,
                                                   const std::string& outcomes_path);

/// Looks recorded answers up by the exact text of the question. Immutable; shared by all threads.
class RecordedAnswers {
 public:
  explicit RecordedAnswers(std::vector<RecordedQuestion> questions);
  RecordedAnswers(const RecordedAnswers&) = delete;
  RecordedAnswers& operator=(const RecordedAnswers&) = delete;

  /// Nothing when the question or that model's answer to it is unknown. A question that was
  /// recorded twice answers with its first recording.
  std::optional<std::string_view> Find(std::string_view model, std::string_view prompt) const;

  const std::vector<RecordedQuestion>& questions() const { return questions_; }

 private:
  std::vector<RecordedQuestion> questions_;
  std::unordered_map<std::string_view, std::size_t> by_prompt_;  // views into questions_
};

/// Unicode code points of UTF-8 text (Python's len()).
std::int64_t CodePoints(std::string_view text);

/// ceil(code points / 4): how tokens are counted for every cost figure made from the recorded data.
std::int64_t CountTokens(std::string_view text);

/// Byte length of the first `code_points` code points of `text`; all of it when it is shorter.
std::size_t PrefixBytes(std::string_view text, std::int64_t code_points);

}  // namespace triage::simulate
