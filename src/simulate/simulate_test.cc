#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "simulate/fault.h"
#include "simulate/latency.h"
#include "simulate/recorded.h"

namespace triage::simulate {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::HasSubstr;

class TempFile {
 public:
  TempFile(const std::string& name, const std::string& text, bool gzip)
      : path_(std::filesystem::temp_directory_path() /
              (name + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    gzFile file = gzopen(path_.c_str(), gzip ? "wb" : "wbT");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  }

  ~TempFile() { std::filesystem::remove(path_); }

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(ModelSpecs, AreReadWithTheirSettings) {
  const auto spec = ParseModelSpec("llama-3.1-8b:ttft=120ms,tps=250,ttft_sigma=0,chunk=8");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "llama-3.1-8b");
  EXPECT_EQ(spec->ttft_median, milliseconds(120));
  EXPECT_DOUBLE_EQ(spec->tokens_per_second, 250);
  EXPECT_DOUBLE_EQ(spec->ttft_sigma, 0);
  EXPECT_EQ(spec->tokens_per_chunk, 8);
}

TEST(ModelSpecs, MayHaveColonsInTheName) {
  EXPECT_EQ(ParseModelSpec("llama3:8b")->name, "llama3:8b");
  EXPECT_EQ(ParseModelSpec("llama3:8b:tps=50")->name, "llama3:8b");
}

TEST(ModelSpecs, ThatAreWrongAreRefusedWithTheReason) {
  EXPECT_THAT(ParseModelSpec("m:speed=3").error().message,
              HasSubstr("unknown model setting 'speed'"));
  EXPECT_THAT(ParseModelSpec("m:ttft=12parsecs").error().message, HasSubstr("12parsecs"));
  EXPECT_THAT(ParseModelSpec("m:tps=0").error().message, HasSubstr("tps"));
  EXPECT_THAT(ParseModelSpec("m:rpm=0").error().message, HasSubstr("rpm"));
  EXPECT_THAT(ParseModelSpec("m:tps=nan").error().message, HasSubstr("tps"));
  EXPECT_THAT(ParseModelSpec(":tps=1").error().message, HasSubstr("no model name"));
  EXPECT_THAT(ParseModelSpec("m:tps=1,").error().message, HasSubstr("empty setting"));
}

TEST(Durations, HaveUnits) {
  EXPECT_EQ(*ParseDuration("250us"), microseconds(250));
  EXPECT_EQ(*ParseDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*ParseDuration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(*ParseDuration("3"), std::chrono::seconds(3));
  EXPECT_FALSE(ParseDuration(""));
  EXPECT_FALSE(ParseDuration("ms"));
  EXPECT_FALSE(ParseDuration("-1s"));
  EXPECT_FALSE(ParseDuration("1e99s"));
}

TEST(Paces, AreTheSameForTheSameSeedModelAndPrompt) {
  const ModelSpec spec{.name = "m"};
  EXPECT_EQ(PaceOf(spec, 7, "a").Total(100), PaceOf(spec, 7, "a").Total(100));
  EXPECT_NE(PaceOf(spec, 7, "a").Total(100), PaceOf(spec, 7, "b").Total(100));
  EXPECT_NE(PaceOf(spec, 7, "a").Total(100), PaceOf(spec, 8, "a").Total(100));
}

TEST(Paces, HaveTheConfiguredMedian) {
  const ModelSpec spec{.name = "m", .ttft_median = milliseconds(100), .ttft_sigma = 0.5};
  std::vector<microseconds> all;
  for (int i = 0; i < 2001; ++i) all.push_back(PaceOf(spec, 1, std::to_string(i)).first_token);
  std::ranges::sort(all);
  EXPECT_NEAR(static_cast<double>(all[1000].count()), 100'000, 4'000);
  EXPECT_NEAR(static_cast<double>(all[1682].count()), 100'000 * std::exp(0.5),
              10'000);  // one sigma up
}

TEST(Paces, AddFirstTokenAndTokens) {
  const ModelSpec spec{.name = "m",
                       .ttft_median = milliseconds(100),
                       .ttft_sigma = 0,
                       .tokens_per_second = 50,
                       .tps_sigma = 0};
  EXPECT_EQ(PaceOf(spec, 1, "x").Total(25), milliseconds(600));
}

TEST(FaultRules, AreReadWithKindAndConditions) {
  const auto rule =
      ParseFaultRule("llama:status=429,retry_after=7,every=20,from=10s,until=1m,p=0.5,times=3");
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(rule->model, "llama");
  EXPECT_EQ(rule->fault.status, 429);
  EXPECT_EQ(rule->fault.retry_after_seconds, 7);
  EXPECT_EQ(rule->every, 20U);
  EXPECT_EQ(rule->from, std::chrono::seconds(10));
  EXPECT_EQ(rule->until, std::chrono::minutes(1));
  EXPECT_DOUBLE_EQ(rule->probability, 0.5);
  EXPECT_EQ(rule->times, 3U);
  EXPECT_EQ(ParseFaultRule("llama3:8b:hang")->model, "llama3:8b");
  EXPECT_EQ(ParseFaultRule("*:content_type=text/html")->fault.content_type, "text/html");
}

TEST(FaultRules, ThatAreWrongAreRefusedWithTheReason) {
  EXPECT_THAT(ParseFaultRule("m:every=2").error().message, HasSubstr("no kind"));
  EXPECT_THAT(ParseFaultRule("m:hang,close").error().message, HasSubstr("two kinds"));
  EXPECT_THAT(ParseFaultRule("m:status=200").error().message, HasSubstr("status"));
  EXPECT_THAT(ParseFaultRule("m:status=5o3").error().message, HasSubstr("status"));
  EXPECT_THAT(ParseFaultRule("m:explode").error().message,
              HasSubstr("unknown fault setting 'explode'"));
  EXPECT_THAT(ParseFaultRule("m:hang=3").error().message, HasSubstr("takes no value"));
  EXPECT_THAT(ParseFaultRule("m:hang,html").error().message, HasSubstr("go with status"));
  EXPECT_THAT(ParseFaultRule("m:hang,p=1.1").error().message, HasSubstr("probability"));
  EXPECT_THAT(ParseFaultRule("m:cut=-1").error().message, HasSubstr("cut"));
  EXPECT_THAT(ParseFaultRule("m:down").error().message, HasSubstr("whole provider"));
  EXPECT_THAT(ParseFaultRule("*:down,p=0.5").error().message, HasSubstr("whole provider"));
  EXPECT_THAT(ParseFaultRule("m:hang,flap=0s").error().message, HasSubstr("flap"));
  EXPECT_THAT(ParseFaultRule("hang").error().message, HasSubstr("no kind"));
}

TEST(FaultFiles, NameTheLineThatIsWrong) {
  const TempFile good("faults", "# calm\n\nm:hang,every=2  # then this\n*:close\n", false);
  ASSERT_TRUE(LoadFaultRules(good.path()));
  EXPECT_EQ(LoadFaultRules(good.path())->size(), 2U);
  const TempFile bad("faults_bad", "m:hang\nm:nonsense\n", false);
  EXPECT_THAT(LoadFaultRules(bad.path()).error().message, HasSubstr(":2: unknown fault"));
  EXPECT_EQ(LoadFaultRules("/nonexistent/faults").error().code, ErrorCode::kIo);
}

TEST(FaultSchedules, StrikeEachNthRequestOfTheirModel) {
  FaultSchedule schedule({*ParseFaultRule("m:status=503,every=3,times=2")}, 1);
  std::string pattern;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(schedule.Next("other", microseconds(0)), nullptr);
    pattern += schedule.Next("m", microseconds(0)) != nullptr ? 'x' : '.';
  }
  EXPECT_EQ(pattern, "..x..x....");
}

TEST(FaultSchedules, FlapFromUpToDownAndBack) {
  FaultSchedule schedule({*ParseFaultRule("m:status=503,flap=2s,from=10s,until=20s")}, 1);
  std::string pattern;
  for (int second = 0; second < 22; ++second)
    pattern += schedule.Next("m", std::chrono::seconds(second)) != nullptr ? 'x' : '.';
  EXPECT_EQ(pattern, "............xx..xx....");
}

TEST(FaultSchedules, TakeTheWholeProviderDownByTime) {
  FaultSchedule schedule({*ParseFaultRule("*:down,from=1s,until=3s"), *ParseFaultRule("m:hang")},
                         1);
  EXPECT_TRUE(schedule.MayBeDown());
  EXPECT_FALSE(schedule.DownAt(milliseconds(999)));
  EXPECT_TRUE(schedule.DownAt(milliseconds(1000)));
  EXPECT_FALSE(schedule.DownAt(milliseconds(3000)));
  const Fault* fault = schedule.Next("m", milliseconds(1500));
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->kind, FaultKind::kHang) << "down is nothing that happens to one request";
  EXPECT_FALSE(FaultSchedule({*ParseFaultRule("m:hang")}, 1).MayBeDown());
}

TEST(FaultSchedules, HaveATimeWindowAndAProbability) {
  FaultSchedule window({*ParseFaultRule("m:hang,from=1s,until=2s")}, 1);
  EXPECT_EQ(window.Next("m", milliseconds(999)), nullptr);
  EXPECT_NE(window.Next("m", milliseconds(1000)), nullptr);
  EXPECT_EQ(window.Next("m", milliseconds(2000)), nullptr);

  FaultSchedule first({*ParseFaultRule("*:hang,p=0.2")}, 42);
  FaultSchedule second({*ParseFaultRule("*:hang,p=0.2")}, 42);
  int struck = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool strikes = first.Next("m", microseconds(0)) != nullptr;
    EXPECT_EQ(strikes, second.Next("m", microseconds(0)) != nullptr);
    struck += strikes ? 1 : 0;
  }
  EXPECT_NEAR(struck, 200, 40);
}

TEST(Tokens, AreAQuarterOfTheCodePointsRoundedUp) {
  EXPECT_EQ(CountTokens(""), 0);
  EXPECT_EQ(CountTokens("abcd"), 1);
  EXPECT_EQ(CountTokens("abcde"), 2);
  EXPECT_EQ(CodePoints("äöü€😀"), 5);
  EXPECT_EQ(CountTokens("äöü€"), 1);
  EXPECT_EQ(PrefixBytes("äb€", 2), 3U);
  EXPECT_EQ(PrefixBytes("äb€", 9), 6U);
  EXPECT_EQ(PrefixBytes("äb€", 0), 0U);
}

constexpr const char* kAnswers = R"({"id":"q1","answers":{"small":"four","big":"4"}})"
                                 "\n"
                                 R"({"id":"q2","answers":{"small":"Grüße"}})"
                                 "\n";
constexpr const char* kOutcomes =
    R"({"id":"q0","dataset":"d","prompt":"unanswered","scores":{"small":1}})"
    "\n"
    R"({"id":"q1","dataset":"d","subject":"sums","prompt":"2+2?","scores":{"small":0.25,"big":1},"extra":[]})"
    "\n"
    R"({"id":"q2","dataset":"d","prompt":"greet","scores":{"small":1}})";

TEST(RecordedFiles, AreJoinedByQuestion) {
  for (const bool gzip : {true, false}) {
    const TempFile answers("answers", kAnswers, gzip);
    const TempFile outcomes("outcomes", kOutcomes, gzip);
    auto questions = LoadRecorded(answers.path(), outcomes.path());
    ASSERT_TRUE(questions) << questions.error().message;
    ASSERT_EQ(questions->size(), 2U);
    EXPECT_EQ((*questions)[0].id, "q1");
    EXPECT_EQ((*questions)[0].subject, "sums");
    EXPECT_EQ((*questions)[0].Score("small"), 0.25);
    EXPECT_EQ((*questions)[0].Score("huge"), std::nullopt);
    const RecordedAnswers recorded(std::move(*questions));
    EXPECT_EQ(recorded.Find("small", "greet"), "Grüße");
    EXPECT_EQ(recorded.Find("big", "greet"), std::nullopt);
    EXPECT_EQ(recorded.Find("small", "unanswered"), std::nullopt);
  }
}

TEST(RecordedFiles, ThatAreBrokenAreRefusedWithTheLine) {
  const TempFile good("answers", kAnswers, true);
  const TempFile broken("broken", std::string(kOutcomes) + "\n{\"id\":", true);
  EXPECT_THAT(LoadRecorded(good.path(), broken.path()).error().message,
              HasSubstr(":4: not a JSON object"));
  const TempFile typed("typed", R"({"id":"q1","prompt":"p","scores":{"small":"1"}})", true);
  EXPECT_THAT(LoadRecorded(good.path(), typed.path()).error().message, HasSubstr("no number"));
  EXPECT_EQ(LoadRecorded("/nonexistent", good.path()).error().code, ErrorCode::kIo);

  std::ifstream whole(good.path(), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(whole)), {});
  const std::string cut_path = good.path() + ".cut";
  std::ofstream(cut_path, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_FALSE(LoadRecorded(cut_path, good.path()));
  std::filesystem::remove(cut_path);
}

}  // namespace
}  // namespace triage::simulate
