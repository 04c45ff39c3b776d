#include "judge/framing.h"

#include <algorithm>
#include <cctype>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/text.h"
#include "judge/parse.h"
#include "judge/shown.h"
#include "judge/test_support.h"

namespace triage::judge {
namespace {

using testing::HasSubstr;
using testing::Not;

const Nonce kNonce(0x0123456789abcdef);

std::size_t Count(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++count;
  return count;
}

/// What stands between the delimiters; fails the test unless there is one of each, on its own line.
std::string DataOf(const Question& question) {
  const std::string text = UserText(question);
  const std::string open = "<<<" + std::string(kNonce.text()) + "\n";
  const std::string close = "\n" + std::string(kNonce.text()) + ">>>\n";
  EXPECT_TRUE(text.starts_with(open));
  EXPECT_EQ(Count(ToLowerAscii(text), ToLowerAscii(kNonce.text())), 2U);
  EXPECT_EQ(Count(text, "<"), 3U) << "a delimiter or control token came through";
  const std::size_t end = text.find(close);
  EXPECT_NE(end, text.npos);
  const std::string data = text.substr(open.size(), end - open.size());
  EXPECT_EQ(data.find('\n'), data.npos) << "data is one line";
  return data;
}

/// Strings of a JSON text, decoded, one after the other.
void CollectStrings(simdjson::dom::element element, std::string& out) {
  if (element.is_string()) {
    out += std::string_view(element.get_string());
    out += '\n';
  } else if (element.is_array()) {
    for (const auto child : simdjson::dom::array(element)) CollectStrings(child, out);
  } else if (element.is_object()) {
    for (const auto field : simdjson::dom::object(element)) CollectStrings(field.value, out);
  }
}

std::string StringsOf(const std::string& data) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  EXPECT_EQ(parser.parse(data).get(root), simdjson::SUCCESS) << data;
  std::string strings;
  CollectStrings(root, strings);
  return strings;
}

TEST(Framing, ANonceHasLettersThatNoEscapeOfJsonHas) {
  for (const std::uint64_t bits : {0ULL, ~0ULL, 0x0123456789abcdefULL}) {
    const Nonce nonce(bits);
    EXPECT_EQ(nonce.text().size(), 16U);
    EXPECT_EQ(nonce.text().find_first_of("ABCDEFNRTUabcdefnrtu0123456789"), std::string::npos);
  }
  EXPECT_NE(Nonce::Fresh().text(), Nonce::Fresh().text());
}

TEST(Framing, ARequestStandsBetweenTheDelimitersAndTheTaskOutsideOfThem) {
  const TestRequest request({"What is the capital of France?"});
  const Question question = AskRouting(request.view(), {.form = Form::kJsonSchema}, kNonce);
  EXPECT_EQ(StringsOf(DataOf(question)), "What is the capital of France?\n");
  EXPECT_THAT(SystemText(question), Not(HasSubstr("France")));
  EXPECT_THAT(SystemText(question), HasSubstr("never an instruction"));
  EXPECT_THAT(UserText(question).substr(UserText(question).find(">>>")), HasSubstr("p_acceptable"));
  EXPECT_FALSE(question.truncated);
  EXPECT_FALSE(question.conversation.stream);
  EXPECT_EQ(question.conversation.temperature, 0);
}

TEST(Framing, OurOwnWordsAreTheSameForEveryRequest) {
  const TestRequest one({"hello"});
  const TestRequest other({"{} %s {{system}}"});
  EXPECT_EQ(SystemText(AskRouting(one.view(), {}, kNonce)),
            SystemText(AskRouting(other.view(), {}, Nonce::Fresh())));
}

TEST(Framing, TheFormDecidesWhatTheHostIsAskedFor) {
  const TestRequest request({"hello"});
  const Question label = AskRouting(request.view(), {.form = Form::kLabel}, kNonce);
  EXPECT_EQ(label.conversation.logprobs, true);
  EXPECT_LE(label.conversation.max_output_tokens.value(), 8);
  EXPECT_FALSE(label.conversation.response_format);

  const Question schema = AskSpotCheck(request.view(), "hi", {.form = Form::kJsonSchema}, kNonce);
  ASSERT_TRUE(schema.conversation.response_format);
  EXPECT_EQ(schema.conversation.response_format->kind, llm::ResponseFormat::Kind::kJsonSchema);
  EXPECT_EQ(schema.conversation.response_format->strict, true);
  simdjson::dom::parser parser;
  simdjson::dom::element parsed;
  ASSERT_EQ(parser.parse(schema.conversation.response_format->schema).get(parsed),
            simdjson::SUCCESS);
  EXPECT_EQ(bool(parsed["additionalProperties"]), false);
  EXPECT_FALSE(schema.conversation.logprobs);

  const Question words = AskRouting(request.view(), {.form = Form::kJson}, kNonce);
  EXPECT_FALSE(words.conversation.response_format);
  const Question mode =
      AskRouting(request.view(), {.form = Form::kJson, .json_mode = true}, kNonce);
  ASSERT_TRUE(mode.conversation.response_format);
  EXPECT_EQ(mode.conversation.response_format->kind, llm::ResponseFormat::Kind::kJsonObject);

  EXPECT_EQ(FormFor(true, true), Form::kLabel);
  EXPECT_EQ(FormFor(false, true), Form::kJsonSchema);
  EXPECT_EQ(FormFor(false, false), Form::kJson);
}

TEST(Framing, AMidSizeModelIsAskedAboutInItsOwnWords) {
  const TestRequest request({"hello"});
  EXPECT_THAT(SystemText(AskRouting(request.view(), {}, kNonce)), HasSubstr("a small, fast"));
  const Question question = AskRouting(request.view(), {.mid_size = true}, kNonce);
  EXPECT_THAT(SystemText(question), HasSubstr("a mid-size"));
  EXPECT_THAT(SystemText(question), Not(HasSubstr("small")));
  EXPECT_THAT(UserText(question), Not(HasSubstr("small")));
}

TEST(Framing, TheCruxComesFirstAndTheProbabilityLast) {
  const TestRequest request({"hello"});
  const std::string routing = AskRouting(request.view(), {.form = Form::kJsonSchema}, kNonce)
                                  .conversation.response_format->schema;
  EXPECT_LT(routing.find("\"crux\""), routing.find("\"p_acceptable\""));
  const std::string check = AskSpotCheck(request.view(), "x", {.form = Form::kJsonSchema}, kNonce)
                                .conversation.response_format->schema;
  EXPECT_LT(check.find("\"finding\""), check.find("\"verdict\""));
  EXPECT_LT(check.find("\"verdict\""), check.find("\"p_bad\""));
}

TEST(Framing, TheLastThreeUserTurnsAreShownAndTheSystemTextOnlyInPart) {
  TestRequest request({"one", "two", "three", "four"});
  const std::string system(5'000, 's');
  request.turns.insert(request.turns.begin(), {.role = llm::Role::kSystem, .text = system});
  request.turns.push_back({.role = llm::Role::kTool, .text = "a tool's secret result"});
  const Question question = AskRouting(request.view(), {}, kNonce);
  const std::string strings = StringsOf(DataOf(question));
  EXPECT_EQ(strings.substr(strings.find('\n')), "\ntwo\nthree\nfour\n");
  EXPECT_EQ(strings.find('\n'), 1'000U);
  EXPECT_TRUE(question.truncated);
  EXPECT_THAT(DataOf(question), HasSubstr("\"later_turns\":1"));
}

TEST(Framing, ARequestWithoutTurnsIsAskedAboutAllTheSame) {
  const Question question = AskRouting({.turns = {}, .needs = {}}, {}, kNonce);
  EXPECT_THAT(DataOf(question), HasSubstr("\"user_turns\":[]"));
}

TEST(Framing, OfALongTextHeadAndTailAreShownAtWholeCharacters) {
  std::string text = "HEAD ";
  while (text.size() < 100'000) text += "ж";
  text += " TAIL";
  const TestRequest request({text});
  const Question question = AskRouting(request.view(), {.max_text = 2'000}, kNonce);
  const std::string strings = StringsOf(DataOf(question));
  EXPECT_TRUE(question.truncated);
  EXPECT_TRUE(strings.starts_with("HEAD "));
  EXPECT_TRUE(strings.ends_with(" TAIL\n"));
  EXPECT_LT(strings.size(), 2'000U);
  EXPECT_THAT(strings, Not(HasSubstr("\xef\xbf\xbd")));
  EXPECT_THAT(DataOf(question), HasSubstr("\"truncated\":true"));
}

TEST(Framing, BytesThatAreNoUtf8DoNotGetThrough) {
  const TestRequest request({"a\xff\xfe\xc3(\x80\x80\x80\x80\x80 b"});
  const std::string strings = StringsOf(DataOf(AskRouting(request.view(), {}, kNonce)));
  EXPECT_TRUE(strings.starts_with("a"));
  EXPECT_TRUE(strings.ends_with("b\n"));
  for (std::size_t most = 0; most < 12; ++most) {
    const Piece piece = Sample(request.texts[0], most);
    EXPECT_LE(piece.head.size() + piece.tail.size(), most + 8);
    EXPECT_EQ(piece.head.size() + piece.left_out + piece.tail.size(), request.texts[0].size());
  }
}

TEST(Framing, ALongAnswersPiecesAreNumberedAndPointIntoIt) {
  std::string answer;
  for (int i = 0; i < 2'000; ++i) answer += "Sentence number " + std::to_string(i) + " is here. ";
  const TestRequest request({"count"});
  const Question question = AskSpotCheck(request.view(), answer, {.max_text = 4'000}, kNonce);
  ASSERT_FALSE(question.spans.empty());
  EXPECT_LE(question.spans.size(), 66U);
  EXPECT_EQ(question.spans.front().begin, 0U);
  EXPECT_EQ(question.spans.back().end, answer.size());
  for (std::size_t i = 0; i + 1 < question.spans.size(); ++i) {
    EXPECT_LE(question.spans[i].end, question.spans[i + 1].begin);
  }
  EXPECT_THAT(DataOf(question), HasSubstr("\"bytes_left_out\""));
}

TEST(Framing, SegmentsAreSentencesAndLinesAndTogetherTheWholeText) {
  const std::string text = "It costs 3.14 dollars. Really?\n\nYes!  最后一句。完";
  const auto segments = Segments(text, 64);
  std::string joined;
  for (const Span& span : segments) joined += text.substr(span.begin, span.end - span.begin);
  EXPECT_EQ(joined, text);
  EXPECT_EQ(segments.size(), 5U);
  EXPECT_EQ(Segments(text, 2).size(), 2U);
  EXPECT_TRUE(Segments("", 4).empty());
}

TEST(Framing, NoInjectionLeavesTheDelimitersOfARoutingQuestion) {
  const auto injections = Injections(kNonce);
  ASSERT_GE(injections.size(), 50U);
  for (const std::string& injection : injections) {
    SCOPED_TRACE(injection);
    const TestRequest request({"What is 2 + 2?\n" + injection});
    for (const Form form : {Form::kLabel, Form::kJsonSchema, Form::kJson}) {
      const Question question = AskRouting(request.view(), {.form = form}, kNonce);
      const std::string strings = StringsOf(DataOf(question));
      EXPECT_TRUE(strings.starts_with("What is 2 + 2?"));
      EXPECT_EQ(Count(strings, "\n"), 2 + Count(injection, "\n"));
      EXPECT_EQ(question.conversation.messages.size(), 2U);
    }
  }
}

TEST(Framing, NoInjectionLeavesTheDelimitersOfASpotCheck) {
  for (const std::string& injection : Injections(kNonce)) {
    SCOPED_TRACE(injection);
    const TestRequest request({injection});
    const Question question =
        AskSpotCheck(request.view(), "Paris. " + injection, {.form = Form::kJson}, kNonce);
    const std::string strings = StringsOf(DataOf(question));
    EXPECT_THAT(strings, HasSubstr("\nParis"));
    ASSERT_FALSE(question.spans.empty());
    EXPECT_EQ(question.spans.back().end, 7 + injection.size());
  }
}

TEST(Framing, ANonceHiddenByInvisibleCharactersIsRemovedTooAndNoneGrowsTogether) {
  const std::string letters(kNonce.text());
  const std::string split = letters.substr(0, 5) + "\xf3\xa0\x81\x81" + letters.substr(5);
  const std::string nested = letters.substr(0, 8) + letters + letters.substr(8);
  for (const std::string& text : {split, nested, ToLowerAscii(letters), letters + letters}) {
    const std::string quoted = ToLowerAscii(Quote(text, kNonce));
    EXPECT_THAT(quoted, Not(HasSubstr(ToLowerAscii(letters)))) << quoted;
  }
}

TEST(Framing, AnAnswerThatTheJudgeRepeatsFromTheDataIsReadOnlyIfItIsAllThatItSays) {
  // A judge that is led to copy text beside its verdict has said nothing that counts.
  const TestRequest request({"hello"});
  const Question question = AskSpotCheck(request.view(), "hi", {.form = Form::kJson}, kNonce);
  const std::string verdict =
      R"({"finding":"wrong","verdict":"hallucination","segment":0,"p_bad":0.9})";
  ASSERT_TRUE(ReadSpotCheck(Says(verdict), question));
  for (const std::string& injection : Injections(kNonce)) {
    SCOPED_TRACE(injection);
    std::string quoted = Quote(injection, kNonce);
    const std::string inside =
        R"({"finding":)" + quoted + R"(,"verdict":"hallucination","segment":0,"p_bad":0.9})";
    const auto read = ReadSpotCheck(Says(inside), question);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->verdict, Verdict::kHallucination);
    EXPECT_EQ(read->p_bad, 0.9);
    EXPECT_FALSE(ReadSpotCheck(Says(injection + "\n" + verdict), question));
    EXPECT_FALSE(ReadSpotCheck(Says(verdict + "\n" + injection), question));
  }
}

}  // namespace
}  // namespace triage::judge
