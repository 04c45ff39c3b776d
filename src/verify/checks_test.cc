#include "verify/checks.h"

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/language.h"

namespace triage::verify {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Checks& BuiltIns() {
  static const Checks checks = *Checks::Make({});
  return checks;
}

std::vector<Verdict> Judge(std::string_view name, std::string_view question, const Given& given,
                           Asked asked = {}) {
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, question}};
  if (asked.turns.empty()) asked.turns = turns;
  const std::vector<std::string> names = {std::string(name)};
  return BuiltIns().Run(names, asked, given);
}

/// Of one check alone; pass when it does not apply.
Outcome Of(std::string_view name, std::string_view question, std::string_view answer) {
  const std::vector<Verdict> verdicts = Judge(name, question, {.text = answer});
  EXPECT_LE(verdicts.size(), 1U);
  for (const Verdict& verdict : verdicts) {
    EXPECT_EQ(verdict.check, name);
    EXPECT_EQ(verdict.reason.empty(), verdict.outcome == Outcome::kPass);
    EXPECT_EQ(verdict.p_bad == 0, verdict.outcome == Outcome::kPass);
  }
  return Overall(verdicts);
}

std::string Long(std::string_view text, std::size_t size = 1500) {
  std::string out(text);
  for (int i = 0; out.size() < size; ++i) {
    out += " Step " + std::to_string(i) + " follows from the one before it, with " +
           std::to_string(i * i) + " in place of x.";
  }
  return out;
}

TEST(Checks, NamesBeginWithTheBundleAndEndWithPatterns) {
  const std::vector<PatternOption> patterns = {{.name = "ticket", .pattern = "T-[0-9]+"}};
  const Checks checks = *Checks::Make(patterns);
  EXPECT_THAT(checks.Names(),
              ElementsAre("basic", "finish", "empty", "refusal", "dont_know", "placeholder", "loop",
                          "language", "fences", "leak", "json", "json_schema", "tool_arguments",
                          "grounding", "ticket"));
  EXPECT_TRUE(checks.Knows("ticket"));
  EXPECT_FALSE(checks.Knows("tickets"));
}

TEST(Checks, PatternsMustMatchOrMustNot) {
  const std::vector<PatternOption> patterns = {
      {.name = "ticket", .pattern = "T-[0-9]+"},
      {.name = "no_price", .pattern = "[€$] ?[0-9]", .must_match = false}};
  const Checks checks = *Checks::Make(patterns);
  const std::vector<std::string> names = {"ticket", "no_price"};
  EXPECT_EQ(Overall(checks.Run(names, {}, {.text = "See T-12."})), Outcome::kPass);
  EXPECT_EQ(Overall(checks.Run(names, {}, {.text = "See above."})), Outcome::kFail);
  EXPECT_EQ(Overall(checks.Run(names, {}, {.text = "T-12 costs $5."})), Outcome::kFail);
  // What is still to come may match.
  EXPECT_EQ(Overall(checks.RunPartial(names, {}, "See")), Outcome::kPass);
  EXPECT_EQ(Overall(checks.RunPartial(names, {}, "It costs $5")), Outcome::kFail);
}

TEST(Checks, BadPatternsAndNamesAreRefusedByName) {
  for (const PatternOption& wrong :
       {PatternOption{.name = "p", .pattern = "("}, PatternOption{.name = "empty", .pattern = "a"},
        PatternOption{.name = "basic", .pattern = "a"}, PatternOption{.name = "", .pattern = "a"},
        PatternOption{.name = "a b", .pattern = "a"}}) {
    const Result<Checks> made = Checks::Make({&wrong, 1});
    ASSERT_FALSE(made.has_value()) << wrong.name;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(made.error().field, wrong.name);
  }
}

TEST(Checks, BasicRunsEachCheckThatAppliesOnce) {
  const std::vector<std::string> names = {"basic", "refusal", "nonsense"};
  std::vector<std::string> ran;
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, "What is the capital of France?"}};
  for (const Verdict& verdict :
       BuiltIns().Run(names, {.turns = turns}, {.text = "The capital of France is Paris."})) {
    ran.push_back(verdict.check);
    EXPECT_EQ(verdict.outcome, Outcome::kPass);
  }
  EXPECT_THAT(ran, ElementsAre("finish", "empty", "refusal", "dont_know", "placeholder"));
}

