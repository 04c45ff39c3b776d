// What becomes of answers that fail their checks, through whole exchanges with scripted models.
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/exchange_test_support.h"

namespace triage::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kQuestion =
    R"({"model":"auto","messages":[{"role":"user","content":"Who wrote Faust?"}])";
const std::string kPlain = kQuestion + "}";
const std::string kStreamed = kQuestion + R"(,"stream":true})";
const std::string kGood = "Johann Wolfgang von Goethe wrote Faust, in two parts.";
const std::string kRefusal = "I'm sorry, but I can't help with that.";

/// A question that wants {"total": number, "due": string, "to": string, "no": integer}.
std::string Extraction(const std::string& more = "") {
  return R"({"model":"auto","messages":[{"role":"user","content":"Extract: 12.50 due Friday to Ann, no. 7"}],)"
         R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":)"
         R"({"type":"object","properties":{"total":{"type":"number"},"due":{"type":"string"},)"
         R"("to":{"type":"string"},"no":{"type":"integer"}},)"
         R"("required":["total","due","to","no"],"additionalProperties":false}}})" +
         more + "}";
}

const std::string kRight = R"({"total":12.5,"due":"Friday","to":"Ann","no":7})";

class CascadeTest : public ExchangeTest {};

TEST_F(CascadeTest, AnAnswerThatPassesIsDeliveredByteForByte) {
  Configure();
  a_.script = {Whole(kGood)};
  const std::string sent = a_.script.front().pieces.front();
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(out.body, sent);
  EXPECT_EQ(out.Kinds(), "a:answer");
  EXPECT_EQ(out.escalations, 0);
  ASSERT_THAT(out.record.verdicts, SizeIs(1));
  EXPECT_EQ(out.record.verdicts[0].outcome, "pass");
  EXPECT_THAT(out.record.verdicts[0].check, HasSubstr("refusal"));
}

TEST_F(CascadeTest, ARefusalIsAnsweredByTheNextTierAndBothArePaid) {
  Configure();
  a_.script = {Whole(kRefusal)};
  b_.script = {Whole(kGood)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(TextOf(out), kGood);
  EXPECT_EQ(out.model, "b");
  EXPECT_EQ(out.escalations, 1);
  EXPECT_EQ(out.record.escalations, 1);
  EXPECT_EQ(out.record.tier, "balanced");
  EXPECT_EQ(out.record.promoted_from, "");
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation");
  EXPECT_EQ(out.Failed(), "0:refusal");
  EXPECT_EQ(out.record.cost, NanoDollars(150 * 1'000 + 150 * 10'000));
  EXPECT_THAT(out.LastStep(), HasSubstr("a failed refusal; balanced is asked"));
  EXPECT_EQ(b_.asked.front(), kPlain) << "a fresh prompt";
  EXPECT_FALSE(out.record.features.empty()) << "a verdict is a label";
}

TEST_F(CascadeTest, WhatEveryTierRefusesIsDeliveredWithADoubt) {
  Configure();
  for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole(kRefusal)};
  const Outcome out = Ask(kPlain);
  EXPECT_FALSE(out.error);
  EXPECT_EQ(TextOf(out), kRefusal);
  EXPECT_EQ(out.model, "c");
  EXPECT_EQ(out.escalations, 2);
  EXPECT_THAT(out.doubt, HasSubstr("refusal"));
}

TEST_F(CascadeTest, AnAnswerIsKeptWhenNobodyBetterCanBeReached) {
  Configure();
  a_.script = {Whole(kRefusal)};
  const Error down{.code = ErrorCode::kUnavailable, .message = "down"};
  b_.script = {{.refuses = down}};
  c_.script = {{.refuses = down}};
  const Outcome out = Ask(kPlain);
  EXPECT_FALSE(out.error);
  EXPECT_EQ(TextOf(out), kRefusal);
  EXPECT_EQ(out.model, "a");
  EXPECT_EQ(out.escalations, 0);
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation c:fallback");
  EXPECT_THAT(out.doubt, HasSubstr("refusal"));
}

