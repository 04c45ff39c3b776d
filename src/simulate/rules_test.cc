#include "simulate/rules.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/fields.h"
#include "simulate/signature.h"

namespace triage::simulate {
namespace {

using llm::Conversation;
using llm::Dialect;
using llm::Message;
using llm::Role;
using testing::HasSubstr;

constexpr Dialect kAll[] = {Dialect::kOpenAiChat, Dialect::kOpenAiResponses, Dialect::kAnthropic,
                            Dialect::kGemini,     Dialect::kBedrock,         Dialect::kOci};

Message Saying(Role role, std::string text) {
  return {.role = role, .parts = {llm::TextPart{std::move(text)}}};
}

Message Calling(std::vector<std::string> ids, std::string signature = {}) {
  Message message{.role = Role::kAssistant, .parts = {}};
  for (std::string& id : ids) {
    message.parts.emplace_back(
        llm::ToolCallPart{.id = id, .name = "t", .arguments = "{}", .signature = signature});
  }
  return message;
}

Message Answering(const std::vector<std::string>& ids) {
  Message message{.role = Role::kTool, .parts = {}};
  for (const std::string& id : ids)
    message.parts.emplace_back(llm::ToolResultPart{.id = id, .content = {llm::TextPart{"r"}}});
  return message;
}

class Rules : public testing::Test {
 protected:
  Rules() {
    conversation_.max_output_tokens = 4000;
    conversation_.tools = {{.name = "t", .parameters = R"({"type":"object"})"}};
    conversation_.messages = {Saying(Role::kUser, "hello")};
  }

  /// The words of the refusal; empty when the API takes the request.
  std::string Check(Dialect dialect, std::string_view body = "{}") {
    EXPECT_TRUE(tree_.Parse(body));
    const auto broken = BrokenRule(conversation_, dialect, tree_.root());
    return broken ? broken->message : "";
  }

  Conversation conversation_;
  wire::JsonTree tree_;
};

constexpr std::string_view kOciBody = R"({"compartmentId":"c","servingMode":{},"chatRequest":{}})";

std::string_view BodyOf(Dialect dialect) {
  return dialect == Dialect::kOci ? kOciBody : "{}";
}

TEST_F(Rules, TakeAPlainConversationAndAWholeToolTurn) {
  for (const Dialect dialect : kAll) EXPECT_EQ(Check(dialect, BodyOf(dialect)), "");
  conversation_.messages = {Saying(Role::kSystem, "s"), Saying(Role::kUser, "x"),
                            Calling({"a", "b"}), Answering({"b", "a"}),
                            Saying(Role::kUser, "go on")};
  for (const Dialect dialect : kAll) EXPECT_EQ(Check(dialect, BodyOf(dialect)), "");
}

TEST_F(Rules, WantEachCallAnsweredAtOnce) {
  conversation_.messages = {Saying(Role::kUser, "x"), Calling({"a", "b"}), Answering({"a"})};
  EXPECT_THAT(Check(Dialect::kOpenAiChat), HasSubstr("did not have response messages: b"));
  EXPECT_THAT(Check(Dialect::kOpenAiResponses),
              HasSubstr("No tool output found for function call b"));
  EXPECT_THAT(Check(Dialect::kAnthropic),
              HasSubstr("messages.1: `tool_use` ids were found without `tool_result` blocks "
                        "immediately after: b."));
  EXPECT_THAT(Check(Dialect::kGemini), HasSubstr("equal to the number of function call parts"));
  EXPECT_THAT(
      Check(Dialect::kBedrock),
      HasSubstr("Expected toolResult blocks at messages.2.content for the following Ids: b"));
  EXPECT_NE(Check(Dialect::kOci, kOciBody), "");
  conversation_.messages = {Saying(Role::kUser, "x"), Calling({"a"}), Saying(Role::kUser, "y"),
                            Answering({"a"})};
  for (const Dialect dialect : kAll) EXPECT_NE(Check(dialect, BodyOf(dialect)), "");
}

TEST_F(Rules, WantACallForEachResult) {
  conversation_.messages = {Saying(Role::kUser, "x"), Calling({"a"}), Answering({"a", "z"})};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("unexpected `tool_use_id`"));
  EXPECT_THAT(Check(Dialect::kBedrock), HasSubstr("exceeds the number of toolUse blocks"));
  EXPECT_THAT(Check(Dialect::kOpenAiChat), HasSubstr("must be a response to a preceeding message"));
  EXPECT_THAT(Check(Dialect::kOpenAiResponses), HasSubstr("call_id z"));
}

TEST_F(Rules, WantTheRolesThatAnthropicAndBedrockWant) {
  conversation_.messages = {Saying(Role::kAssistant, "hi"), Saying(Role::kUser, "x")};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("first message must use the \"user\" role"));
  EXPECT_THAT(Check(Dialect::kBedrock), HasSubstr("must start with a user message"));
  EXPECT_EQ(Check(Dialect::kOpenAiChat), "");
  conversation_.messages = {Saying(Role::kUser, "x"), Saying(Role::kUser, "y")};
  EXPECT_THAT(Check(Dialect::kBedrock), HasSubstr("must alternate"));
  EXPECT_EQ(Check(Dialect::kAnthropic), "");
}

