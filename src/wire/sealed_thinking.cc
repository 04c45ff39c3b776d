#include "wire/sealed_thinking.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

namespace triage::wire {
namespace {

constexpr std::string_view kSeal = "triage.";

}  // namespace

std::string Sealed(llm::Dialect origin, std::string_view signature) {
  return fmt::format("{}{}.{}", kSeal, llm::Name(origin), signature);
}

void Unseal(std::string_view sealed, llm::ThinkingPart& thinking) {
  thinking.signature = sealed;
  if (!sealed.starts_with(kSeal)) return;
  const std::string_view rest = sealed.substr(kSeal.size());
  const std::size_t dot = rest.find('.');
  const auto origin = llm::ParseDialect(rest.substr(0, dot));
  if (!origin || dot == std::string_view::npos) return;
  thinking.origin = *origin;
  thinking.signature = rest.substr(dot + 1);
}

bool HoldsForeignThinking(const llm::Conversation& conversation) {
  const auto foreign = [&](const llm::Part& part) {
    const auto* thinking = std::get_if<llm::ThinkingPart>(&part);
    if (thinking == nullptr) return false;
    if (thinking->origin != conversation.origin) return true;
    return conversation.origin == llm::Dialect::kAnthropic && thinking->signature.empty();
  };
  return std::ranges::any_of(conversation.messages, [&](const llm::Message& message) {
    return std::ranges::any_of(message.parts, foreign);
  });
}

}  // namespace triage::wire
