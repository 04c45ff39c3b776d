#include "simulate/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "base/random.h"
#include "simulate/latency.h"
#include "simulate/recorded.h"
#include "simulate/schema_instance.h"
#include "simulate/signature.h"

namespace triage::simulate {

namespace {

using llm::Conversation;
using llm::Dialect;
using llm::FinishReason;
using llm::Message;
using llm::Part;
using llm::ResponseFormat;
using llm::Role;
using llm::ToolChoice;

constexpr std::int64_t kTokensOfImage = 85;
constexpr std::int64_t kCodePointsOfToken = 4;

/// Everything countable of a conversation.
struct Contents {
  std::int64_t code_points = 0;
  int images = 0;
  int documents = 0;
};

void Count(const llm::ToolResultContent& content, Contents& all) {
  if (const auto* text = std::get_if<llm::TextPart>(&content)) {
    all.code_points += CodePoints(text->text);
  } else if (std::holds_alternative<llm::ImagePart>(content)) {
    ++all.images;
  } else {
    ++all.documents;
  }
}

Contents ContentsOf(const Conversation& conversation) {
  Contents all;
  for (const Message& message : conversation.messages) {
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<llm::TextPart>(&part)) {
        all.code_points += CodePoints(text->text);
      } else if (std::holds_alternative<llm::ImagePart>(part)) {
        ++all.images;
      } else if (const auto* document = std::get_if<llm::DocumentPart>(&part)) {
        ++all.documents;
        all.code_points += CodePoints(document->text);
      } else if (const auto* call = std::get_if<llm::ToolCallPart>(&part)) {
        all.code_points += CodePoints(call->name) + CodePoints(call->arguments);
      } else if (const auto* result = std::get_if<llm::ToolResultPart>(&part)) {
        for (const auto& each : result->content) Count(each, all);
      }
    }
  }
  for (const llm::Tool& tool : conversation.tools) {
    all.code_points += CodePoints(tool.name) + CodePoints(tool.description) +
                       CodePoints(tool.parameters) + CodePoints(tool.json);
  }
  return all;
}

std::string ResultsText(const Message& message) {
  std::string text;
  for (const Part& part : message.parts) {
    const auto* result = std::get_if<llm::ToolResultPart>(&part);
    if (result == nullptr) continue;
    if (!text.empty()) text += "; ";
    if (result->is_error) text += "error ";
    for (const auto& each : result->content) {
      if (const auto* plain = std::get_if<llm::TextPart>(&each)) text += plain->text;
    }
  }
  return text;
}

/// Whether the dialect gives thinking a signature that must come back. The Responses API hands its
/// encrypted reasoning out only to who asks for it.
bool Signs(const ScriptContext& context) {
  switch (context.dialect) {
    case Dialect::kAnthropic:
    case Dialect::kGemini:
    case Dialect::kBedrock: return true;
    case Dialect::kOpenAiResponses: return context.encrypted_reasoning;
    case Dialect::kOpenAiChat:
    case Dialect::kOci: return false;
  }
  return false;
}

std::string_view CallPrefix(Dialect dialect) {
  if (dialect == Dialect::kAnthropic) return "toolu_01";
  if (dialect == Dialect::kBedrock) return "tooluse_";
  return "call_";
}

std::string_view AnswerPrefix(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat: return "chatcmpl-";
    case Dialect::kOpenAiResponses: return "resp_";
    case Dialect::kAnthropic: return "msg_01";
    case Dialect::kGemini:
    case Dialect::kBedrock:
    case Dialect::kOci: return "";
  }
  return "";
}

std::string CutAt(std::string text, std::size_t code_points) {
  text.resize(PrefixBytes(text, static_cast<std::int64_t>(code_points)));
  return text;
}

class Script {
 public:
  Script(const Conversation& conversation, const ScriptContext& context)
      : conversation_(conversation), context_(context), asked_(LastUserText(conversation)) {}