TEST_F(Rules, SeeASignatureThatIsNotTheirsOrComesBackChanged) {
  for (const Dialect dialect :
       {Dialect::kAnthropic, Dialect::kBedrock, Dialect::kGemini, Dialect::kOpenAiResponses}) {
    llm::ThinkingPart thinking{.text = "hm", .signature = SignatureOf(dialect, "hm")};
    const auto ask = [&] {
      conversation_.messages = {Saying(Role::kUser, "x"),
                                {.role = Role::kAssistant, .parts = {thinking, llm::TextPart{"y"}}},
                                Saying(Role::kUser, "z")};
      return Check(dialect);
    };
    EXPECT_EQ(ask(), "") << llm::Name(dialect);
    thinking.signature[5] = thinking.signature[5] == 'x' ? 'y' : 'x';
    EXPECT_NE(ask(), "") << llm::Name(dialect);
    thinking = {.text = "hmm", .signature = SignatureOf(dialect, "hm")};
    EXPECT_NE(ask(), "") << llm::Name(dialect);
  }
  conversation_.messages[1].parts[0] = llm::ThinkingPart{.text = "foreign"};
  EXPECT_EQ(Check(Dialect::kAnthropic),
            "messages.1.content.0: Invalid `signature` in `thinking` block");
}

TEST_F(Rules, WantTheThinkingOfAToolTurnBackInFront) {
  conversation_.reasoning = {.budget_tokens = 2000, .enabled = true};
  conversation_.messages = {Saying(Role::kUser, "x"), Calling({"a"}), Answering({"a"})};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("Expected `thinking`"));
  EXPECT_THAT(Check(Dialect::kBedrock), HasSubstr("Expected `thinking`"));
  EXPECT_THAT(Check(Dialect::kGemini), HasSubstr("missing a thought_signature"));
  conversation_.messages[1] = Calling({"a"}, SignatureOf(Dialect::kGemini, "t{}"));
  EXPECT_EQ(Check(Dialect::kGemini), "");
  conversation_.messages[1] = Calling({"a"}, SignatureOf(Dialect::kGemini, "t{} "));
  EXPECT_THAT(Check(Dialect::kGemini), HasSubstr("Corrupted"));
  conversation_.messages[1] = Calling({"a"}, "skip_thought_signature_validator");  // Google's own
  EXPECT_EQ(Check(Dialect::kGemini), "");
}

