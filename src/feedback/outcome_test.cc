#include "feedback/outcome.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace triage::feedback {
namespace {

constexpr std::string_view kId = "01JD3QK7ZV8M4X2N5T6R9W0YBC";

std::string Body(std::string_view rest) {
  return R"({"exchange":")" + std::string(kId) + R"(",)" + std::string(rest) + "}";
}

TEST(ReadFeedback, ReadsEveryKind) {
  const Result<Feedback> thumb = ReadFeedback(Body(R"("kind":"thumb","value":-1)"));
  ASSERT_TRUE(thumb) << thumb.error().message;
  EXPECT_EQ(thumb->exchange.Text(), kId);
  EXPECT_EQ(thumb->number, -1);
  EXPECT_EQ(ReadFeedback(Body(R"("kind":"score","value":0.25)"))->number, 0.25);
  EXPECT_EQ(ReadFeedback(Body(R"("kind":"label","value":"Helpful")"))->text, "Helpful");
  EXPECT_EQ(ReadFeedback(Body(R"("kind":"correction","value":"Canberra")"))->text, "Canberra");
  const Result<Feedback> outcome = ReadFeedback(
      Body(R"("kind":"outcome","value":false,"reason":"schema","comment":"no total","retry":true,)"
           R"("idempotency_key":"job-17")"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->number, 0);
  EXPECT_EQ(outcome->reason, Reason::kSchema);
  EXPECT_EQ(outcome->comment, "no total");
  EXPECT_TRUE(outcome->retry);
  EXPECT_EQ(outcome->idempotency_key, "job-17");
}

TEST(ReadFeedback, NullIsNotGiven) {
  const Result<Feedback> read =
      ReadFeedback(Body(R"("kind":"thumb","value":1,"reason":null,"comment":null,"retry":null)"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->reason, Reason::kNone);
  EXPECT_FALSE(read->retry);
}

struct Refused {
  std::string body;
  std::string field;
};

TEST(ReadFeedback, RefusesWhatIsNoneOfItAndSaysWhere) {
  const std::vector<Refused> bodies = {
      {"", ""},
      {"[]", ""},
      {"3", ""},
      {"null", ""},
      {"{", ""},
      {"{}", "/exchange"},
      {R"({"exchange":"x","kind":"thumb","value":1})", "/exchange"},
      {R"({"exchange":7,"kind":"thumb","value":1})", "/exchange"},
      {Body(R"("value":1)"), "/kind"},
      {Body(R"("kind":"stars","value":1)"), "/kind"},
      {Body(R"("kind":"thumb")"), "/value"},
      {Body(R"("kind":"thumb","value":0)"), "/value"},
      {Body(R"("kind":"thumb","value":"1")"), "/value"},
      {Body(R"("kind":"thumb","value":true)"), "/value"},
      {Body(R"("kind":"score","value":1.01)"), "/value"},
      {Body(R"("kind":"score","value":-0.01)"), "/value"},
      {Body(R"("kind":"outcome","value":1)"), "/value"},
      {Body(R"("kind":"label","value":true)"), "/value"},
      {Body(R"("kind":"label","value":"  ")"), "/value"},
      {Body(R"("kind":"correction","value":{"text":"x"})"), "/value"},
      {Body(R"("kind":"label","value":["x"])"), "/value"},
      {Body(R"("kind":"thumb","value":1,"reason":"ugly")"), "/reason"},
      {Body(R"("kind":"thumb","value":1,"retry":"yes")"), "/retry"},
      {Body(R"("kind":"thumb","value":1,"retry":true)"), "/retry"},
      {Body(R"("kind":"thumb","value":-1,"comment":5)"), "/comment"},
      {Body(R"("kind":"thumb","value":-1,"idempotency_key":"a b")"), "/idempotency_key"},
      {Body(R"("kind":"thumb","value":-1,"kind":"score")"), "/kind"},
      {Body(R"("kind":"thumb","value":-1,"user":"ann")"), ""},
      {Body(R"("kind":"thumb","value":-1) garbage)"), ""},
      {Body(R"("kind":"score","value":1e400)"), ""},
  };
  for (const Refused& each : bodies) {
    const Result<Feedback> read = ReadFeedback(each.body);
    ASSERT_FALSE(read) << each.body;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidRequest) << each.body;
    EXPECT_EQ(read.error().field, each.field) << each.body << ' ' << read.error().message;
    EXPECT_FALSE(read.error().message.empty());
  }
}

TEST(ReadFeedback, RefusesWhatIsTooLong) {
  const std::string comment(4'097, 'x');
  const Result<Feedback> read =
      ReadFeedback(Body(R"("kind":"thumb","value":1,"comment":")" + comment + '"'));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read.error().field, "/comment");
  EXPECT_EQ(ReadFeedback(std::string(65'537, ' ')).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(
      ReadFeedback(Body(R"("kind":"label","value":")" + std::string(65, 'x') + '"')).error().code,
      ErrorCode::kTooLarge);
}

TEST(ReadFeedback, DeepNestingIsRefusedAtItsFirstLevel) {
  EXPECT_FALSE(ReadFeedback(std::string(60'000, '[')));
  EXPECT_FALSE(ReadFeedback(Body(R"("kind":"label","value":)" + std::string(50'000, '['))));
}

TEST(ReadFeedback, ErrorsRepeatNothingOfTheBody) {
  const Result<Feedback> read = ReadFeedback(Body(R"("kind":"SECRET","value":1)"));
  EXPECT_FALSE(read.error().message.contains("SECRET"));
  EXPECT_FALSE(ReadFeedback(Body(R"("SECRET":1)")).error().message.contains("SECRET"));
}

TEST(LabelOf, SaysHowGoodAnAnswerWasAndHowMuchThatCounts) {
  using enum Kind;
  const auto label = [](Kind kind, double number, std::string text = {},
                        Reason reason = Reason::kNone) {
    return LabelOf(
        Feedback{.kind = kind, .number = number, .text = std::move(text), .reason = reason});
  };
  EXPECT_EQ(label(kThumb, 1), (TrainingLabel{1, 1}));
  EXPECT_EQ(label(kThumb, -1), (TrainingLabel{0, 1}));
  EXPECT_EQ(label(kScore, 0.7), (TrainingLabel{0.7, 1}));
  EXPECT_EQ(label(kOutcome, 0), (TrainingLabel{0, 1}));
  EXPECT_EQ(label(kCorrection, 0, "Canberra"), (TrainingLabel{0, 1}));
  EXPECT_EQ(label(kThumb, -1, {}, Reason::kTone), (TrainingLabel{0, 0.5}));
  EXPECT_EQ(label(kLabel, 0, " Good "), (TrainingLabel{1, 1}));
  EXPECT_EQ(label(kLabel, 0, "hallucination"), (TrainingLabel{0, 1}));
  EXPECT_EQ(label(kLabel, 0, "billing"), std::nullopt);
}

TEST(LabelOf, ImplicitSignalsAreSoftAndOnlyAboutTheModel) {
  EXPECT_EQ(LabelOf(Reading{.dissatisfied = 0.75, .signal = Signal::kRephrase}, {}),
            (TrainingLabel{0.25, 0.3}));
  EXPECT_EQ(
      LabelOf(Reading{.dissatisfied = 0.1, .satisfied = 0.875, .signal = Signal::kSatisfaction},
              {}),
      (TrainingLabel{0.875, 0.3}));
  EXPECT_EQ(LabelOf(Reading{.dissatisfied = 0.3}, {}), std::nullopt);
  EXPECT_EQ(
      LabelOf(Reading{.dissatisfied = 0.9, .signal = Signal::kBusinessAnger, .label_model = false},
              {}),
      std::nullopt);
}

}  // namespace
}  // namespace triage::feedback