  llm::Answer Answer() {
    answer_.id = Id(AnswerPrefix(context_.dialect), 29);
    answer_.model = context_.model;
    answer_.created = context_.created;
    answer_.finish = FinishReason::kStop;
    if (ThinkingAsked(conversation_, context_.dialect)) AddThinking();
    if (Asks("please refuse")) {
      answer_.parts.emplace_back(llm::RefusalPart{"I cannot help with that."});
      answer_.finish = FinishReason::kRefusal;
    } else if (const auto tools = ToolsToCall(); !tools.empty()) {
      for (const llm::Tool* tool : tools) AddCall(*tool);
      answer_.finish = FinishReason::kToolCalls;
    } else {
      AddText(Text());
    }
    Limit();
    AddLogprobs();
    CountUsage();
    return std::move(answer_);
  }

 private:
  std::string Id(std::string_view prefix, std::size_t length) {
    return MadeId(prefix, length, context_.seed + ids_++, context_.number);
  }

  bool Asks(std::string_view words) const { return asked_.find(words) != std::string::npos; }

  bool AfterResults() const {
    return !conversation_.messages.empty() && conversation_.messages.back().role == Role::kTool;
  }

  void AddThinking() {
    const bool secret = Asks("please think in secret");
    llm::ThinkingPart thinking;
    thinking.origin = context_.dialect;
    if (!secret) thinking.text = "Simulated thinking about: " + CutAt(asked_, 40);
    if (context_.dialect == Dialect::kOpenAiResponses) {
      thinking.id = Id("rs_", 48);
      if (conversation_.reasoning.summary.empty()) thinking.text.clear();  // shown only when asked
      hidden_reasoning_ = CountTokens("Simulated thinking about: " + CutAt(asked_, 40));
    }
    if (Signs(context_)) thinking.signature = SignatureOf(context_.dialect, thinking.text);
    thinking.redacted = secret && !thinking.signature.empty();
    answer_.parts.emplace_back(std::move(thinking));
  }

  std::vector<const llm::Tool*> ToolsToCall() const {
    std::vector<const llm::Tool*> tools;
    const auto& choice = conversation_.tool_choice;
    if (AfterResults() || (choice && choice->kind == ToolChoice::Kind::kNone)) return tools;
    const bool one = choice && choice->kind == ToolChoice::Kind::kTool;
    const bool both =
        Asks("both tools") && !one && conversation_.parallel_tool_calls.value_or(true);
    for (const llm::Tool& tool : conversation_.tools) {
      if (!tool.is_function() || (one && tool.name != choice->name)) continue;
      tools.push_back(&tool);
      if (tools.size() == (both ? 2U : 1U)) break;
    }
    return tools;
  }

  void AddCall(const llm::Tool& tool) {
    llm::ToolCallPart call;
    call.id = Id(CallPrefix(context_.dialect), 22);
    call.name = tool.name;
    call.arguments = tool.parameters.empty() ? "{}" : MinimalInstance(tool.parameters);
    call.origin = context_.dialect;
    if (context_.dialect == Dialect::kOpenAiResponses) call.item_id = Id("fc_", 48);
    // Gemini signs the first call of a step, not the thinking before it.
    const bool first =
        answer_.parts.empty() || !std::holds_alternative<llm::ToolCallPart>(answer_.parts.back());
    if (context_.dialect == Dialect::kGemini && first &&
        ThinkingAsked(conversation_, context_.dialect)) {
      call.signature = SignatureOf(Dialect::kGemini, call.name + call.arguments);
      if (auto* thinking = answer_.parts.empty()
                               ? nullptr
                               : std::get_if<llm::ThinkingPart>(&answer_.parts.back()))
        thinking->signature.clear();
    }
    answer_.parts.emplace_back(std::move(call));
  }

  std::string Text() const {
    const auto format = conversation_.response_format ? conversation_.response_format->kind
                                                      : ResponseFormat::Kind::kText;
    if (format == ResponseFormat::Kind::kJsonSchema)
      return MinimalInstance(conversation_.response_format->schema);
    if (format == ResponseFormat::Kind::kJsonObject) return R"({"ok":true})";
    if (AfterResults()) {
      return "The tools answered: " + ResultsText(conversation_.messages.back()) + Seen(" ");
    }
    static constexpr std::string_view kSay = "please say: ";
    if (const auto at = asked_.find(kSay); at != std::string::npos)
      return asked_.substr(at + kSay.size());
    if (std::string seen = Seen(""); !seen.empty()) return seen;
    return context_.recorded ? std::string(*context_.recorded)
                             : SyntheticAnswer(context_.model, asked_, context_.seed);
  }