TEST_F(Rules, KnowWhatAnthropicDoesNotCombine) {
  conversation_.max_output_tokens.reset();
  EXPECT_EQ(Check(Dialect::kAnthropic), "max_tokens: Field required");
  conversation_.max_output_tokens = 1500;
  conversation_.temperature = 1.5;
  EXPECT_NE(Check(Dialect::kAnthropic), "");
  EXPECT_EQ(Check(Dialect::kOpenAiChat), "");
  conversation_.temperature = 0.5;
  conversation_.reasoning = {.budget_tokens = 1024, .enabled = true};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("only be set to 1"));
  conversation_.temperature.reset();
  conversation_.tool_choice = llm::ToolChoice{.kind = llm::ToolChoice::Kind::kRequired};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("forces tool use"));
  conversation_.tool_choice.reset();
  EXPECT_EQ(Check(Dialect::kAnthropic), "");
  conversation_.reasoning.budget_tokens = 1500;
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("greater than `thinking.budget_tokens`"));
  conversation_.reasoning = {};
  llm::TextPart cached{"x"};
  cached.cache = llm::CacheHint::kFiveMinutes;
  conversation_.messages[0].parts.assign(5, cached);
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("maximum of 4 blocks"));
  conversation_.messages[0].parts = {llm::TextPart{""}};
  EXPECT_THAT(Check(Dialect::kAnthropic), HasSubstr("non-empty"));
}

TEST_F(Rules, KnowWhatOpenAiDoesNotTake) {
  EXPECT_THAT(Check(Dialect::kOpenAiChat, R"({"stream_options":{}})"), HasSubstr("stream_options"));
  conversation_.choices = 2;
  EXPECT_THAT(Check(Dialect::kOpenAiChat), HasSubstr("'n'"));
  conversation_.choices.reset();
  conversation_.response_format =
      llm::ResponseFormat{.kind = llm::ResponseFormat::Kind::kJsonObject};
  EXPECT_THAT(Check(Dialect::kOpenAiChat), HasSubstr("the word 'json'"));
  conversation_.messages = {Saying(Role::kSystem, "Answer in JSON"), Saying(Role::kUser, "x")};
  EXPECT_EQ(Check(Dialect::kOpenAiChat), "");
  conversation_.response_format =
      llm::ResponseFormat{.kind = llm::ResponseFormat::Kind::kJsonSchema,
                          .name = "n",
                          .schema = R"({"type":"object"})",
                          .strict = true};
  EXPECT_THAT(Check(Dialect::kOpenAiChat), HasSubstr("Invalid schema for response_format 'n'"));
  conversation_.response_format->strict.reset();
  EXPECT_EQ(Check(Dialect::kOpenAiChat), "");
  EXPECT_THAT(Check(Dialect::kOpenAiResponses, R"({"previous_response_id":"resp_1"})"),
              HasSubstr("'resp_1' not found"));
}

TEST_F(Rules, KnowBedrocksNeedForItsTools) {
  conversation_.tools.clear();
  conversation_.messages = {Saying(Role::kUser, "x"), Calling({"a"}), Answering({"a"})};
  EXPECT_THAT(Check(Dialect::kBedrock), HasSubstr("toolConfig field must be defined"));
}

