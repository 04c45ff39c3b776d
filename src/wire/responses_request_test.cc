#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/responses_test_support.h"

namespace triage::wire {
namespace {

using llm::Conversation;
using llm::Message;
using llm::Role;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr llm::Dialect kSelf = llm::Dialect::kOpenAiResponses;

Conversation Read(std::string_view body) {
  Result<Conversation> read = OpenAiResponsesCodec().ReadRequest(body, {});
  EXPECT_TRUE(read.has_value()) << read.error().message;
  return read ? *read : Conversation{};
}

std::string Refusal(std::string_view body, const ReadLimits& limits = {}) {
  const Result<Conversation> read = OpenAiResponsesCodec().ReadRequest(body, limits);
  return read ? "accepted" : read.error().message;
}

// The body with `item` as its only item.
std::string WithItem(std::string_view item) {
  return R"({"model":"m","input":[)" + std::string(item) + "]}";
}

std::string With(std::string_view member) {
  return R"({"model":"m","input":"x",)" + std::string(member) + "}";
}

WrittenRequest Write(const Conversation& conversation, const llm::Profile& profile = {}) {
  Result<WrittenRequest> written =
      OpenAiResponsesCodec().WriteRequest(conversation, "gpt-test", profile);
  EXPECT_TRUE(written.has_value()) << written.error().message;
  return written ? *written : WrittenRequest{};
}

Message Said(Role role, std::string text) {
  Message message{.role = role, .parts = {}};
  message.parts.emplace_back(llm::TextPart{.text = std::move(text)});
  return message;
}

Conversation Hello() {
  Conversation conversation;
  conversation.origin = kSelf;
  conversation.messages.push_back(Said(Role::kUser, "Hello"));
  return conversation;
}

TEST(ResponsesRequest, IsReadInTheCanonicalForm) {
  const Conversation read = Read(ReadGolden("request_full.json"));
  EXPECT_EQ(read.model, "auto");
  EXPECT_TRUE(read.stream);
  ASSERT_THAT(read.messages, SizeIs(9));
  EXPECT_EQ(read.messages[0], Said(Role::kSystem, "You plan boat trips. Answer briefly."));
  EXPECT_TRUE(read.messages[1].developer);

  const auto& asked = read.messages[2].parts;
  ASSERT_THAT(asked, SizeIs(7));
  EXPECT_EQ(std::get<llm::ImagePart>(asked[1]).url, "https://images.example/harbour.png");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[1]).detail, "high");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[2]).data, "aGFyYm91cg==");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[2]).media_type, "image/png");
  EXPECT_EQ(std::get<llm::ImagePart>(asked[2]).detail, "");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[3]).data, "Y2hhcnQ=");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[3]).title, "chart.pdf");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[4]).url, "https://files.example/tides.pdf");
  EXPECT_EQ(std::get<llm::DocumentPart>(asked[5]).file_id, "file-7a1");
  EXPECT_EQ(std::get<llm::OpaquePart>(asked[6]).type, "input_audio");

  const auto& turn = read.messages[3].parts;
  ASSERT_THAT(turn, SizeIs(4));
  EXPECT_EQ(std::get<llm::ThinkingPart>(turn[0]).signature, "gAAAAB+/==");
  EXPECT_EQ(std::get<llm::ThinkingPart>(turn[0]).text, "Depth first.");
  EXPECT_EQ(std::get<llm::TextPart>(turn[1]).citations.at(0).url, "https://pilot.example");
  EXPECT_EQ(std::get<llm::ToolCallPart>(turn[2]).arguments, R"({"harbour": "Visby",  "at": 1.50})");
  EXPECT_EQ(std::get<llm::ToolCallPart>(turn[2]).item_id, "fc_01");
  EXPECT_EQ(std::get<llm::ToolCallPart>(turn[3]).arguments, "{}");

  EXPECT_EQ(read.messages[4].role, Role::kTool);
  const auto& results = read.messages[4].parts;
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_EQ(std::get<llm::ToolResultPart>(results[0]).name, "tide");
  EXPECT_THAT(std::get<llm::ToolResultPart>(results[1]).content, SizeIs(2));

  EXPECT_THAT(read.messages[5].parts, SizeIs(2));  // web_search_call, custom_tool_call
  EXPECT_EQ(read.messages[6].role, Role::kUser);   // custom_tool_call_output
  EXPECT_EQ(std::get<llm::RefusalPart>(read.messages[7].parts.at(0)).text,
            "I cannot promise that.");

  ASSERT_THAT(read.tools, SizeIs(4));
  EXPECT_EQ(read.tools[0].strict, true);
  EXPECT_EQ(read.tools[1].parameters, "");
  EXPECT_EQ(read.tools[2].name, "web_search");
  EXPECT_FALSE(read.tools[3].is_function());
  EXPECT_EQ(read.tool_choice, (llm::ToolChoice{llm::ToolChoice::Kind::kTool, "depth"}));
  EXPECT_EQ(read.response_format->schema,
            R"({"type": "object", "properties": {"ok": {"type": "boolean"}}})");
  EXPECT_EQ(read.verbosity, "low");
  EXPECT_EQ(read.reasoning.effort, "medium");
  EXPECT_EQ(read.max_output_tokens, 800);
  EXPECT_EQ(read.top_logprobs, 3);
  EXPECT_EQ(read.logprobs, true);
  EXPECT_EQ(read.user, "user-17");
  EXPECT_EQ(read.service_tier, "flex");
  std::vector<std::string> extra;
  for (const llm::ExtraField& field : read.extra) extra.push_back(field.name);
  EXPECT_THAT(extra, ElementsAre("include", "safety_identifier", "prompt_cache_key", "truncation"));
  EXPECT_EQ(read.extra[0].json, R"(["web_search_call.action.sources"])");
}