  std::string Seen(std::string_view before) const {
    const Contents all = ContentsOf(conversation_);
    std::string text;
    if (all.images > 0) text = fmt::format("{}I saw {} image(s).", before, all.images);
    if (all.documents > 0) {
      text += fmt::format("{}I read {} document(s).", text.empty() ? before : std::string_view(" "),
                          all.documents);
    }
    return text;
  }

  void AddText(std::string text) {
    std::size_t end = std::string::npos;
    for (const std::string& stop : conversation_.stop) {
      const auto at = stop.empty() ? std::string::npos : text.find(stop);
      if (at < end) {
        end = at;
        answer_.stop_sequence = stop;
      }
    }
    if (end != std::string::npos) text.resize(end);
    answer_.parts.emplace_back(llm::TextPart{.text = std::move(text)});
  }

  /// Cuts the answer where the limit of output tokens is reached; half a tool call is none.
  void Limit() {
    if (!conversation_.max_output_tokens) return;
    std::int64_t left = *conversation_.max_output_tokens - hidden_reasoning_;
    for (std::size_t i = 0; i < answer_.parts.size(); ++i) {
      Part& part = answer_.parts[i];
      std::string* text = nullptr;
      std::int64_t tokens = 0;
      if (auto* plain = std::get_if<llm::TextPart>(&part)) text = &plain->text;
      if (auto* thinking = std::get_if<llm::ThinkingPart>(&part)) text = &thinking->text;
      if (auto* refusal = std::get_if<llm::RefusalPart>(&part)) text = &refusal->text;
      if (const auto* call = std::get_if<llm::ToolCallPart>(&part))
        tokens = CountTokens(call->arguments);
      if (text != nullptr) tokens = CountTokens(*text);
      if (tokens <= left) {
        left -= tokens;
        continue;
      }
      if (text != nullptr)
        text->resize(PrefixBytes(*text, std::max<std::int64_t>(left, 0) * kCodePointsOfToken));
      if (auto* thinking = std::get_if<llm::ThinkingPart>(&part);
          thinking != nullptr && !thinking->signature.empty())
        thinking->signature = SignatureOf(context_.dialect, thinking->text);
      const auto from = text == nullptr || text->empty() ? i : i + 1;
      answer_.parts.resize(from);
      answer_.finish = FinishReason::kLength;
      answer_.stop_sequence.clear();
      return;
    }
  }

  void AddLogprobs() {
    if (!llm::NeedsOf(conversation_).logprobs) return;
    const std::string all = llm::TextOf(answer_);
    const std::int64_t alternatives = conversation_.top_logprobs.value_or(0);
    for (std::string_view left = all; !left.empty();) {
      const std::size_t size = PrefixBytes(left, kCodePointsOfToken);
      answer_.logprobs.push_back(TokenLogprob(left.substr(0, size), alternatives));
      left.remove_prefix(size);
    }
  }

  static llm::TokenLogprob TokenLogprob(std::string_view text, std::int64_t alternatives) {
    const auto token = [](std::string chars, double logprob) {
      llm::TokenLogprob made{.token = chars, .logprob = logprob};
      made.bytes.assign(chars.begin(), chars.end());
      return made;
    };
    llm::TokenLogprob chosen = token(std::string(text), -0.125);
    for (std::int64_t i = 0; i < alternatives; ++i) {
      chosen.top.push_back(i == 0 ? token(std::string(text), -0.125)
                                  : token(fmt::format("~{}", i), -2.5 - static_cast<double>(i)));
    }
    return chosen;
  }

  void CountUsage() {
    llm::Usage usage;
    usage.fresh_input = PromptTokens(conversation_);
    usage.reasoning = hidden_reasoning_;
    for (const Part& part : answer_.parts) {
      if (const auto* text = std::get_if<llm::TextPart>(&part))
        usage.output += CountTokens(text->text);
      if (const auto* refusal = std::get_if<llm::RefusalPart>(&part))
        usage.output += CountTokens(refusal->text);
      if (const auto* call = std::get_if<llm::ToolCallPart>(&part))
        usage.output += CountTokens(call->arguments);
      if (const auto* thinking = std::get_if<llm::ThinkingPart>(&part);
          thinking != nullptr && hidden_reasoning_ == 0)
        usage.reasoning += CountTokens(thinking->text);
    }
    answer_.usage = usage;
  }