TEST(FinishCheck, TellsOwnLimitsFromTheClients) {
  const auto of = [](llm::FinishReason finish, std::int64_t limit) {
    return Overall(
        Judge("finish", "q", {.text = "a", .finish = finish}, {.max_output_tokens = limit}));
  };
  EXPECT_EQ(of(llm::FinishReason::kStop, 0), Outcome::kPass);
  EXPECT_EQ(of(llm::FinishReason::kLength, 0), Outcome::kFail);
  EXPECT_EQ(of(llm::FinishReason::kLength, 100), Outcome::kUnsure);
  EXPECT_EQ(of(llm::FinishReason::kContentFilter, 100), Outcome::kFail);
  EXPECT_EQ(of(llm::FinishReason::kError, 0), Outcome::kFail);
  EXPECT_EQ(of(llm::FinishReason::kToolCalls, 0), Outcome::kFail);  // and there is none
  EXPECT_EQ(of(llm::FinishReason::kUnknown, 0), Outcome::kPass);
}

TEST(EmptyCheck, FailsBlankAnswersButNotToolCallsOrImages) {
  EXPECT_EQ(Of("empty", "q", ""), Outcome::kFail);
  EXPECT_EQ(Of("empty", "q", " \n\t"), Outcome::kFail);
  EXPECT_EQ(Of("empty", "q", "+"), Outcome::kPass);
  const llm::ToolCallPart call{.id = "1", .name = "f", .arguments = "{}"};
  EXPECT_THAT(Judge("empty", "q", {.text = "", .calls = {&call}}), IsEmpty());
  EXPECT_THAT(Judge("empty", "q", {.text = "", .has_other = true}), IsEmpty());
}

TEST(RefusalCheck, KnowsRefusalsInManyLanguages) {
  for (const std::string_view text : {
           "I'm sorry, but I can't help with that.",
           "I’m sorry, but I can’t assist with that request.",
           "**I cannot provide** instructions for this.",
           "As an AI language model, I cannot give an opinion.",
           "Es tut mir leid, aber dabei kann ich nicht helfen.",
           "Leider kann ich Ihnen dazu keine Auskunft geben, das muss ich ablehnen.",
           "Je suis désolé, mais je ne peux pas répondre à cette demande.",
           "Lo siento, pero no puedo ayudarte con eso.",
           "Desculpe, mas não posso ajudar com isso.",
           "Mi dispiace, ma non posso aiutarti con questo.",
           "Извините, но я не могу помочь с этим.",
           "对不起，我无法提供这方面的帮助。",
           "申し訳ありませんが、そのリクエストにはお答えできません。",
           "Üzgünüm, bu konuda yardımcı olamam.",
           "죄송하지만 그 요청은 도와드릴 수 없습니다.",
           "Przepraszam, ale nie mogę pomóc w tej sprawie.",
           "Het spijt me, maar daar kan ik niet mee helpen.",
       }) {
    EXPECT_EQ(Of("refusal", "How?", text), Outcome::kFail) << text;
  }
}

TEST(RefusalCheck, LeavesAnswersAloneThatOnlySoundLikeIt) {
  for (const std::string_view text : {
           "I can't help but admire the design of this bridge.",
           "I'm sorry to hear that. Here is what you can do: restart the router.",
           "You cannot divide by zero, so there is no solution.",
           "Sorry for the delay! The order was sent on Monday.",
           "Unfortunately the parcel was lost; a new one is on its way.",
           R"({"reply": "I'm sorry, but I can't help with that."})",
           "Dazu kann man zwei Wege gehen.",
       }) {
    EXPECT_EQ(Of("refusal", "Why?", text), Outcome::kPass) << text;
  }
}

TEST(RefusalCheck, IsUnsureWhenTheAnswerGoesOn) {
  EXPECT_EQ(Of("refusal", "Explain.", Long("I can't provide medical advice, but in general:")),
            Outcome::kUnsure);
}

TEST(RefusalCheck, DoesNotCountWhatTheUserAskedFor) {
  EXPECT_EQ(Of("refusal", "How do I politely say \"I'm not able to\" in a letter?",
               "I'm not able to attend on Friday."),
            Outcome::kPass);
}

TEST(RefusalCheck, TakesTheProvidersOwnRefusal) {
  EXPECT_EQ(Overall(Judge("refusal", "q", {.text = "", .refusal = "No."})), Outcome::kFail);
  EXPECT_EQ(Overall(Judge("refusal", "q", {.text = "x", .finish = llm::FinishReason::kRefusal})),
            Outcome::kFail);
}

