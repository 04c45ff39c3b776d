#include "decide/explain.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decide/decide.h"
#include "decide/printable.h"
#include "decide/test_options.h"

namespace triage::decide {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Asked {
  Options options = ThreeTiers();
  llm::Request request;
  std::vector<double> sufficiency = {0.41, 0.81, 0.93};

  Asked() { request.model = "auto"; }

  Decision Decide() {
    Result<Decision> decision = decide::Decide(options, {.request = request,
                                                         .tokens_in = 1'000,
                                                         .sufficiency = sufficiency,
                                                         .distance = 0.25,
                                                         .query_type = "analysis"});
    EXPECT_TRUE(decision);
    return decision ? *decision : Decision{};
  }

  std::string Story() {
    const Decision decision = Decide();
    return decide::Story(
        decision,
        {.context = &request.context, .requested_model = request.model, .options = &options});
  }
};

TEST(Story, TellsWhatWasAskedWhatEachTierIsWorthAndWhatWouldChangeIt) {
  Asked asked;
  asked.request.context.user = "ann";
  asked.request.context.feature = "chat";
  EXPECT_EQ(
      asked.Story(),
      "Asked:    model auto, kind analysis, about 1000 tokens, user ann, feature chat\n"
      "Goes to:  balanced (haiku)\n"
      "Because:  router: balanced is enough (0.81 >= 0.50); fast is not enough (0.41 < 0.50)\n"
      "Tiers:\n"
      "    fast       41 % likely enough  about $0.000082, $0.03 at risk\n"
      "  * balanced   81 % likely enough  about $0.0009, $0.0095 at risk\n"
      "    frontier   93 % likely enough  about $0.0065, $0.0035 at risk\n"
      "Steps:\n"
      "  1. router: balanced is enough (0.81 >= 0.50); fast is not enough (0.41 < 0.50)\n"
      "Checks:   basic\n"
      "Known:    75 % like the questions that the router learned from\n"
      "Changes:  fast is taken above 55 % (50 % threshold and 5 points of band); it had 41 %\n");
}

TEST(Story, SaysWhatTheRouterWouldHaveDoneWithoutThePolicy) {
  Asked asked;
  asked.request.context.user = "ceo";
  asked.request.context.impact = llm::Impact::kCritical;
  EXPECT_THAT(asked.Story(), HasSubstr("impact critical"));
  EXPECT_THAT(asked.Story(), HasSubstr("Goes to:  frontier (opus, then gpt)\n"));
  EXPECT_THAT(asked.Story(),
              HasSubstr("Changes:  without that policy the router would have chosen balanced\n"));
}

TEST(Story, PromisesNoTierThatAPolicyOrTheBandKeepsOut) {
  Asked asked;
  asked.request.context.impact = llm::Impact::kHigh;
  EXPECT_THAT(asked.Story(), HasSubstr("fast is taken above 55 %, where the policies allow it ("));
  asked.request.context.impact = llm::Impact::kNormal;
  asked.options.thresholds = {0.97, 0.5};
  EXPECT_THAT(asked.Story(), HasSubstr("fast is out of reach for this request (97 % threshold"));
}

TEST(Story, SaysWhereACheapTiersLuckEnds) {
  Asked asked;
  asked.sufficiency = {0.8, 0.9, 0.95};
  EXPECT_THAT(asked.Story(), HasSubstr("Changes:  below 55 % it would have gone up a tier\n"));
}

TEST(Story, OfANamedModelOutsideTheLadderHasNoTier) {
  Asked asked;
  asked.request.model = "side";
  EXPECT_THAT(asked.Story(), HasSubstr("Goes to:  no tier (side)\n"));
  EXPECT_THAT(asked.Story(), HasSubstr("Changes:  model \"auto\" would let Triage choose\n"));
}

TEST(Story, KeepsTheUsersNameOnItsLine) {
  Asked asked;
  asked.request.context.user = "ann\nGoes to:  nowhere";
  EXPECT_THAT(asked.Story(), Not(HasSubstr("\nGoes to:  nowhere")));
}

TEST(Story, OfAStoredDecisionNeedsNeitherOptionsNorContext) {
  Asked asked;
  const std::string story = Story(asked.Decide());
  EXPECT_THAT(story, HasSubstr("Goes to:  balanced"));
  EXPECT_THAT(story, Not(HasSubstr("Changes:")));
  EXPECT_NE(Story(Decision{}), "");
}

TEST(Reason, IsOneShortAsciiLineWhateverTheNamesAre) {
  Asked asked;
  asked.request.context.feature = "naïve\r\nx-evil: 1";
  const Decision decision = asked.Decide();
  const std::string reason = Reason(decision);
  EXPECT_EQ(reason, "policy: feature=na?ve  x-evil: 1: at least frontier");

  asked.options.tiers[1].name = std::string(300, 'b') + "\xff\n";
  asked.request.context.feature.clear();
  const std::string long_reason = Reason(asked.Decide());
  EXPECT_EQ(long_reason.size(), 120U);
  EXPECT_TRUE(long_reason.ends_with("..."));
  EXPECT_TRUE(std::all_of(long_reason.begin(), long_reason.end(),
                          [](char c) { return c >= 0x20 && c < 0x7F; }));
}

TEST(Reason, OfADecisionWithoutStepsIsUnknown) {
  EXPECT_EQ(Reason(Decision{}), "unknown");
}

TEST(Printable, CutsAndReplacesButKeepsPlainText) {
  EXPECT_EQ(Printable("plain text", 80), "plain text");
  EXPECT_EQ(Printable("0123456789", 10), "0123456789");
  EXPECT_EQ(Printable("0123456789a", 10), "0123456...");
  EXPECT_EQ(Printable("\x7f\x01\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 80), "  ???");
  EXPECT_EQ(Printable("\x80\xff", 80).find_first_not_of('?'), std::string::npos);
  EXPECT_EQ(Printable("", 5), "");
}

TEST(Capability, NamesAreReadAsTheyAreWritten) {
  for (const char* name :
       {"tools", "vision", "json", "json_schema", "logprobs", "several_choices"}) {
    const std::optional<Capability> capability = ParseCapability(name);
    ASSERT_TRUE(capability) << name;
    EXPECT_EQ(Name(*capability), name);
  }
  EXPECT_FALSE(ParseCapability("Tools"));
}

}  // namespace
}  // namespace triage::decide