TEST_F(CascadeTest, JsonThatOnlyWearsAFenceIsRepairedForNothing) {
  Configure();
  a_.script = {Whole("```json\n" + kRight + "\n```")};
  const Outcome out = Ask(Extraction());
  EXPECT_EQ(TextOf(out), kRight);
  EXPECT_EQ(out.Kinds(), "a:answer");
  EXPECT_THAT(out.LastStep(), HasSubstr("repaired"));
}

TEST_F(CascadeTest, TheSameModelIsToldOnceWhatWasWrong) {
  Configure("verify: {cascade: {fields: false}}");
  a_.script = {Whole(R"({"total":"a lot","due":"Friday","to":"Ann","no":7})"), Whole(kRight)};
  const Outcome out = Ask(Extraction());
  EXPECT_EQ(TextOf(out), kRight);
  EXPECT_EQ(out.Kinds(), "a:answer a:reask");
  EXPECT_EQ(out.escalations, 0);
  ASSERT_THAT(a_.asked, SizeIs(2));
  const auto again = nlohmann::json::parse(a_.asked[1]);
  ASSERT_THAT(again["messages"], SizeIs(3));
  EXPECT_EQ(again["messages"][1]["role"], "assistant");
  EXPECT_THAT(again["messages"][1].dump(), HasSubstr("a lot"));
  EXPECT_THAT(again["messages"][2].dump(), HasSubstr("/total"));
  EXPECT_EQ(again["response_format"], nlohmann::json::parse(Extraction())["response_format"]);
}

TEST_F(CascadeTest, TheNextTierIsAskedAfreshWhenThatDoesNotHelp) {
  Configure("verify: {cascade: {fields: false}}");
  a_.script = {Whole("no JSON at all"), Whole("still none")};
  b_.script = {Whole(kRight)};
  const Outcome out = Ask(Extraction());
  EXPECT_EQ(TextOf(out), kRight);
  EXPECT_EQ(out.Kinds(), "a:answer a:reask b:escalation");
  EXPECT_EQ(b_.asked.front(), Extraction());
}

TEST_F(CascadeTest, TheClientGetsAnErrorWithTheTrailRatherThanJsonItCannotUse) {
  Configure("verify: {cascade: {reasks: 0, fields: false}}");
  for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole("none")};
  const Outcome out = Ask(Extraction());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, ErrorCode::kUnacceptable);
  EXPECT_THAT(out.error->message, HasSubstr("a failed json"));
  EXPECT_THAT(out.error->message, HasSubstr("c failed json"));
  EXPECT_THAT(out.body, IsEmpty());
  EXPECT_EQ(out.record.error, "unacceptable");
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation c:escalation");
}

TEST_F(CascadeTest, ASchemaThatEveryTierFailsIsNoLongerCascaded) {
  Configure("verify: {cascade: {reasks: 0, fields: false}}");
  for (int i = 0; i < 3; ++i) {
    for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole("none")};
    EXPECT_TRUE(Ask(Extraction()).error);
  }
  a_.script = {Whole("none")};
  const std::size_t before = b_.asked.size();
  const Outcome out = Ask(Extraction());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(b_.asked.size(), before);
  EXPECT_THAT(out.error->message, HasSubstr("schema"));
  a_.script = {Whole(kRight)};
  EXPECT_FALSE(Ask(Extraction()).error) << "an answer that is right is delivered all the same";
}

TEST_F(CascadeTest, OnlyTheFieldsThatFailGoUpATier) {
  Configure("verify: {cascade: {reasks: 0}}");
  a_.script = {Whole(R"({"total":null,"due":"Friday","to":"Ann","no":7})")};
  b_.script = {Whole(R"({"total":12.5})")};
  const Outcome out = Ask(Extraction());
  EXPECT_FALSE(out.error);
  EXPECT_EQ(nlohmann::json::parse(TextOf(out)), nlohmann::json::parse(kRight));
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation");
  EXPECT_EQ(out.model, "a") << "most of the answer is its";
  EXPECT_EQ(out.escalations, 1);
  EXPECT_THAT(out.LastStep(), HasSubstr("a failed json_schema at total; b gave that field"));
  const auto asked = nlohmann::json::parse(b_.asked.front());
  const auto& schema = asked["response_format"]["json_schema"]["schema"];
  EXPECT_THAT(schema["properties"], SizeIs(1));
  EXPECT_TRUE(schema["properties"].contains("total"));
}