TEST_F(Rules, KnowGeminisSubsetOfSchemas) {
  EXPECT_THAT(
      Check(
          Dialect::kGemini,
          R"({"tools":[{"functionDeclarations":[{"name":"t","parameters":{"type":"object","additionalProperties":false}}]}]})"),
      HasSubstr("Unknown name \"additionalProperties\" at "
                "'tools[0].function_declarations[0].parameters'"));
  EXPECT_THAT(Check(Dialect::kGemini, R"({"generationConfig":{"responseSchema":{"$ref":"#"}}})"),
              HasSubstr("Unknown name \"$ref\""));
  EXPECT_EQ(
      Check(
          Dialect::kGemini,
          R"({"tools":[{"functionDeclarations":[{"name":"t","parametersJsonSchema":{"$ref":"#"}}]}]})"),
      "");
}

TEST_F(Rules, WantWhatAnOciRequestMustHave) {
  EXPECT_THAT(Check(Dialect::kOci, R"({"compartmentId":"c","chatRequest":{}})"),
              HasSubstr("servingMode"));
}

std::string Unknown(Dialect dialect, std::string_view body) {
  wire::JsonTree tree;
  EXPECT_TRUE(tree.Parse(body));
  const auto error = UnknownField(dialect, tree.root());
  return error ? error->message + " " + error->field : "";
}

TEST(UnknownFields, AreRefusedInTheWordsOfTheDialect) {
  EXPECT_EQ(Unknown(Dialect::kOpenAiChat, R"({"model":"m","magic":1})"),
            "Unrecognized request argument supplied: magic /magic");
  EXPECT_THAT(Unknown(Dialect::kOpenAiResponses, R"({"messages":[]})"), HasSubstr("'messages'"));
  EXPECT_THAT(Unknown(Dialect::kAnthropic, R"({"logprobs":true})"),
              HasSubstr("logprobs: Extra inputs are not permitted"));
  EXPECT_THAT(Unknown(Dialect::kGemini, R"({"generationConfig":{"max_tokens":1}})"),
              HasSubstr("Unknown name \"max_tokens\" at 'generationConfig'"));
  EXPECT_THAT(Unknown(Dialect::kBedrock, R"({"inferenceConfig":{"topK":1}})"), HasSubstr("topK"));
  EXPECT_THAT(Unknown(Dialect::kOci, R"({"chatRequest":{"apiFormat":"GENERIC","user":"u"}})"),
              HasSubstr("user"));
}

TEST(UnknownFields, AreNotThoseOfTheReference) {
  EXPECT_EQ(Unknown(Dialect::kOpenAiChat, R"({"model":"m","messages":[],"store":true})"), "");
  EXPECT_EQ(
      Unknown(Dialect::kGemini, R"({"system_instruction":{},"generation_config":{"top_p":1}})"),
      "");
  EXPECT_EQ(Unknown(Dialect::kOci, R"({"chatRequest":{"apiFormat":"COHERE","message":"x"}})"), "");
}

TEST(UnknownFields, AreNotInTheGoldenRequestsOfTheDialects) {
  constexpr std::pair<std::string_view, Dialect> kFolders[] = {
      {"openai_chat", Dialect::kOpenAiChat}, {"responses", Dialect::kOpenAiResponses},
      {"anthropic", Dialect::kAnthropic},    {"gemini", Dialect::kGemini},
      {"bedrock", Dialect::kBedrock},        {"oci", Dialect::kOci}};
  int seen = 0;
  for (const auto& [name, dialect] : kFolders) {
    const auto folder = std::filesystem::path(TRIAGE_SOURCE_DIR) / "tests/golden/wire" / name;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
      const std::string file = entry.path().filename().string();
      if (!file.starts_with("request") || !file.ends_with(".json")) continue;
      std::ifstream stream(entry.path());
      const std::string body((std::istreambuf_iterator<char>(stream)), {});
      EXPECT_EQ(Unknown(dialect, body), "") << entry.path();
      ++seen;
    }
  }
  EXPECT_GT(seen, 2);
}

TEST(RefusedFields, AreFoundWhereTheDialectHasThem) {
  const std::vector<std::string> refused = {"logprobs", "topP"};
  wire::JsonTree tree;
  ASSERT_TRUE(tree.Parse(R"({"logprobs":null,"inferenceConfig":{"topP":1}})"));
  EXPECT_EQ(RefusedField(Dialect::kOpenAiChat, tree.root(), refused), std::nullopt);
  EXPECT_EQ(RefusedField(Dialect::kBedrock, tree.root(), refused)->field, "/inferenceConfig/topP");
  ASSERT_TRUE(tree.Parse(R"({"logprobs":true})"));
  EXPECT_EQ(RefusedField(Dialect::kOpenAiChat, tree.root(), refused)->message,
            "`logprobs` is not supported with this model");
}

}  // namespace
}  // namespace triage::simulate