TEST(ResponsesRequest, KeepsEverythingOnTheWayThroughTheNeutralForm) {
  const Conversation read = Read(ReadGolden("request_full.json"));
  const WrittenRequest written = Write(read);
  EXPECT_THAT(written.warnings, IsEmpty());
  Conversation again = Read(written.body);
  EXPECT_EQ(again.model, "gpt-test");
  again.model = read.model;
  EXPECT_EQ(again, read);
  EXPECT_EQ(Write(again).body, written.body);
  // The schema's bytes are the client's.
  EXPECT_THAT(written.body, HasSubstr(R"({"type": "object", "properties": {"harbour": )"));
}

TEST(ResponsesRequest, PutsResultsBehindTheTurnThatCalledForThem) {
  const Conversation read = Read(R"({"model":"m","input":[
    {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
    {"type":"function_call","call_id":"b","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"a","output":"1"},
    {"role":"user","content":"wait"},
    {"type":"function_call_output","call_id":"b","output":"2"},
    {"type":"function_call_output","call_id":"stray","output":"3"}]})");
  ASSERT_THAT(read.messages, SizeIs(4));
  EXPECT_THAT(read.messages[0].parts, SizeIs(2));
  EXPECT_THAT(read.messages[1].parts, SizeIs(2));
  EXPECT_EQ(read.messages[2], Said(Role::kUser, "wait"));
  EXPECT_EQ(std::get<llm::ToolResultPart>(read.messages[3].parts.at(0)).id, "stray");
}

TEST(ResponsesRequest, TreatsNullAsAbsent) {
  const Conversation read = Read(R"({"model":"m","input":"x","instructions":null,"tools":null,
    "text":null,"temperature":null,"conversation":null,"user":null,"stream":null,"prompt":null})");
  Conversation expected = Hello();
  expected.model = "m";
  expected.messages = {Said(Role::kUser, "x")};
  EXPECT_EQ(read, expected);
}