TEST_F(CascadeTest, FieldsThatFailAgainAreFollowedByAWholeAnswer) {
  Configure("verify: {cascade: {reasks: 0}}");
  a_.script = {Whole(R"({"total":null,"due":"Friday","to":"Ann","no":7})")};
  b_.script = {Whole(R"({"total":"?"})"), Whole(kRight)};
  const Outcome out = Ask(Extraction());
  EXPECT_EQ(TextOf(out), kRight);
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation b:escalation");
}

TEST_F(CascadeTest, AStreamOfJsonIsRepairedAsAStream) {
  Configure("verify: {stream: hold}");
  a_.script = {Stream("```json\n" + kRight + "\n```")};
  const Outcome out = Ask(Extraction(R"(,"stream":true)"));
  EXPECT_EQ(TextOf(out, true), kRight);
}

TEST_F(CascadeTest, AnInvalidSchemaIsRefusedWithThePlaceOfTheKeyword) {
  Configure();
  const Outcome out =
      Ask(R"({"model":"auto","messages":[{"role":"user","content":"x"}],"response_format":)"
          R"({"type":"json_schema","json_schema":{"name":"x","schema":{"type":"objekt"}}}})");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(out.error->field, "/response_format/json_schema/schema/type");
  EXPECT_THAT(a_.asked, IsEmpty());
}

TEST_F(CascadeTest, AnExchangeMakesNoMoreAttemptsThanItMay) {
  Configure("verify: {cascade: {most: 1, reasks: 0, fields: false}}");
  for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole(kRefusal)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation");
  EXPECT_EQ(TextOf(out), kRefusal);
}

TEST_F(CascadeTest, TheCostCapKeepsFromWhatWouldCostTooMuch) {
  Configure("verify: {cascade: {cost_cap: 1}}");
  for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole(kRefusal)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation") << "a + b + c cost more than c alone";
}

TEST_F(CascadeTest, APinnedModelsAnswerIsItsOwn) {
  Configure();
  a_.script = {Whole(kRefusal)};
  const Outcome out =
      Ask(R"({"model":"a","messages":[{"role":"user","content":"Who wrote Faust?"}]})");
  EXPECT_EQ(TextOf(out), kRefusal);
  EXPECT_THAT(out.doubt, HasSubstr("refusal"));
}

TEST_F(CascadeTest, NothingIsCheckedWhereNoCheckIsWanted) {
  Configure("verify: {default: off}");
  a_.script = {Whole(kRefusal)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(TextOf(out), kRefusal);
  EXPECT_THAT(out.record.verdicts, IsEmpty());
  EXPECT_EQ(out.doubt, "");
}

// --- Streams --------------------------------------------------------------------------------

TEST_F(CascadeTest, AHeldStreamThatIsCutAtAnyByteReleasesNothingOfIt) {
  Configure("verify: {stream: hold}");
  std::string bytes;
  for (const std::string& piece : Stream("From the model that breaks.").pieces) bytes += piece;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    a_.script = {{.pieces = {bytes.substr(0, cut)}, .breaks = true}};
    if (cut == 0) a_.script.front().pieces.clear();
    b_.script = {Stream(kGood)};
    clock_.Advance(std::chrono::minutes(1));  // so that no promotion is refused
    const Outcome out = Ask(kStreamed);
    ASSERT_FALSE(out.error) << cut << ": " << out.error->message << " " << out.Kinds();
    ASSERT_EQ(TextOf(out, true), kGood) << cut;
    ASSERT_EQ(out.body.find("breaks"), std::string::npos) << cut;
  }
}

