#include "feedback/signals.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace triage::feedback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kQuestion = "How long is the warranty on the Oslo bookcase?";
constexpr std::string_view kVague = "The Oslo bookcase comes in oak and white.";

Reading Read(std::string_view previous, std::string_view answer, std::string_view turn,
             std::optional<milliseconds> gap = seconds(60)) {
  return ReadSignals({.previous = previous, .answer = answer, .turn = turn, .gap = gap});
}

TEST(Signals, TheSameQuestionAfterAnAnswerIsARepeat) {
  const Reading reading = Read(kQuestion, kVague, kQuestion);
  EXPECT_EQ(reading.signal, Signal::kRepeat);
  EXPECT_EQ(ActOn(reading, {}), Act::kEscalate);
  EXPECT_TRUE(reading.label_model);
}

TEST(Signals, CaseAccentsAndPunctuationMakeNoOtherQuestion) {
  const Reading reading =
      Read("¿Cuántos días tengo para devolverlo?", "Las devoluciones son gratuitas.",
           "CUANTOS DIAS TENGO PARA DEVOLVERLO!!");
  EXPECT_EQ(reading.signal, Signal::kRepeat);
}

TEST(Signals, TheSameBytesWithinSecondsAreAClientsRetryAndTeachNothing) {
  const Reading reading = Read(kQuestion, kVague, kQuestion, milliseconds(1'200));
  EXPECT_EQ(reading.signal, Signal::kDuplicateSend);
  EXPECT_FALSE(reading.label_model);
  EXPECT_EQ(reading.dissatisfied, 0);
  EXPECT_EQ(ActOn(reading, {}), Act::kNothing);
  EXPECT_FALSE(ReadSignals({.previous = kQuestion,
                            .answer = kVague,
                            .turn = kQuestion,
                            .gap = milliseconds(1'200),
                            .tool_retry = true})
                   .signal == Signal::kDuplicateSend)
      << "somebody pressed a button";
}

TEST(Signals, WithoutAGapTheSameTextIsARepeat) {
  EXPECT_EQ(Read(kQuestion, kVague, kQuestion, std::nullopt).signal, Signal::kRepeat);
}

struct Case {
  std::string_view previous;
  std::string_view answer;
  std::string_view turn;
};

TEST(Signals, CorrectionsAreUnderstoodInManyLanguages) {
  const std::vector<Case> cases = {
      {"What is the capital of Australia?", "The capital of Australia is Sydney.",
       "No, that's wrong. Check again."},
      {"Was ist die Hauptstadt von Australien?", "Die Hauptstadt von Australien ist Sydney.",
       "Nein, das ist falsch."},
      {"¿Cuál es la capital de Australia?", "La capital de Australia es Sídney.",
       "No, eso no es correcto."},
      {"Quelle est la capitale de l'Australie ?", "La capitale de l'Australie est Sydney.",
       "Non, c'est faux."},
      {"Qual é a capital da Austrália?", "A capital da Austrália é Sydney.",
       "Não, isso não está certo."},
      {"Какая столица Австралии?", "Столица Австралии — Сидней.", "Нет, это неправильно."},
      {"Qual è la capitale dell'Australia?", "La capitale dell'Australia è Sydney.",
       "No, è sbagliato."},
      {"Wat is de hoofdstad van Australië?", "De hoofdstad van Australië is Sydney.",
       "Nee, dat klopt niet."},
      {"Avustralya'nın başkenti neresi?", "Avustralya'nın başkenti Sidney'dir.",
       "Hayır, bu yanlış."},
      {"澳大利亚的首都是哪里？", "澳大利亚的首都是悉尼。", "不对，你搞错了。"},
      {"オーストラリアの首都はどこですか？", "オーストラリアの首都はシドニーです。",
       "違います、間違っています。"},
  };
  for (const Case& each : cases) {
    const Reading reading = Read(each.previous, each.answer, each.turn);
    EXPECT_EQ(reading.signal, Signal::kCorrection) << each.turn << reading.dissatisfied;
    EXPECT_GE(reading.dissatisfied, SignalOptions{}.act) << each.turn;
  }
}

TEST(Signals, WhoAsksForAPersonIsHeardInManyLanguages) {
  for (const std::string_view turn :
       {"I want to talk to a human, this isn't helping",
        "Ich will mit einem Mitarbeiter sprechen, das hilft mir nicht weiter",
        "Quiero hablar con una persona, esto no me ayuda",
        "Passez-moi un conseiller, vous ne comprenez rien",
        "Quero falar com um atendente, isso não ajuda",
        "Соедините меня с оператором, вы не помогаете"}) {
    const Reading reading = Read(kQuestion, kVague, turn);
    EXPECT_EQ(reading.signal, Signal::kAsksHuman) << turn;
    EXPECT_GE(reading.dissatisfied, SignalOptions{}.act) << turn;
  }
}

TEST(Signals, AnotherWordingWithWhatWasMeantIsARephrase) {
  const Reading reading =
      Read(kQuestion, kVague, "I mean, for how many years are repairs of the bookcase free?");
  EXPECT_EQ(reading.signal, Signal::kRephrase);
  EXPECT_GE(reading.dissatisfied, SignalOptions{}.act);
}

TEST(Signals, AngerAboutTheAnswerIsFrustration) {
  for (const std::string_view turn :
       {"this is useless, are you even reading what I write",
        "das bringt mir nichts, völlig nutzlos", "no sirves para nada",
        "c'est inutile, tu ne comprends rien", "не помогает, толку ноль 🤬"}) {
    const Reading reading = Read(kQuestion, kVague, turn);
    EXPECT_GE(reading.dissatisfied, SignalOptions{}.act) << turn;
    EXPECT_TRUE(reading.label_model) << turn;
    EXPECT_EQ(reading.signal, Signal::kFrustration) << turn;
  }
}

TEST(Signals, AngerAboutTheBusinessRaisesTheStakesAndLabelsNobody) {
  for (const std::string_view turn :
       {"Three weeks for a parcel?! Your courier is a disgrace!!",
        "Unverschämt!! Der Paketdienst ist eine Frechheit", "¡Qué vergüenza de aerolínea!",
        "C'est une honte, ces banques sont des voleurs !!"}) {
    const Reading reading = Read("Where is my parcel 4711?",
                                 "Parcel 4711 is in Hamburg and will arrive on 4 May.", turn);
    EXPECT_EQ(reading.signal, Signal::kBusinessAnger) << turn;
    EXPECT_FALSE(reading.label_model) << turn;
    EXPECT_LT(reading.dissatisfied, SignalOptions{}.act) << turn;
    EXPECT_EQ(ActOn(reading, {}), Act::kStakes) << turn;
  }
}

TEST(Signals, ThanksArePraiseAndNoComplaint) {
  for (const std::string_view turn :
       {"thanks, that worked!", "super, danke dir", "¡perfecto, gracias!", "nickel merci !!",
        "valeu, deu certo", "спасибо, помогло", "👍"}) {
    const Reading reading = Read(kQuestion, "Two years from the day of purchase.", turn);
    EXPECT_EQ(reading.signal, Signal::kSatisfaction) << turn;
    EXPECT_GT(reading.satisfied, 0.5) << turn;
    EXPECT_LT(reading.dissatisfied, SignalOptions{}.label) << turn;
  }
}

TEST(Signals, PraiseThatIsDeniedIsAComplaint) {
  const Reading reading = Read(kQuestion, kVague, "not helpful");
  EXPECT_GT(reading.dissatisfied, SignalOptions{}.act);
  EXPECT_EQ(reading.satisfied, 0);
}

TEST(Signals, FollowUpsWithHighOverlapAreNoRephrases) {
  const std::vector<Case> cases = {
      {"What's the weather like in Munich in October?", "October in Munich is cool, up to 13 °C.",
       "And what's the weather like in Munich in December?"},
      {"Wie ist das Wetter morgen in Hamburg?", "In Hamburg werden es 17 Grad.", "Und in Berlin?"},
      {"¿Cuánto cuesta el metro en Madrid?", "El billete cuesta 2 €.", "¿Y en Barcelona?"},
      {"Сколько калорий в гречке?", "В 100 г гречки 110 ккал.", "А в рисе?"},
  };
  for (const Case& each : cases) {
    EXPECT_LT(Read(each.previous, each.answer, each.turn).dissatisfied, SignalOptions{}.label)
        << each.turn;
  }
}

TEST(Signals, AFormWithOtherDataIsNoRephrase) {
  EXPECT_LT(Read("Translate into French: \"The room was clean.\"", "« La chambre était propre. »",
                 "Translate into French: \"This is useless, I want my money back!!!\"")
                .dissatisfied,
            SignalOptions{}.label)
      << "words in quotation marks are not the user's";
}

TEST(Signals, WhoAnswersAQuestionDoesNotComplain) {
  EXPECT_LT(Read("I'd like to change my order", "Has the order been sent already?", "no, not yet")
                .dissatisfied,
            SignalOptions{}.label);
}

TEST(Signals, AnotherTopicIsNone) {
  const Reading reading = Read("how to descale a kettle", "Boil half water and half vinegar.",
                               "By the way, do I need a visa for Vietnam?");
  EXPECT_LT(reading.dissatisfied, SignalOptions{}.label);
  EXPECT_EQ(reading.signal, Signal::kTopicChange);
}

TEST(Signals, AWordInALongTextCountsForLittle) {
  std::string essay = "Please proofread my essay. ";
  for (int i = 0; i < 60; ++i) essay += "The committee met on Tuesday to discuss the bridge. ";
  const double without = Read("hello", "Hello!", essay).dissatisfied;
  EXPECT_NEAR(Read("hello", "Hello!", essay + "One member was wrong.").dissatisfied, without, 0.08);
}

TEST(Signals, ATryAgainButtonIsEnough) {
  const Reading reading = ReadSignals({.previous = kQuestion,
                                       .answer = kVague,
                                       .turn = kQuestion,
                                       .gap = milliseconds(800),
                                       .tool_retry = true});
  EXPECT_EQ(ActOn(reading, {}), Act::kEscalate);
  EXPECT_EQ(reading.signal, Signal::kRepeat);
}

TEST(Signals, OddBytesAreReadWithoutHarm) {
  const std::string zeros(100, '\0');
  for (const std::string_view text :
       {std::string_view(), std::string_view(" "), std::string_view("\xFF\xFE\x80"),
        std::string_view(zeros), std::string_view("\xF0\x9F\xA4"), std::string_view("\"\"\"```"),
        std::string_view("????????????")}) {
    for (const std::string_view previous : {std::string_view(), kQuestion, text}) {
      const Reading reading = Read(previous, text, text);
      EXPECT_GE(reading.dissatisfied, 0);
      EXPECT_LE(reading.dissatisfied, 1);
    }
  }
}

TEST(Signals, MegabytesAreSampledAtBothEnds) {
  std::string huge(1U << 20U, 'a');
  for (std::size_t i = 0; i < huge.size(); i += 6) huge[i] = ' ';
  const Reading calm = Read(huge, huge, huge + " b");
  const Reading angry =
      Read(huge, kVague, huge + " no, that's wrong, you don't understand, useless");
  EXPECT_GE(angry.dissatisfied, 0);
  EXPECT_NE(calm.signal, Signal::kDuplicateSend);
  // Beginnings and ends alike, but not the same text.
  std::string other = huge;
  other[huge.size() / 2] = 'z';
  EXPECT_NE(Read(huge, kVague, other, milliseconds(100)).signal, Signal::kDuplicateSend);
  EXPECT_EQ(Read(huge, kVague, huge, milliseconds(100)).signal, Signal::kDuplicateSend);
}

TEST(Signals, ReasonsHoldNoTextOfTheConversation) {
  const Reading reading = Read("my card 4111 1111", "ok", "no, wrong, my card is 4242 4242");
  EXPECT_FALSE(reading.reason.contains("42"));
  EXPECT_TRUE(reading.reason.ends_with('.'));
}

TEST(Signals, ASketchIsEnoughForRepeatsDuplicatesAndWords) {
  const TurnSketch sketch = Sketch(kQuestion, kVague);
  const auto read = [&](std::string_view turn, seconds gap) {
    return ReadSignals(SketchPair{.previous = sketch, .turn = turn, .gap = gap});
  };
  EXPECT_EQ(read(kQuestion, seconds(60)).signal, Signal::kRepeat);
  EXPECT_EQ(read(kQuestion, seconds(1)).signal, Signal::kDuplicateSend);
  EXPECT_GE(read("No, that's wrong, you don't understand me", seconds(60)).dissatisfied, 0.65);
  EXPECT_LT(read("thanks a lot, perfect", seconds(60)).dissatisfied, 0.40);
}

TEST(Signals, ASketchComparesAboutAsTheTextsDo) {
  const SignalReader& reader = SignalReader::BuiltIn();
  const std::string_view a = "Which documents do I need to renew my passport in Leeds this summer?";
  const std::string_view b = "What documents are needed for renewing a passport in Leeds?";
  const Features full = reader.FeaturesOf(TurnPair{.previous = a, .answer = "", .turn = b});
  const Features weak =
      reader.FeaturesOf(SketchPair{.previous = reader.SketchOf(a, ""), .turn = b});
  EXPECT_NEAR(weak[Feature::kSimilar], full[Feature::kSimilar], 0.25);
  EXPECT_NEAR(weak[Feature::kKept], full[Feature::kKept], 0.35);
}

TEST(Signals, BadDataIsRefusedWithItsLine) {
  EXPECT_FALSE(SignalReader::Parse("nonsense strong en: word", "bias 1"));
  EXPECT_FALSE(SignalReader::Parse("wrong strong en: word", "bias"));
  EXPECT_FALSE(SignalReader::Parse("wrong strong en: word", "bias x"));
  EXPECT_FALSE(SignalReader::Parse("wrong strong en: word", "bias inf"));
  const Result<SignalReader> unknown = SignalReader::Parse("wrong strong en: word", "\nshape 1");
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().message.contains("line 2"));
}

TEST(Signals, ThresholdsAreOptions) {
  Reading reading{.dissatisfied = 0.5};
  EXPECT_EQ(ActOn(reading, {}), Act::kLabel);
  EXPECT_EQ(ActOn(reading, {.act = 0.45, .label = 0.4}), Act::kEscalate);
  EXPECT_EQ(ActOn(reading, {.act = 0.9, .label = 0.8}), Act::kNothing);
}

}  // namespace
}  // namespace triage::feedback
