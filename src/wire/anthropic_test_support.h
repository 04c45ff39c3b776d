#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "wire/anthropic.h"
#include "wire/golden_test_support.h"
#include "wire/stream_test_support.h"

namespace triage::wire::anthropic {

inline std::string ReadGolden(const std::string& name) {
  return GoldenBytes("anthropic/" + name);
}

inline llm::Conversation Read(std::string_view body) {
  Result<llm::Conversation> read = ReadRequest(body, {}, true);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
  return read.value_or(llm::Conversation{});
}

/// A request with more members and these messages.
inline std::string Body(std::string_view messages, std::string_view members = "") {
  std::string body = R"({"model":"m","max_tokens":9,)" + std::string(members);
  return body + (members.empty() ? "" : ",") + R"("messages":[)" + std::string(messages) + "]}";
}

inline std::string With(std::string_view members) {
  return Body(R"({"role":"user","content":"x"})", members);
}

}  // namespace triage::wire::anthropic