TEST_F(CascadeTest, AHeldStreamThatNobodyElseCanTakeOverEndsInAnErrorAndNothingElse) {
  Configure("verify: {stream: hold}");
  const Error down{.code = ErrorCode::kUnavailable, .message = "down"};
  Says broken = Stream("Half an");
  broken.pieces.pop_back();
  broken.breaks = true;
  a_.script = {broken};
  b_.script = {{.refuses = down}};
  c_.script = {{.refuses = down}};
  const Outcome out = Ask(kStreamed);
  ASSERT_TRUE(out.error);
  EXPECT_THAT(out.body, IsEmpty());
}

TEST_F(CascadeTest, AHeldStreamThatFailsIsAnsweredByTheNextTier) {
  Configure("verify: {stream: hold}");
  a_.script = {Stream(kRefusal)};
  b_.script = {Stream(kGood)};
  const Outcome out = Ask(kStreamed);
  EXPECT_EQ(TextOf(out, true), kGood);
  EXPECT_EQ(out.Failed(), "0:refusal");
}

TEST_F(CascadeTest, AWindowReleasesOnlyABeginningThatHolds) {
  Configure("verify: {stream: window, window: {tokens: 3}}");
  Says refusing = Stream(kRefusal);
  ASSERT_GE(refusing.pieces.size(), 3U);
  a_.script = {refusing};
  b_.script = {Stream(kGood)};
  const Outcome out = Ask(kStreamed);
  EXPECT_EQ(TextOf(out, true), kGood);
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation");
}

TEST_F(CascadeTest, AfterItsReleaseAStreamIsNeverReplacedButItsVerdictIsTold) {
  Configure(
      "verify: {default: [cites], stream: window, window: {tokens: 1}, patterns: {cites: {pattern: "
      "'\\[\\d+\\]'}}}");
  a_.script = {Stream(kGood)};
  const Outcome out = Ask(kStreamed);
  EXPECT_EQ(out.Kinds(), "a:answer");
  const std::size_t done = out.body.find("data: [DONE]\n\n");
  const std::size_t verdict = out.body.find("event: triage.verdict\n");
  ASSERT_NE(done, std::string::npos);
  ASSERT_NE(verdict, std::string::npos);
  EXPECT_LT(done, verdict);
  EXPECT_THAT(out.body.substr(verdict), HasSubstr(R"("check":"cites")"));
  EXPECT_EQ(out.Failed(), "0:cites");
  EXPECT_THAT(out.LastStep(), HasSubstr("after the stream had been released"));
}

TEST_F(CascadeTest, AfterModeHoldsNothingBack) {
  Configure("verify: {stream: after}");
  a_.script = {Stream(kRefusal)};
  const std::size_t sent = a_.script.front().pieces.size();
  const Outcome out = Ask(kStreamed);
  EXPECT_THAT(out.pieces, SizeIs(sent + 1)) << "and the verdict";
  EXPECT_EQ(out.Failed(), "0:refusal");
}

TEST_F(CascadeTest, TheRequestChoosesTheModeAmongItsChecks) {
  Configure("verify: {stream: after}\npolicies: [{when: {user: u}, verify: [basic, hold]}]");
  a_.script = {Stream(kRefusal)};
  b_.script = {Stream(kGood)};
  const Outcome out = Ask(kQuestion + R"(,"stream":true,"metadata":{"user":"u"}})");
  EXPECT_EQ(TextOf(out, true), kGood);
}

TEST_F(CascadeTest, AModeAloneMeansTheUsualChecks) {
  Configure("verify: {stream: after}");
  a_.script = {Stream(kRefusal)};
  b_.script = {Stream(kGood)};
  const Outcome out = Ask(kQuestion + R"(,"stream":true,"metadata":{"verify":"hold"}})");
  EXPECT_EQ(TextOf(out, true), kGood);
}