  const Conversation& conversation_;
  const ScriptContext& context_;
  const std::string asked_;
  llm::Answer answer_;
  std::int64_t hidden_reasoning_ = 0;  ///< tokens of thinking that is not shown
  std::uint64_t ids_ = 0;
};

}  // namespace

llm::Answer ScriptedAnswer(const Conversation& conversation, const ScriptContext& context) {
  return Script(conversation, context).Answer();
}

std::optional<Fault> AskedFault(const Conversation& conversation) {
  const std::string asked = LastUserText(conversation);
  Fault fault;
  static constexpr std::string_view kFail = "please fail with ";
  if (const auto at = asked.find(kFail); at != std::string::npos) {
    const std::string_view code = std::string_view(asked).substr(at + kFail.size()).substr(0, 3);
    int status = 0;
    std::from_chars(code.data(), code.data() + code.size(), status);
    if (status >= 400 && status <= 599) {
      fault.kind = FaultKind::kStatus;
      fault.status = status;
      if (status == 429) fault.retry_after_seconds = 1;
      return fault;
    }
  }
  if (asked.find("please break the stream") != std::string::npos) {
    fault.kind = FaultKind::kCut;
    fault.chunks = 2;
    return fault;
  }
  if (asked.find("please send an error event") != std::string::npos) {
    fault.kind = FaultKind::kErrorEvent;
    fault.chunks = 2;
    return fault;
  }
  if (asked.find("please be slow") != std::string::npos) {
    fault.kind = FaultKind::kSlowHeaders;
    fault.delay = std::chrono::seconds(15);
    return fault;
  }
  return std::nullopt;
}

std::string LastUserText(const Conversation& conversation) {
  std::string text;
  for (auto message = conversation.messages.rbegin(); message != conversation.messages.rend();
       ++message) {
    if (message->role != Role::kUser) continue;
    for (const Part& part : message->parts) {
      if (const auto* plain = std::get_if<llm::TextPart>(&part)) text += plain->text;
    }
    return text;
  }
  return text;
}

bool ThinkingAsked(const Conversation& conversation, Dialect dialect) {
  const llm::Reasoning& wish = conversation.reasoning;
  if (dialect == Dialect::kAnthropic || dialect == Dialect::kBedrock)
    return wish.enabled.value_or(wish.adaptive || wish.budget_tokens.value_or(0) > 0);
  return !wish.empty() && wish.enabled.value_or(true) && wish.effort != "none" &&
         wish.budget_tokens.value_or(1) != 0;
}

std::int64_t PromptTokens(const Conversation& conversation) {
  const Contents all = ContentsOf(conversation);
  return (all.code_points + kCodePointsOfToken - 1) / kCodePointsOfToken +
         kTokensOfImage * all.images;
}

std::string MadeId(std::string_view prefix, std::size_t length, std::uint64_t seed,
                   std::uint64_t number) {
  static constexpr std::string_view kAlphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  Random random(StableHash(seed, prefix, std::to_string(number)));
  std::string text(prefix);
  for (std::size_t i = 0; i < length; ++i) text += kAlphabet[random.Below(kAlphabet.size())];
  return text;
}

std::string SyntheticAnswer(std::string_view model, std::string_view prompt, std::uint64_t seed) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "alpha", "bravo",   "charlie", "delta", "echo", "foxtrot",  "golf",  "hotel",
      "india", "juliett", "kilo",    "lima",  "mike", "november", "oscar", "papa"};
  Random random(StableHash(seed + 0x5eed, model, prompt));
  std::string text =
      "Simulated answer of " + std::string(model) + " (nothing is recorded for this question):";
  const std::uint64_t words = 20 + random.Below(101);
  for (std::uint64_t i = 0; i < words; ++i) {
    text += ' ';
    text += kWords[random.Below(kWords.size())];
  }
  return text + ".";
}

}  // namespace triage::simulate