TEST(ResponsesRequest, RefusesWhatIsWrongWithPointerAndRemedy) {
  EXPECT_THAT(Refusal("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(Refusal("{"), HasSubstr("not valid JSON"));
  EXPECT_EQ(Refusal(R"({"input":"x"})"), "/model: is required; name a model.");
  EXPECT_EQ(Refusal(R"({"model":"m"})"), "/input: is required; give a string or a list of items.");
  EXPECT_EQ(Refusal(R"({"model":7,"input":"x"})"), "/model: must be a string.");
  EXPECT_EQ(Refusal(R"({"model":"m","input":7})"), "/input: must be a string or a list of items.");
  EXPECT_EQ(Refusal(WithItem("7")), "/input/0: must be an item, an object.");
  EXPECT_EQ(Refusal(WithItem("{}")), "/input/0/type: is required; give a string.");
  EXPECT_EQ(Refusal(WithItem(R"({"type":7})")), "/input/0/type: must be a string.");
  EXPECT_EQ(Refusal(WithItem(R"({"role":"tool","content":"x"})")),
            "/input/0/role: must be user, assistant, system or developer.");
  EXPECT_EQ(Refusal(WithItem(R"({"role":"user"})")),
            "/input/0/content: must be a string or a list of content parts.");
  EXPECT_EQ(Refusal(WithItem(R"({"role":"user","content":[{"type":"input_text"}]})")),
            "/input/0/content/0/text: is required; give a string.");
  EXPECT_THAT(Refusal(WithItem(R"({"role":"user","content":[{"type":"input_image"}]})")),
              HasSubstr("/input/0/content/0: must have either image_url or file_id"));
  EXPECT_THAT(Refusal(WithItem(R"({"role":"user","content":[{"type":"input_file"}]})")),
              HasSubstr("must have one of file_data, file_url and file_id"));
  EXPECT_EQ(Refusal(WithItem(R"({"type":"function_call","call_id":"a","name":"f",
                                 "arguments":"{\"a\":"})")),
            "/input/0/arguments: must be the text of a JSON object.");
  EXPECT_EQ(Refusal(WithItem(R"({"type":"function_call","name":"f","arguments":"{}"})")),
            "/input/0/call_id: is required; give a string.");
  EXPECT_EQ(Refusal(WithItem(R"({"type":"function_call_output","output":"1"})")),
            "/input/0/call_id: is required; give the id of the call.");
  EXPECT_EQ(Refusal(WithItem(R"({"type":"item_reference","id":"msg_1"})")),
            "/input/0: refers to an item that is not kept here; send the item itself.");
  EXPECT_EQ(Refusal(WithItem(R"({"id":"msg_1"})")),
            "/input/0: refers to an item that is not kept here; send the item itself.");
  EXPECT_THAT(Refusal(With(R"("previous_response_id":"resp_1")")),
              HasSubstr("/previous_response_id: responses are not kept here"));
  EXPECT_THAT(Refusal(With(R"("conversation":"conv_1")")),
              HasSubstr("/conversation: conversations are not kept here"));
  EXPECT_EQ(Refusal(With(R"("temperature":3)")), "/temperature: must be a number from 0 to 2.");
  EXPECT_EQ(Refusal(With(R"("temperature":"1")")), "/temperature: must be a number from 0 to 2.");
  EXPECT_EQ(Refusal(With(R"("max_output_tokens":0.5)")),
            "/max_output_tokens: must be a whole number from 1 to 1000000000.");
  EXPECT_EQ(Refusal(With(R"("store":"no")")), "/store: must be true or false.");
  EXPECT_EQ(Refusal(With(R"("tools":[{"type":"function"}])")),
            "/tools/0/name: is required; name the function.");
  EXPECT_EQ(Refusal(With(R"("tools":[{"type":"function","name":"f","parameters":[]}])")),
            "/tools/0/parameters: must be a JSON Schema object.");
  EXPECT_EQ(Refusal(With(R"("tool_choice":"maybe")")),
            "/tool_choice: must be auto, none, required or an object.");
  EXPECT_EQ(Refusal(With(R"("text":{"format":{"type":"xml"}})")),
            "/text/format/type: must be text, json_object or json_schema.");
  EXPECT_EQ(Refusal(With(R"("text":{"format":{"type":"json_schema","name":"n"}})")),
            "/text/format/schema: is required; give a JSON Schema object.");
  EXPECT_THAT(Refusal(R"({"model":"m","model":"n","input":"x"})"), HasSubstr("given twice"));
}

TEST(ResponsesRequest, HoldsToItsLimits) {
  const std::string body =
      R"({"model":"m","input":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})";
  EXPECT_EQ(Refusal(body), "accepted");
  EXPECT_THAT(Refusal(body, {.max_body_bytes = 10}), HasSubstr("10 are allowed"));
  EXPECT_EQ(Refusal(body, {.max_messages = 1}), "/input: has more than 1 items; send fewer.");
  EXPECT_EQ(Refusal(body, {.max_parts = 1}), "/input: has more than 1 content parts; send fewer.");
  EXPECT_EQ(Refusal(body, {.max_fields = 1}), "The body has more than 1 fields; send fewer.");
  EXPECT_THAT(Refusal(body, {.max_depth = 2}), HasSubstr("not valid JSON"));
}

TEST(ResponsesRequest, AsksTheProviderToKeepNothing) {
  Conversation conversation = Hello();
  EXPECT_THAT(Write(conversation).body, HasSubstr(R"("store":false)"));
  EXPECT_THAT(Write(conversation).body, Not(HasSubstr("include")));
  conversation.reasoning.effort = "high";
  EXPECT_THAT(Write(conversation).body, HasSubstr(R"("include":["reasoning.encrypted_content"])"));
  EXPECT_THAT(Write(conversation, {.refuses = {"store", "include"}}).body, Not(HasSubstr("store")));
}

TEST(ResponsesRequest, LeavesOutWhatTheEndpointRefusesAndSaysSo) {
  Conversation conversation = Hello();
  conversation.temperature = 1.8;
  conversation.service_tier = "flex";
  conversation.extra.push_back({"truncation", R"("auto")"});
  const WrittenRequest written =
      Write(conversation, {.refuses = {"service_tier", "truncation"}, .max_temperature = 1});
  EXPECT_THAT(written.warnings,
              ElementsAre("temperature lowered to 1", "service_tier", "truncation"));
  EXPECT_EQ(written.body, R"({"model":"gpt-test","input":[{"role":"user","content":"Hello"}],)"
                          R"("temperature":1,"store":false})");
  EXPECT_EQ(Write(conversation, {.accepts = {"model", "input"}}).body,
            R"({"model":"gpt-test","input":[{"role":"user","content":"Hello"}]})");
}

TEST(ResponsesRequest, DropsWhatIsOfAnotherProviderWithAWarning) {
  Conversation conversation = Hello();
  conversation.origin = llm::Dialect::kAnthropic;
  Message turn{.role = Role::kAssistant, .parts = {}};
  turn.parts.emplace_back(
      llm::ThinkingPart{.text = "hm", .signature = "s", .origin = llm::Dialect::kAnthropic});
  turn.parts.emplace_back(
      llm::ToolCallPart{.id = "toolu_1", .name = "f", .arguments = "{}", .item_id = "fc_1"});
  turn.parts.emplace_back(
      llm::OpaquePart{.origin = llm::Dialect::kAnthropic, .type = "server_tool_use", .json = "{}"});
  conversation.messages.push_back(std::move(turn));
  Message results{.role = Role::kTool, .parts = {}};
  results.parts.emplace_back(llm::ToolResultPart{.id = "toolu_1", .is_error = true});
  conversation.messages.push_back(std::move(results));
  conversation.tools.push_back({.name = "f"});
  conversation.top_k = 4;
  conversation.stop = {"END"};
  conversation.extra.push_back({"container", "{}"});
  const WrittenRequest written = Write(conversation);
  EXPECT_THAT(written.warnings,
              ElementsAre("thinking of another provider", "server_tool_use",
                          "is_error of a tool result", "top_k", "stop", "container"));
  // Without its reasoning a call is sent without the id of its item.
  EXPECT_EQ(written.body,
            R"({"model":"gpt-test","input":[{"role":"user","content":"Hello"},)"
            R"({"type":"function_call","call_id":"toolu_1","name":"f","arguments":"{}"},)"
            R"({"type":"function_call_output","call_id":"toolu_1","output":""}],)"
            R"("tools":[{"type":"function","name":"f","parameters":null,"strict":false}],)"
            R"("store":false})");
}

TEST(ResponsesRequest, SaysNeutralWishesInItsOwnWords) {
  Conversation conversation = Hello();
  conversation.origin = llm::Dialect::kAnthropic;
  conversation.reasoning.budget_tokens = 4000;
  conversation.reasoning.enabled = true;
  conversation.reasoning.summary = "summarized";
  WrittenRequest written = Write(conversation);
  EXPECT_THAT(written.body, HasSubstr(R"("reasoning":{"effort":"medium","summary":"auto"})"));
  EXPECT_THAT(written.warnings, ElementsAre("thinking budget sent as effort medium"));

  conversation = Hello();
  conversation.messages.front().parts.emplace_back(
      llm::DocumentPart{.text = "Deep water.", .media_type = "text/plain", .title = "Pilot"});
  written = Write(conversation);
  EXPECT_THAT(written.body, HasSubstr(R"({"type":"input_text","text":"Pilot\n\nDeep water."})"));
  EXPECT_THAT(written.warnings, ElementsAre("text document sent as text"));
}

TEST(ResponsesRequest, RefusesSeveralChoices) {
  Conversation conversation = Hello();
  conversation.choices = 2;
  const auto written = OpenAiResponsesCodec().WriteRequest(conversation, "m", {});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, ErrorCode::kUnsupported);
}

TEST(ResponsesRequest, KeepsASystemTextThatStandsAloneAsAnItem) {
  Conversation conversation = Hello();
  conversation.messages = {Said(Role::kSystem, "Say hello.")};
  EXPECT_THAT(Write(conversation).body,
              HasSubstr(R"("input":[{"role":"system","content":"Say hello."}])"));
}

TEST(ResponsesRequest, WritesFieldNamesThatNeedEscapes) {
  const Conversation read = Read(With(R"("a\"b\\":1)"));
  EXPECT_THAT(Write(read).body, HasSubstr(R"("a\"b\\":1)"));
}

TEST(ResponsesRequest, KeepsContentAndItemsOfUnknownTypesApart) {
  const std::string body =
      R"({"model":"gpt-test","input":[{"role":"user","content":[{"type":"hologram","x":1}]},)"
      R"({"type":"input_future","y":2}],"store":false})";
  const Conversation read = Read(body);
  EXPECT_EQ(Write(read).body, body);
  llm::Conversation other = read;
  std::get<llm::OpaquePart>(other.messages[0].parts[0]).origin = llm::Dialect::kGemini;
  EXPECT_THAT(Write(other).warnings, ElementsAre("content part hologram"));
}

TEST(ResponsesRequest, CarriesAnotherProvidersReasoningBackToIt) {
  const Conversation read = Read(
      WithItem(R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],)"
               R"("encrypted_content":"triage.anthropic.EqQB+/=.x"})"));
  const auto& thinking = std::get<llm::ThinkingPart>(read.messages.at(0).parts.at(0));
  EXPECT_EQ(thinking.origin, llm::Dialect::kAnthropic);
  EXPECT_EQ(thinking.signature, "EqQB+/=.x");
  EXPECT_EQ(thinking.text, "hm");
  EXPECT_THAT(Write(read).warnings, ElementsAre("thinking of another provider"));
}

// Random conversations of all that the dialect can say.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Conversation Make() {
    Conversation c;
    c.origin = kSelf;
    c.model = Word();
    c.stream = Coin();
    if (Coin()) c.messages.push_back(Said(Role::kSystem, Text()));
    const std::uint64_t turns = 1 + random_.Below(4);
    for (std::uint64_t i = 0; i < turns; ++i) AddTurn(c);
    AddTools(c);
    AddFields(c);
    return c;
  }

 private:
  bool Coin() { return random_.Below(2) == 0; }

  std::string Word() {
    std::string word;
    for (std::uint64_t left = 1 + random_.Below(6); left > 0; --left)
      word += static_cast<char>('a' + random_.Below(26));
    return word;
  }

  std::string Text() {
    static constexpr std::string_view kPieces[] = {"a",  " ",    "\"",   "\\", "\n",          "ä",
                                                   "😀", "\x01", "</s>", "{",  "\xE2\x80\xA8"};
    std::string text = Word();
    for (std::uint64_t left = random_.Below(6); left > 0; --left)
      text += kPieces[random_.Below(std::size(kPieces))];
    return text;
  }

  llm::ImagePart Image() {
    llm::ImagePart image{.origin = kSelf};
    switch (random_.Below(3)) {
      case 0: image.url = "https://" + Word(); break;
      case 1:
        image.data = Word();
        image.media_type = "image/png";
        break;
      default: image.file_id = Word();
    }
    if (Coin()) image.detail = "low";
    return image;
  }

  llm::DocumentPart Document() {
    llm::DocumentPart document{.origin = kSelf};
    switch (random_.Below(3)) {
      case 0: document.url = "https://" + Word(); break;
      case 1:
        document.data = Word();
        document.media_type = "application/pdf";
        document.title = Text();
        break;
      default: document.file_id = Word();
    }
    return document;
  }

  llm::TextPart Cited() {
    llm::TextPart text{.text = Text()};
    if (Coin()) {
      llm::Citation citation;
      citation.title = Word();
      citation.url = "https://" + Word();
      citation.begin = static_cast<std::int64_t>(random_.Below(5));
      citation.end = citation.begin + 1;
      citation.raw = R"({"type": "url_citation", "title":")" + citation.title + R"(","url":")" +
                     citation.url + R"(","start_index":)" + std::to_string(citation.begin) +
                     R"(,"end_index":)" + std::to_string(citation.end) + "}";
      citation.origin = kSelf;
      text.citations.push_back(citation);
    }
    return text;
  }

  void AddTurn(Conversation& c) {
    Message user{.role = Coin() ? Role::kUser : Role::kSystem, .parts = {}};
    user.developer = user.role == Role::kSystem;
    const std::uint64_t parts = 1 + random_.Below(3);
    for (std::uint64_t i = 0; i < parts; ++i) {
      switch (random_.Below(4)) {
        case 0: user.parts.emplace_back(Image()); break;
        case 1: user.parts.emplace_back(Document()); break;
        case 2:
          user.parts.emplace_back(llm::OpaquePart{
              .origin = kSelf, .type = "input_audio", .json = R"({"type":"input_audio"})"});
          break;
        default: user.parts.emplace_back(llm::TextPart{.text = Text()});
      }
    }
    c.messages.push_back(std::move(user));
    if (Coin()) AddAnswer(c);
  }

  void AddAnswer(Conversation& c) {
    Message answer{.role = Role::kAssistant, .parts = {}};
    if (Coin()) {
      llm::ThinkingPart thinking{
          .text = Coin() ? Text() : "", .signature = Word(), .id = Word(), .origin = kSelf};
      thinking.redacted = thinking.text.empty();
      answer.parts.emplace_back(std::move(thinking));
    }
    const std::uint64_t texts = random_.Below(3);
    for (std::uint64_t i = 0; i < texts; ++i) answer.parts.emplace_back(Cited());
    if (Coin()) answer.parts.emplace_back(llm::RefusalPart{.text = Text()});
    if (Coin()) {
      answer.parts.emplace_back(llm::OpaquePart{
          .origin = kSelf, .type = "web_search_call", .json = R"({"type":"web_search_call"})"});
    }
    Message results{.role = Role::kTool, .parts = {}};
    const std::uint64_t calls = random_.Below(3);
    for (std::uint64_t i = 0; i < calls; ++i) {
      llm::ToolCallPart call{.id = Word() + std::to_string(c.messages.size() * 10 + i),
                             .name = Word(),
                             .arguments = R"({"q" : ")" + Word() + "\"}",
                             .item_id = Coin() ? Word() : "",
                             .origin = kSelf};
      llm::ToolResultPart result{.id = call.id, .name = call.name};
      if (Coin()) result.content.emplace_back(llm::TextPart{.text = Text()});
      if (Coin()) result.content.emplace_back(Image());
      results.parts.emplace_back(std::move(result));
      answer.parts.emplace_back(std::move(call));
    }
    if (answer.parts.empty()) return;
    c.messages.push_back(std::move(answer));
    if (!results.parts.empty()) c.messages.push_back(std::move(results));
  }

  void AddTools(Conversation& c) {
    if (Coin()) {
      llm::Tool tool{.name = Word(),
                     .description = Coin() ? Text() : "",
                     .parameters = Coin() ? R"({"type":  "object"})" : "",
                     .origin = kSelf};
      if (Coin()) tool.strict = Coin();
      c.tools.push_back(std::move(tool));
    }
    if (Coin()) {
      c.tools.push_back(
          {.name = "web_search", .json = R"({"type": "web_search"})", .origin = kSelf});
    }
    using Kind = llm::ToolChoice::Kind;
    if (Coin()) c.tool_choice = {.kind = static_cast<Kind>(random_.Below(3)), .name = {}};
    if (Coin()) c.tool_choice = {.kind = Kind::kTool, .name = Word()};
    if (Coin()) c.parallel_tool_calls = Coin();
  }

  void AddFields(Conversation& c) {
    using Kind = llm::ResponseFormat::Kind;
    if (Coin()) {
      c.response_format = {.kind = static_cast<Kind>(random_.Below(3))};
      if (c.response_format->kind == Kind::kJsonSchema) {
        c.response_format->name = Word();
        c.response_format->schema = R"({ "type":"object" })";
        if (Coin()) c.response_format->strict = Coin();
      }
    }
    if (Coin()) c.verbosity = "low";
    if (Coin()) c.reasoning = {.effort = "high", .summary = Coin() ? "auto" : ""};
    if (Coin()) c.max_output_tokens = static_cast<std::int64_t>(1 + random_.Below(9999));
    if (Coin()) c.temperature = static_cast<double>(random_.Below(21)) / 10;
    if (Coin()) c.top_p = random_.Uniform();
    if (Coin()) c.top_logprobs = static_cast<std::int64_t>(random_.Below(21));
    if (Coin()) c.logprobs = true;
    if (Coin()) c.user = Text();
    if (Coin()) c.service_tier = Word();
    if (Coin()) c.metadata = R"({"k" : "v"})";
    if (Coin()) c.extra.push_back({"truncation", R"("auto")"});
    if (Coin()) c.extra.push_back({"include", R"(["web_search_call.results"])"});
    if (Coin()) c.extra.push_back({"x " + Text(), R"({"a":[1, 2]})"});
  }

  Random random_;
};

TEST(ResponsesRequest, IsTheIdentityOnAllThatTheDialectCanSay) {
  Generator generator(14);
  for (int round = 0; round < 500; ++round) {
    const Conversation made = generator.Make();
    const WrittenRequest written = Write(made);
    EXPECT_THAT(written.warnings, IsEmpty());
    const Result<Conversation> read = OpenAiResponsesCodec().ReadRequest(written.body, {});
    ASSERT_TRUE(read.has_value()) << read.error().message << written.body;
    Conversation expected = made;
    expected.model = "gpt-test";
    ASSERT_EQ(*read, expected) << written.body;
  }
}

}  // namespace
}  // namespace triage::wire