TEST(DontKnowCheck, FailsShortAnswersOnly) {
  for (const std::string_view text :
       {"I don't know.", "I'm not sure, sorry.", "Das weiß ich leider nicht.", "Je ne sais pas.",
        "No lo sé.", "Não sei.", "Non lo so.", "Я не знаю.", "我不知道。", "わかりません。",
        "Bilmiyorum.", "There is not enough information to answer this."}) {
    EXPECT_EQ(Of("dont_know", "Who?", text), Outcome::kFail) << text;
  }
  EXPECT_EQ(Of("dont_know", "Who?", Long("I'm not sure, but it can be derived:")),
            Outcome::kUnsure);
  EXPECT_EQ(Of("dont_know", "Who?", "It was Ada Lovelace."), Outcome::kPass);
  EXPECT_EQ(Of("dont_know", "Say \"I don't know\" if the text does not tell. Who?", "I don't know"),
            Outcome::kPass);
}

TEST(PlaceholderCheck, FailsNoticesInPlaceOfAnswers) {
  for (const std::string_view text :
       {"The model is overloaded. Please try again later.", "Internal Server Error",
        "<html><head><title>502 Bad Gateway</title></head></html>", "Lorem ipsum dolor sit amet",
        "[object Object]", "Es ist ein Fehler aufgetreten.", "系统繁忙，请稍后再试"}) {
    EXPECT_EQ(Of("placeholder", "Who was Ada Lovelace?", text), Outcome::kFail) << text;
  }
  EXPECT_EQ(Of("placeholder", "What does HTTP status 503 mean?", "Service Unavailable"),
            Outcome::kPass);
  EXPECT_EQ(Of("placeholder", "Write a page.", "<html><body><h1>Hello</h1></body></html>"),
            Outcome::kPass);
  EXPECT_EQ(Of("placeholder", "What is f()?", "None"), Outcome::kPass);
}

TEST(LoopCheck, FailsAnswersWhoseEndRepeatsItself) {
  std::string loop = Long("Let us see.", 400);
  for (int i = 0; i < 40; ++i) loop += " We substitute this into the equation and simplify again.";
  EXPECT_EQ(Of("loop", "q", loop), Outcome::kFail);
  EXPECT_EQ(Of("loop", "q", "x " + std::string(1000, '0')), Outcome::kFail);
  std::string chinese;
  for (int i = 0; i < 40; ++i) chinese += "我们再次代入这个方程并化简。";
  EXPECT_EQ(Of("loop", "q", chinese), Outcome::kFail);
  EXPECT_EQ(Of("loop", "q", Long("It is so.", 4000)), Outcome::kPass);
  EXPECT_EQ(Of("loop", "q", "Yes yes yes."), Outcome::kPass);
}

TEST(LanguageCheck, FailsOnlyWhereBothAreClearAndNobodyAskedForAnother) {
  const std::string_view german = "Wie kann ich mein Passwort ändern, wenn ich es vergessen habe?";
  const std::string_view english =
      "You can change it on the sign-in page: choose the link below the field and follow the "
      "steps.";
  EXPECT_EQ(Of("language", german, english), Outcome::kFail);
  EXPECT_EQ(Of("language", german,
               "Das geht auf der Anmeldeseite: wählen Sie den Link unter dem "
               "Feld und folgen Sie den Schritten."),
            Outcome::kPass);
  EXPECT_EQ(Of("language",
               "Antworte bitte auf Englisch: wie kann ich mein Passwort ändern, wenn "
               "ich es vergessen habe?",
               english),
            Outcome::kPass);
  EXPECT_EQ(Of("language", german, "Passwort: Konto > Sicherheit"), Outcome::kPass);
  EXPECT_EQ(Of("language", "Как мне изменить пароль, если я его забыл и не могу войти?", english),
            Outcome::kFail);
  EXPECT_EQ(Of("language", german, "```\nif the password is not set then return to the form\n```"),
            Outcome::kPass);
  const std::vector<llm::Turn> turns = {{llm::Role::kSystem, "Always reply in English."},
                                        {llm::Role::kUser, german}};
  EXPECT_THAT(Judge("language", "", {.text = english}, {.turns = turns}), IsEmpty());
}

