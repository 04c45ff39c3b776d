#include "simulate/recorded.h"

#include <functional>

#include <nlohmann/json.hpp>
#include <zlib.h>

namespace triage::simulate {

namespace {

using nlohmann::json;

struct CloseGzip {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

Error Broken(const std::string& path, std::int64_t line, std::string_view what) {
  return Error{ErrorCode::kInvalidRequest,
               path + ":" + std::to_string(line) + ": " + std::string(what)};
}

/// Gives each line of a gzipped or plain text file to `take`, which says what is wrong with it
/// (empty = nothing).
Result<void> ForEachJsonLine(const std::string& path,
                             const std::function<std::string(const json&)>& take) {
  const std::unique_ptr<gzFile_s, CloseGzip> file(gzopen(path.c_str(), "rb"));
  if (!file) return Error{ErrorCode::kIo, "cannot read " + path};
  gzbuffer(file.get(), 256 * 1024);
  std::string line;
  std::string block(64 * 1024, '\0');
  std::int64_t number = 1;
  while (gzgets(file.get(), block.data(), static_cast<int>(block.size())) != nullptr) {
    line += block.c_str();
    if (line.empty() || (line.back() != '\n' && gzeof(file.get()) == 0)) continue;
    const json value = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object()) return Broken(path, number, "not a JSON object");
    if (const std::string problem = take(value); !problem.empty()) {
      return Broken(path, number, problem);
    }
    line.clear();
    ++number;
  }
  int status = Z_OK;
  gzerror(file.get(), &status);
  if (status != Z_OK && status != Z_STREAM_END) {
    return Error{ErrorCode::kIo, path + " is a broken or truncated gzip file"};
  }
  return {};
}

std::string TextField(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

std::optional<double> RecordedQuestion::Score(std::string_view model) const {
  for (const auto& [name, score] : scores) {
    if (name == model) return score;
  }
  return std::nullopt;
}

std::optional<std::string_view> RecordedQuestion::Answer(std::string_view model) const {
  for (const auto& [name, text] : answers) {
    if (name == model) return text;
  }
  return std::nullopt;
}

Result<std::vector<RecordedQuestion>> LoadRecorded(const std::string& answers_path,
                                                   const std::string& outcomes_path) {
  using Answers = std::vector<std::pair<std::string, std::string>>;
  std::unordered_map<std::string, Answers> answers;
  auto read = ForEachJsonLine(answers_path, [&](const json& line) -> std::string {
    const std::string id = TextField(line, "id");
    const auto texts = line.find("answers");
    if (id.empty() || texts == line.end() || !texts->is_object()) return "needs id and answers {}";
    for (const auto& [model, text] : texts->items()) {
      if (!text.is_string()) return "the answer of " + model + " is no text";
      answers[id].emplace_back(model, text.get<std::string>());
    }
    return {};
  });
  if (!read) return std::move(read).error();

  std::vector<RecordedQuestion> questions;
  read = ForEachJsonLine(outcomes_path, [&](const json& line) -> std::string {
    RecordedQuestion question{.id = TextField(line, "id"),
                              .dataset = TextField(line, "dataset"),
                              .subject = TextField(line, "subject"),
                              .prompt = TextField(line, "prompt"),
                              .scores = {},
                              .answers = {}};
    const auto scores = line.find("scores");
    if (question.id.empty() || question.prompt.empty() || scores == line.end() ||
        !scores->is_object()) {
      return "needs id, prompt and scores {}";
    }
    const auto known = answers.find(question.id);
    if (known == answers.end()) return {};
    for (const auto& [model, score] : scores->items()) {
      if (!score.is_number()) return "the score of " + model + " is no number";
      question.scores.emplace_back(model, score.get<double>());
    }
    question.answers = std::move(known->second);
    answers.erase(known);
    questions.push_back(std::move(question));
    return {};
  });
  if (!read) return std::move(read).error();
  return questions;
}

RecordedAnswers::RecordedAnswers(std::vector<RecordedQuestion> questions)
    : questions_(std::move(questions)) {
  by_prompt_.reserve(questions_.size());
  for (std::size_t i = 0; i < questions_.size(); ++i) by_prompt_.emplace(questions_[i].prompt, i);
}

std::optional<std::string_view> RecordedAnswers::Find(std::string_view model,
                                                      std::string_view prompt) const {
  const auto found = by_prompt_.find(prompt);
  if (found == by_prompt_.end()) return std::nullopt;
  return questions_[found->second].Answer(model);
}

std::int64_t CodePoints(std::string_view text) {
  std::int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::int64_t CountTokens(std::string_view text) {
  return (CodePoints(text) + 3) / 4;
}

std::size_t PrefixBytes(std::string_view text, std::int64_t code_points) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && code_points-- == 0) break;
  }
  return at;
}

}  // namespace triage::simulate