TEST_F(CascadeTest, NobodyWaitsForAVerdictThatNothingCouldBeDoneAbout) {
  Configure("verify: {stream: window, window: {tokens: 100}}");
  a_.script = {Stream(kGood)};
  const std::size_t sent = a_.script.front().pieces.size();
  const Outcome out = Ask(
      R"({"model":"a","messages":[{"role":"user","content":"Who wrote Faust?"}],"stream":true})");
  EXPECT_THAT(out.pieces, SizeIs(sent));
}

TEST_F(CascadeTest, AnAnswerTooLongToBeCheckedIsReleasedAsItIs) {
  Configure("verify: {stream: hold, max_bytes: 200B}");
  a_.script = {Stream(std::string(1'000, 'x'))};
  const Outcome out = Ask(kStreamed);
  EXPECT_EQ(TextOf(out, true), std::string(1'000, 'x'));
  ASSERT_THAT(out.record.verdicts, SizeIs(1));
  EXPECT_EQ(out.record.verdicts[0].check, "length");
  EXPECT_EQ(out.record.verdicts[0].outcome, "unsure");
}

// --- Validators -----------------------------------------------------------------------------

class ScriptedValidator final : public verify::Validator {
 public:
  Task<verify::Verdict> Check(const llm::Request&, const llm::Answer& answer,
                              CancelScope&) override {
    seen.push_back(llm::TextOf(answer));
    co_return verify::Verdict{.check = "rules", .outcome = outcome, .reason = "because"};
  }

  verify::Outcome outcome = verify::Outcome::kFail;
  std::vector<std::string> seen;
};

TEST_F(CascadeTest, AWebhooksVerdictCountsAndItsFailureDoesNot) {
  ScriptedValidator validator;
  validators_ = {&validator};
  Configure(
      "verify: {default: [basic, rules], cascade: {reasks: 0}, webhooks: {rules: {url: "
      "\"http://127.0.0.1:9/\"}}}");
  for (ScriptedModel* model : {&a_, &b_, &c_}) model->script = {Whole(kGood)};
  const Outcome refused = Ask(kPlain);
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.Failed(), "0:rules 1:rules 2:rules");
  EXPECT_THAT(validator.seen, ElementsAre(kGood, kGood, kGood));

  validator.outcome = verify::Outcome::kUnsure;
  a_.script = {Whole(kGood)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(TextOf(out), kGood);
  EXPECT_EQ(out.Kinds(), "a:answer");
}

TEST_F(CascadeTest, APatternOfTheConfigurationIsACheckLikeAnyOther) {
  Configure(
      "verify: {default: [cites], cascade: {reasks: 1}, patterns: {cites: {pattern: "
      "'\\[\\d+\\]'}}}");
  a_.script = {Whole(kGood), Whole(kGood + " [1]")};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(TextOf(out), kGood + " [1]");
  EXPECT_EQ(out.Kinds(), "a:answer a:reask");
}

// --- Spot checks ----------------------------------------------------------------------------

Says Verdict(const std::string& verdict, const std::string& p_bad) {
  return ExchangeTest::Whole(R"({"finding":"","verdict":")" + verdict +
                             R"(","segment":-1,"p_bad":)" + p_bad + "}");
}

TEST_F(CascadeTest, AModelOfAnotherFamilyCanHaveAnAnswerReplaced) {
  Configure("verify: {default: [basic, spot_check], spot_check: {model: c, share: 0}}");
  a_.script = {Whole("Schiller wrote Faust.")};
  b_.script = {Whole(kGood)};
  c_.script = {Verdict("hallucination", "0.9"), Verdict("ok", "0.1")};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(TextOf(out), kGood);
  EXPECT_EQ(out.Failed(), "0:spot_check");
  EXPECT_EQ(out.Kinds(), "a:answer b:escalation c:check c:check");
  EXPECT_EQ(out.record.cost, NanoDollars(150 * (1'000 + 10'000 + 2 * 100'000)));
  EXPECT_THAT(c_.asked.front(), HasSubstr("Schiller wrote Faust."));
}

TEST_F(CascadeTest, ASpotCheckThatFailsIsUnsureAndTheAnswerStands) {
  Configure("verify: {default: [basic, spot_check], spot_check: {model: c, share: 0}}");
  for (const Says& says :
       {Whole("I refuse to judge."), Whole(R"({"verdict":"bad"})"),
        Says{.refuses = Error{.code = ErrorCode::kUnavailable, .message = "down"}}}) {
    a_.script = {Whole(kGood)};
    c_.script = {says};
    const Outcome out = Ask(kPlain);
    EXPECT_EQ(TextOf(out), kGood);
    EXPECT_EQ(out.model, "a");
    EXPECT_EQ(out.record.verdicts.back().outcome == "unsure" ||
                  out.record.verdicts.front().outcome == "unsure",
              true);
  }
}

TEST_F(CascadeTest, AnAnswerIsNotJudgedByItsOwnFamily) {
  Configure("verify: {default: [basic, spot_check], spot_check: {model: a, share: 0}}");
  a_.script = {Whole(kGood)};
  const Outcome out = Ask(kPlain);
  EXPECT_EQ(out.Kinds(), "a:answer");
}

TEST_F(CascadeTest, ASpotCheckIsMadeOnlyWhereItPays) {
  Configure("verify: {spot_check: {model: b, share: 0}}");
  a_.script = {Whole(kGood), Whole(kGood)};
  b_.script = {Verdict("ok", "0.1")};
  EXPECT_EQ(
      Ask(R"({"model":"auto","metadata":{"impact":"low"},"messages":[{"role":"user","content":"Who wrote Faust?"}]})")
          .Kinds(),
      "a:answer");
  EXPECT_EQ(
      Ask(R"({"model":"auto","metadata":{"impact":"critical"},"messages":[{"role":"user","content":"Who wrote Faust?"}]})")
          .Kinds(),
      "a:answer b:check");
}

TEST_F(CascadeTest, DeliveredAnswersAreSampledUnderTheirBudgetAndWithTheirProbability) {
  pipeline::SpotChecks checks;
  worker_.spot_checks = &checks;
  Configure("verify: {spot_check: {model: b, intervene: false, share: 1}}");
  int drawn = 0;
  for (int i = 0; i < 300; ++i) {
    a_.script = {Whole(kGood)};
    b_.script = {Verdict("ok", "0.1")};
    const Outcome out = Ask(kPlain);
    EXPECT_EQ(out.Kinds(), "a:answer") << "nobody waits for it";
    drawn += b_.script.empty() ? 1 : 0;
  }
  ASSERT_GT(drawn, 0);
  EXPECT_LT(drawn, 300);
  const std::vector<ledger::LateAttempt> late = ledger_.late();
  ASSERT_THAT(late, SizeIs(drawn));
  EXPECT_EQ(late.front().attempt.kind, ledger::AttemptKind::kCheck);
  ASSERT_THAT(late.front().verdicts, SizeIs(1));
  EXPECT_EQ(late.front().verdicts[0].check, "spot_check");
  EXPECT_EQ(late.front().verdicts[0].outcome, "pass");
  EXPECT_GT(late.front().verdicts[0].propensity, 0);
  EXPECT_LT(late.front().verdicts[0].propensity, 1);
  EXPECT_EQ(checks.active(), 0);
}

TEST_F(CascadeTest, ClientsOfEveryDialectGetTheNextTiersAnswer) {
  Configure();
  const std::string question =
      R"({"model":"auto","max_tokens":50,"messages":[{"role":"user","content":"Who wrote Faust?"}]})";
  llm::Request request;
  request.dialect = llm::Dialect::kAnthropic;
  const auto bytes = [&](const std::string& text) {
    return Says{.pieces = {Bytes(request, text, llm::FinishReason::kStop)}};
  };
  a_.script = {bytes(kRefusal)};
  b_.script = {bytes(kGood)};
  const Outcome out = Ask(question, llm::Dialect::kAnthropic);
  EXPECT_EQ(out.escalations, 1);
  EXPECT_THAT(out.body, HasSubstr(kGood));
}

}  // namespace
}  // namespace triage::app