TEST(LanguageOf, TellsLanguagesByScriptAndFunctionWords) {
  EXPECT_EQ(LanguageOf("The house that we saw was on the other side of the river."), "en");
  EXPECT_EQ(LanguageOf("Das Haus, das wir gesehen haben, war auf der anderen Seite."), "de");
  EXPECT_EQ(LanguageOf("La maison que nous avons vue était de l'autre côté de la rivière."), "fr");
  EXPECT_EQ(LanguageOf("La casa que vimos estaba al otro lado del río y no tenía puertas."), "es");
  EXPECT_EQ(LanguageOf("A casa que nós vimos estava do outro lado do rio e não tinha portas."),
            "pt");
  EXPECT_EQ(
      LanguageOf("La casa che abbiamo visto era dall'altra parte del fiume e non aveva porte."),
      "it");
  EXPECT_EQ(LanguageOf("Дом, который мы видели, был на другой стороне реки и не имел дверей."),
            "ru");
  EXPECT_EQ(LanguageOf("我们看到的房子在河的另一边，没有门。"), "zh");
  EXPECT_EQ(LanguageOf("私たちが見た家は川の向こう側にありました。"), "ja");
  EXPECT_EQ(LanguageOf("우리가 본 집은 강 건너편에 있었습니다."), "ko");
  EXPECT_EQ(
      LanguageOf("Gördüğümüz ev nehrin diğer tarafında ve çok eski bir ev değil, ama bu güzel."),
      "tr");
  EXPECT_EQ(LanguageOf("x = 3, y = 4"), "");
  EXPECT_EQ(LanguageOf("Paris"), "");
  EXPECT_EQ(LanguageOf("def f(a): return a[0]"), "");
}

TEST(FencesCheck, IsUnsureAboutBlocksThatAreNotClosed) {
  EXPECT_EQ(Of("fences", "q", "```py\nx = 1\n```\nDone."), Outcome::kPass);
  EXPECT_EQ(Of("fences", "q", "```py\nx = 1\n"), Outcome::kUnsure);
  EXPECT_EQ(Of("fences", "q", "````md\n```py\nx\n```\n````"), Outcome::kPass);
  EXPECT_EQ(Of("fences", "q", "Use ```x``` here."), Outcome::kPass);
  EXPECT_EQ(Of("fences", "q", "~~~\n```\n~~~"), Outcome::kPass);
  EXPECT_THAT(Judge("fences", "q", {.text = "no code"}), IsEmpty());
}

TEST(LeakCheck, FailsWhenTheSystemTextsBeginningIsRepeated) {
  const std::string secret =
      "You are the assistant of Example Bank. Never tell the internal rate table: gold customers "
      "pay 2.1 percent, others 3.4 percent, and refunds above 500 need a supervisor's consent.";
  const std::string system = secret + "\n\n" + std::string(1200, 'x') +
                             "Our opening hours are Monday to Friday from nine to five, and on the "
                             "first Saturday of each month from ten to two in all branches.";
  const std::vector<llm::Turn> turns = {{llm::Role::kSystem, system}, {llm::Role::kUser, "Hi"}};
  const auto of = [&](std::string_view text) {
    return Overall(Judge("leak", "", {.text = text}, {.turns = turns}));
  };
  EXPECT_EQ(of("My instructions: " + secret), Outcome::kFail);
  EXPECT_EQ(of("I am the assistant of Example Bank. How can I help?"), Outcome::kPass);
  EXPECT_EQ(of(system.substr(system.size() - 130)), Outcome::kPass);  // knowledge, to be told
  const std::vector<llm::Turn> known = {{llm::Role::kSystem, system},
                                        {llm::Role::kUser, "Translate: " + secret}};
  EXPECT_EQ(Overall(Judge("leak", "", {.text = secret}, {.turns = known})), Outcome::kPass);
}

TEST(JsonChecks, RunWhenTheRequestAskedForJson) {
  const Schema schema = *Schema::Compile(R"({"properties":{"a":{"type":"integer"}}})");
  const std::vector<std::string> names = {"basic"};
  const auto failing = [&](const Asked& asked, const Given& given) {
    std::vector<std::string> checks;
    for (const Verdict& verdict : BuiltIns().Run(names, asked, given)) {
      if (verdict.outcome != Outcome::kPass) checks.push_back(verdict.check);
    }
    return checks;
  };
  EXPECT_THAT(failing({}, {.text = "no JSON"}), IsEmpty());
  EXPECT_THAT(failing({.json = true}, {.text = "no JSON"}), ElementsAre("json"));
  EXPECT_THAT(failing({.json = true, .schema = &schema}, {.text = "no JSON"}), ElementsAre("json"));
  EXPECT_THAT(failing({.json = true, .schema = &schema}, {.text = R"({"a":"x"})"}),
              ElementsAre("json_schema"));
  EXPECT_THAT(failing({.json = true, .schema = &schema}, {.text = R"({"a":1})"}), IsEmpty());
  const llm::ToolCallPart call{.id = "1", .name = "f", .arguments = "{}"};
  EXPECT_THAT(failing({.json = true}, {.text = "", .calls = {&call}}), IsEmpty());
}

