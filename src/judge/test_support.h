#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "judge/framing.h"
#include "llm/answer.h"

namespace triage::judge {

/// A request of user turns whose texts it owns.
struct TestRequest {
  explicit TestRequest(std::vector<std::string> user_texts) : texts(std::move(user_texts)) {
    for (const std::string& text : texts) {
      turns.push_back({.role = llm::Role::kUser, .text = text});
    }
  }

  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  RequestView view() const { return {.turns = turns, .needs = {}}; }

  std::vector<std::string> texts;
  std::vector<llm::Turn> turns;
};

inline llm::Answer Says(std::string_view text) {
  llm::Answer answer;
  answer.parts.push_back(llm::TextPart{.text = std::string(text)});
  answer.finish = llm::FinishReason::kStop;
  return answer;
}

inline std::string TextOf(const llm::Message& message) {
  return std::get<llm::TextPart>(message.parts.at(0)).text;
}

inline std::string UserText(const Question& question) {
  return TextOf(question.conversation.messages.at(1));
}

inline std::string SystemText(const Question& question) {
  return TextOf(question.conversation.messages.at(0));
}

/// tests/adversarial/judge_injections.txt: one a line, "\n" standing for a line's end and "{nonce}"
/// for the letters of the question that it is put into.
inline std::vector<std::string> Injections(const Nonce& nonce) {
  std::vector<std::string> injections;
  std::ifstream file(std::string(TRIAGE_SOURCE_DIR) + "/tests/adversarial/judge_injections.txt");
  const auto replace = [](std::string& line, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = line.find(what, at)) != line.npos; at += with.size()) {
      line.replace(at, what.size(), with);
    }
  };
  for (std::string line; std::getline(file, line);) {
    replace(line, "\\n", "\n");
    replace(line, "{nonce}", nonce.text());
    injections.push_back(line);
  }
  return injections;
}

}  // namespace triage::judge
