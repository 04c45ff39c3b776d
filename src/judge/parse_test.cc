#include "judge/parse.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "judge/test_support.h"

namespace triage::judge {
namespace {

const Nonce kNonce(7);

Question Routing(Form form) {
  const TestRequest request({"hello"});
  return AskRouting(request.view(), {.form = form}, kNonce);
}

Question SpotCheck(Form form) {
  const TestRequest request({"hello"});
  return AskSpotCheck(request.view(), "One. Two. Three.", {.form = form}, kNonce);
}

llm::Answer Label(std::string token, double probability,
                  std::vector<std::pair<std::string, double>> top = {}) {
  llm::Answer answer = Says(token);
  answer.finish = llm::FinishReason::kLength;
  llm::TokenLogprob logprob{.token = token, .logprob = std::log(probability)};
  for (auto& [text, p] : top) logprob.top.push_back({.token = text, .logprob = std::log(p)});
  answer.logprobs.push_back(logprob);
  return answer;
}

TEST(Parse, ARoutingVerdictIsTheProbabilityThatTheModelStates) {
  const auto verdict =
      ReadRouting(Says(R"({"crux":"two steps","p_acceptable":0.7})"), Routing(Form::kJsonSchema));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->probability, 0.7);
  EXPECT_EQ(verdict->crux, "two steps");
  EXPECT_EQ(ReadRouting(Says(R"({"p_acceptable":1,"crux":""})"), Routing(Form::kJson))->probability,
            1.0);
}

TEST(Parse, OneCodeFenceAroundTheObjectIsNoHarm) {
  const std::string object = R"({"crux":"","p_acceptable":0.5})";
  for (const std::string& text :
       {"```json\n" + object + "\n```", "```\n" + object + "```\n", "  " + object + "\n"}) {
    EXPECT_TRUE(ReadRouting(Says(text), Routing(Form::kJson))) << text;
  }
}

TEST(Parse, AnythingElseThanTheAskedObjectIsUnsure) {
  for (const std::string_view text : {"",
                                      " ",
                                      "A",
                                      "yes",
                                      "0.7",
                                      "null",
                                      "[]",
                                      "{}",
                                      R"({"p_acceptable":0.7})",
                                      R"({"crux":"x","p_acceptable":1.01})",
                                      R"({"crux":"x","p_acceptable":-0.1})",
                                      R"({"crux":"x","p_acceptable":"0.7"})",
                                      R"({"crux":"x","p_acceptable":null})",
                                      R"({"crux":"x","p_acceptable":NaN})",
                                      R"({"crux":"x","p_acceptable":1e999})",
                                      R"({"crux":1,"p_acceptable":0.7})",
                                      R"({"crux":"x","p_acceptable":0.7,"tier":"frontier"})",
                                      R"({"crux":"x","p_acceptable":0.7,"p_acceptable":0.1})",
                                      R"([{"crux":"x","p_acceptable":0.7}])",
                                      R"({"crux":"x","p_acceptable":0.7} done)",
                                      R"(Sure! {"crux":"x","p_acceptable":0.7})",
                                      R"({"crux":"x","p_acceptable":0.7)",
                                      R"({'crux':'x','p_acceptable':0.7})",
                                      "```json\n```",
                                      "``````",
                                      "```python\n{\"crux\":\"x\",\"p_acceptable\":0.7}\n```",
                                      "\xff\xfe",
                                      "{\"crux\":\"\xff\",\"p_acceptable\":0.7}"}) {
    EXPECT_FALSE(ReadRouting(Says(text), Routing(Form::kJson))) << text;
    EXPECT_FALSE(ReadSpotCheck(Says(text), SpotCheck(Form::kJson))) << text;
  }
  EXPECT_FALSE(ReadRouting(Says(std::string(100'000, '[')), Routing(Form::kJson)));
}

TEST(Parse, AnAnswerThatWasCutOffOrRefusedIsUnsure) {
  llm::Answer cut = Says(R"({"crux":"x","p_acceptable":0.7})");
  cut.finish = llm::FinishReason::kLength;
  EXPECT_FALSE(ReadRouting(cut, Routing(Form::kJson)));
  llm::Answer refused = Says(R"({"crux":"x","p_acceptable":0.7})");
  refused.parts.push_back(llm::RefusalPart{.text = "no"});
  EXPECT_FALSE(ReadRouting(refused, Routing(Form::kJson)));
  EXPECT_FALSE(ReadRouting(llm::Answer{}, Routing(Form::kJson)));
}

TEST(Parse, ALabelsProbabilityIsTheSoftmaxOverTheLabels) {
  const auto verdict = ReadRouting(
      Label("A", 0.6, {{"A", 0.6}, {" A", 0.1}, {"B", 0.2}, {"The", 0.05}}), Routing(Form::kLabel));
  ASSERT_TRUE(verdict);
  EXPECT_NEAR(verdict->probability, 0.7 / 0.9, 1e-9);
  const auto other = ReadRouting(Label("B", 0.8, {{"B", 0.8}, {"A", 0.2}}), Routing(Form::kLabel));
  ASSERT_TRUE(other);
  EXPECT_NEAR(other->probability, 0.2, 1e-9);
}

TEST(Parse, AHostThatTellsOnlyTheChosenTokenLeavesTheRestToTheOtherLabel) {
  EXPECT_NEAR(ReadRouting(Label("B", 0.9), Routing(Form::kLabel))->probability, 0.1, 1e-9);
  EXPECT_NEAR(ReadRouting(Label("A", 0.9), Routing(Form::kLabel))->probability, 0.9, 1e-9);
}

TEST(Parse, ALabelThatIsNotListedIsLessProbableThanThoseThatAre) {
  const auto verdict =
      ReadRouting(Label("A", 0.9, {{"A", 0.9}, {"I", 0.01}}), Routing(Form::kLabel));
  ASSERT_TRUE(verdict);
  const double floor = 0.01 / std::exp(1.0);
  EXPECT_NEAR(verdict->probability, 0.9 / (0.9 + floor), 1e-6);
}

TEST(Parse, ALeadingBlankTokenIsPassedOver) {
  llm::Answer answer = Label("A", 0.8, {{"A", 0.8}, {"B", 0.2}});
  answer.logprobs.insert(answer.logprobs.begin(), {.token = "\n", .logprob = 0});
  answer.parts = {llm::TextPart{.text = "\nA"}};
  EXPECT_NEAR(ReadRouting(answer, Routing(Form::kLabel))->probability, 0.8, 1e-9);
}

TEST(Parse, ALabelWithoutUsableLogProbabilitiesIsUnsure) {
  const Question question = Routing(Form::kLabel);
  EXPECT_FALSE(ReadRouting(Says("A"), question));
  EXPECT_FALSE(ReadRouting(Label("C", 0.9, {{"C", 0.9}, {"A", 0.1}}), question));
  EXPECT_FALSE(ReadRouting(Label("The", 0.5, {{"A", 0.4}, {"B", 0.1}}), question));
  EXPECT_FALSE(ReadRouting(Label("A", 0.1, {{"A", 0.1}, {"The", 0.8}}), question));
  EXPECT_FALSE(ReadRouting(Label("A", 2.0, {{"A", 2.0}}), question));
  EXPECT_FALSE(ReadRouting(Label("A", std::numeric_limits<double>::quiet_NaN()), question));
  llm::Answer mismatch = Label("A", 0.9);
  mismatch.parts = {llm::TextPart{.text = "B"}};
  EXPECT_FALSE(ReadRouting(mismatch, question));
  EXPECT_FALSE(ReadRouting(Says(R"({"crux":"x","p_acceptable":0.7})"), question));
}

TEST(Parse, ASpotCheckNamesTheFaultAndPointsIntoTheAnswer) {
  const auto read = ReadSpotCheck(
      Says(R"({"finding":"made up","verdict":"hallucination","segment":1,"p_bad":0.8})"),
      SpotCheck(Form::kJsonSchema));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->verdict, Verdict::kHallucination);
  EXPECT_EQ(read->p_bad, 0.8);
  EXPECT_EQ(read->span, (Span{.begin = 4, .end = 9}));
  const auto ok = ReadSpotCheck(Says(R"({"finding":"","verdict":"ok","segment":-1,"p_bad":0.1})"),
                                SpotCheck(Form::kJsonSchema));
  ASSERT_TRUE(ok);
  EXPECT_FALSE(ok->span);
}

TEST(Parse, ASpotCheckThatIsOutOfRangeOrContradictsItselfIsUnsure) {
  for (const std::string_view text :
       {R"({"finding":"","verdict":"fine","segment":-1,"p_bad":0.1})",
        R"({"finding":"","verdict":"OK","segment":-1,"p_bad":0.1})",
        R"({"finding":"","verdict":"ok","segment":-2,"p_bad":0.1})",
        R"({"finding":"","verdict":"format","segment":4,"p_bad":0.9})",
        R"({"finding":"","verdict":"format","segment":1.5,"p_bad":0.9})",
        R"({"finding":"","verdict":"ok","segment":-1,"p_bad":0.9})",
        R"({"finding":"","verdict":"format","segment":-1,"p_bad":0.1})",
        R"({"finding":"","verdict":"ok","segment":-1})",
        R"({"verdict":"ok","segment":-1,"p_bad":0.1})"}) {
    EXPECT_FALSE(ReadSpotCheck(Says(text), SpotCheck(Form::kJson))) << text;
  }
}

TEST(Parse, ASpotChecksLabelsGiveTheLikeliestFault) {
  const Question question = SpotCheck(Form::kLabel);
  const auto bad = ReadSpotCheck(
      Label("B", 0.5, {{"B", 0.5}, {"A", 0.3}, {"D", 0.1}, {"C", 0.05}, {"E", 0.05}}), question);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->verdict, Verdict::kHallucination);
  EXPECT_NEAR(bad->p_bad, 0.7, 1e-9);
  const auto ok = ReadSpotCheck(Label("A", 0.96), question);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->verdict, Verdict::kOk);
  EXPECT_NEAR(ok->p_bad, 0.04, 1e-9);
}

TEST(Parse, ACalibrationMapsWhatIsStatedToWhatCameTrue) {
  const auto calibration = Calibration::Make({{0.5, 0.2}, {0.9, 0.6}, {1.0, 0.8}});
  ASSERT_TRUE(calibration);
  EXPECT_NEAR((*calibration)(0.0), 0.2, 1e-12);
  EXPECT_NEAR((*calibration)(0.5), 0.2, 1e-12);
  EXPECT_NEAR((*calibration)(0.7), 0.4, 1e-12);
  EXPECT_NEAR((*calibration)(0.95), 0.7, 1e-12);
  EXPECT_NEAR((*calibration)(1.0), 0.8, 1e-12);
  EXPECT_EQ(Calibration()(0.3), 0.3);
  const auto read =
      ReadRouting(Says(R"({"crux":"","p_acceptable":0.7})"), Routing(Form::kJson), *calibration);
  EXPECT_NEAR(read->probability, 0.4, 1e-12);
}

TEST(Parse, ACalibrationThatFallsOrLeavesTheProbabilitiesIsRefused) {
  EXPECT_FALSE(Calibration::Make({{0.5, 0.6}, {0.9, 0.5}}));
  EXPECT_FALSE(Calibration::Make({{0.5, 0.2}, {0.5, 0.5}}));
  EXPECT_FALSE(Calibration::Make({{0.5, 1.2}}));
  EXPECT_FALSE(Calibration::Make({{std::numeric_limits<double>::quiet_NaN(), 0.2}}));
  EXPECT_TRUE(Calibration::Make({}));
}

}  // namespace
}  // namespace triage::judge