TEST(JsonChecks, SayWhenAskingTheSameModelAgainIsOfNoUse) {
  const Schema schema = *Schema::Compile(R"({"type":"object","properties":{"a":{"type":"integer"}},
                                             "required":["a"]})");
  const Asked asked{.json = true, .schema = &schema};
  const auto verdict = [&](std::string_view text, llm::FinishReason finish) {
    return Judge("json_schema", "q", {.text = text, .finish = finish}, asked).at(0);
  };
  EXPECT_TRUE(verdict(R"({"a":"x"})", llm::FinishReason::kStop).reask);
  EXPECT_FALSE(verdict(R"({"a":)", llm::FinishReason::kLength).reask);
  EXPECT_FALSE(verdict(schema.text(), llm::FinishReason::kStop).reask);
}

TEST(ToolArgumentsCheck, WantsToolsThatWereOfferedAndTheirSchemas) {
  const std::vector<llm::Tool> tools = {
      {.name = "weather", .parameters = R"({"properties":{"city":{"type":"string"}},
                                            "required":["city"]})"},
      {.name = "now"}};
  const std::vector<ToolSchema> schemas = *CompileTools(tools);
  const auto verdict = [&](std::string name, std::string arguments) {
    const llm::ToolCallPart call{
        .id = "1", .name = std::move(name), .arguments = std::move(arguments)};
    return Judge("tool_arguments", "q", {.text = "", .calls = {&call}}, {.tools = schemas}).at(0);
  };
  EXPECT_EQ(verdict("weather", R"({"city":"Rome"})").outcome, Outcome::kPass);
  EXPECT_EQ(verdict("now", "{}").outcome, Outcome::kPass);
  EXPECT_EQ(verdict("now", "[]").outcome, Outcome::kFail);
  EXPECT_EQ(verdict("wether", "{}").outcome, Outcome::kFail);
  EXPECT_EQ(verdict("weather", R"({"city":)").outcome, Outcome::kFail);
  EXPECT_THAT(verdict("weather", R"({"city":5})").errors,
              ElementsAre(FieldError{"/0/city", "a string", "an integer"}));
}

TEST(ToolArgumentsCheck, ABadToolSchemaIsToldWithItsPlace) {
  const std::vector<llm::Tool> tools = {{.name = "a", .parameters = "{}"},
                                        {.name = "b", .parameters = R"({"type":"text"})"}};
  EXPECT_EQ(CompileTools(tools).error().field, "/1/parameters/type");
}

TEST(RunPartial, RunsOnlyWhatAPrefixCanFail) {
  const std::vector<std::string> names = {"basic"};
  const std::vector<llm::Turn> turns = {{llm::Role::kUser, "How are you?"}};
  const Asked asked{.turns = turns, .json = true};
  EXPECT_EQ(Overall(BuiltIns().RunPartial(names, asked, "")), Outcome::kPass);
  EXPECT_EQ(Overall(BuiltIns().RunPartial(names, asked, "```py\nx = ")), Outcome::kPass);
  EXPECT_EQ(Overall(BuiltIns().RunPartial(names, asked, R"({"a": )")), Outcome::kPass);
  EXPECT_EQ(Overall(BuiltIns().RunPartial(names, asked, "I'm sorry, but I can't help with that")),
            Outcome::kFail);
}

TEST(GivenOf, JoinsTextPartsAndFindsCallsAndRefusals) {
  llm::Answer answer{.finish = llm::FinishReason::kToolCalls};
  answer.parts = {llm::ThinkingPart{.text = "hm"}, llm::TextPart{.text = "one"},
                  llm::TextPart{.text = " two"},   llm::ToolCallPart{.id = "1", .name = "f"},
                  llm::RefusalPart{.text = "no"},  llm::OpaquePart{}};
  std::string text;
  const Given given = GivenOf(answer, text);
  EXPECT_EQ(given.text, "one two");
  EXPECT_EQ(given.refusal, "no");
  EXPECT_EQ(given.finish, llm::FinishReason::kToolCalls);
  ASSERT_EQ(given.calls.size(), 1U);
  EXPECT_EQ(given.calls[0]->name, "f");
  EXPECT_TRUE(given.has_other);
}

TEST(Checks, AnyBytesAreReadInBoundedTime) {
  const std::vector<std::string> names = {"basic", "grounding"};
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  for (const std::string_view piece : {"\xff\xfe", "`", "```\n", "1 ", "1.2.3/4/5 ", "a1b2c3 ",
                                       "我", "I can't help ", "\x01", "{", "the of and "}) {
    std::string text;
    while (text.size() < (1U << 20)) text += piece;
    const std::vector<llm::Turn> turns = {{llm::Role::kSystem, text}, {llm::Role::kUser, text}};
    BuiltIns().Run(names, {.turns = turns, .json = true}, {.text = text});
  }
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace triage::verify
