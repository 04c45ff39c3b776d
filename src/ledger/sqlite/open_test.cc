#include "ledger/open.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/decision_json.h"
#include "ledger/exchange_json.h"
#include "testing/ledger_builders.h"
#include "testing/temp_dir.h"

namespace triage::ledger {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Runs SQL on a file beside the code under test, as a person with the sqlite3 program would.
class Sql {
 public:
  explicit Sql(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
  }

  ~Sql() { sqlite3_close(database_); }

  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  /// First column of all rows, one text each; "null" for null.
  std::vector<std::string> All(const std::string& sql) {
    std::vector<std::string> rows;
    char* error = nullptr;
    const auto add = [](void* to, int, char** values, char**) {
      static_cast<std::vector<std::string>*>(to)->emplace_back(values[0] == nullptr ? "null"
                                                                                    : values[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), add, &rows, &error), SQLITE_OK)
        << (error ? error : "");
    sqlite3_free(error);
    return rows;
  }

  std::int64_t One(const std::string& sql) {
    const std::vector<std::string> rows = All(sql);
    return rows.size() == 1 && rows[0] != "null" ? std::stoll(rows[0]) : -1;
  }

 private:
  sqlite3* database_ = nullptr;
};

class SqliteLedger : public testing::Test {
 protected:
  std::unique_ptr<Store> Open(std::int64_t learning_max_bytes = 1 << 20,
                              OpenMode mode = OpenMode::kReadWrite) {
    Result<std::unique_ptr<Store>> store =
        OpenSqlite({.path = path_, .mode = mode, .learning_max_bytes = learning_max_bytes});
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    return store ? *std::move(store) : nullptr;
  }

  std::string OpenFailure(OpenMode mode = OpenMode::kReadWrite) {
    const Result<std::unique_ptr<Store>> store = OpenSqlite({.path = path_, .mode = mode});
    if (store) return "opened";
    EXPECT_EQ(store.error().code, ErrorCode::kIo);
    return store.error().message;
  }

  static std::vector<Exchange> Exchanges(std::uint64_t count) {
    std::vector<Exchange> exchanges;
    for (std::uint64_t i = 0; i < count; ++i) exchanges.push_back(TestExchange(i));
    return exchanges;
  }

  TempDir dir_;
  std::string path_ = dir_.File("triage.db");
  const TimeRange always_{TestTime() - std::chrono::hours(1),
                          TestTime() + std::chrono::hours(1000)};
};

TEST_F(SqliteLedger, GivesBackAfterReopeningWhatWasWritten) {
  const std::vector<Exchange> exchanges = Exchanges(9);
  ASSERT_TRUE(Open()->Append(exchanges).has_value());
  const std::unique_ptr<Store> store = Open();
  for (const Exchange& written : exchanges) {
    const Result<std::optional<StoredExchange>> found = store->FindExchange(written.id);
    ASSERT_TRUE(found.has_value() && found->has_value());
    EXPECT_EQ((*found)->decision_json, DecisionJson(written));
    Exchange read = (*found)->exchange;
    EXPECT_TRUE(read.features.empty());
    read.features = written.features;
    read.feature_schema = written.feature_schema;
    EXPECT_EQ(ExchangeJson(read), ExchangeJson(written));
  }
}

TEST_F(SqliteLedger, KeepsWhatIsUnknownUnknown) {
  Exchange written = TestExchange(0);
  written.attempts[0].usage.reset();
  written.attempts[0].cost.reset();
  written.baseline_cost.reset();
  written.context.latency.reset();
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append({&written, 1}).has_value());
  const Exchange read = store->FindExchange(written.id).value()->exchange;
  EXPECT_FALSE(read.attempts[0].usage.has_value());
  EXPECT_FALSE(read.attempts[0].cost.has_value());
  EXPECT_FALSE(read.baseline_cost.has_value());
  EXPECT_FALSE(read.context.latency.has_value());
  EXPECT_THAT(Sql(path_).All("SELECT cost_nusd FROM attempt ORDER BY number"),
              ElementsAre("null", "55555"));
}

TEST_F(SqliteLedger, KeepsTextAsGivenWhateverItsBytes) {
  Exchange written = TestExchange(0);
  written.context.user = std::string("o'brien; DROP TABLE exchange;--\0\xff", 33);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append({&written, 1}).has_value());
  EXPECT_EQ(store->FindExchange(written.id).value()->exchange.context.user, written.context.user);
}

TEST_F(SqliteLedger, FindsNothingUnderAnUnknownId) {
  const std::unique_ptr<Store> store = Open();
  const Result<std::optional<StoredExchange>> found = store->FindExchange(ExchangeId{1, 2});
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->has_value());
}

TEST_F(SqliteLedger, CountsAnExchangeWrittenTwiceOnce) {
  const std::vector<Exchange> exchanges = Exchanges(3);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(exchanges).has_value());
  ASSERT_TRUE(store->Append(exchanges).has_value());
  Sql sql(path_);
  EXPECT_EQ(sql.One("SELECT count(*) FROM exchange"), 3);
  EXPECT_EQ(sql.One("SELECT count(*) FROM attempt"), 6);
  EXPECT_EQ(sql.One("SELECT sum(exchanges) FROM rollup_hour"), 3);
  EXPECT_EQ(sql.One("SELECT count(*) FROM learning"), 3);
}

TEST_F(SqliteLedger, ListsRecentExchangesByPages) {
  const std::vector<Exchange> exchanges = Exchanges(5);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(exchanges).has_value());
  const std::vector<ExchangeSummary> first = store->Recent(2, std::nullopt).value();
  ASSERT_EQ(first.size(), 2);
  EXPECT_EQ(first[0].id, exchanges[4].id);
  EXPECT_EQ(first[1].cost, exchanges[3].cost);
  const std::vector<ExchangeSummary> rest = store->Recent(10, first[1].id).value();
  ASSERT_EQ(rest.size(), 3);
  EXPECT_EQ(rest[0].id, exchanges[2].id);
  EXPECT_EQ(rest[2].user, "user-0");
}

TEST_F(SqliteLedger, VisitsTheExchangesOfARangeOldestFirst) {
  const std::vector<Exchange> exchanges = Exchanges(5);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(exchanges).has_value());
  const auto visited = [&](WallTime from, WallTime to) {
    std::vector<ExchangeId> ids;
    const Result<void> done = store->Visit(
        {from, to}, [&](const StoredExchange& stored) { ids.push_back(stored.exchange.id); });
    EXPECT_TRUE(done.has_value());
    return ids;
  };
  EXPECT_EQ(visited(exchanges[1].time, exchanges[3].time),
            (std::vector{exchanges[1].id, exchanges[2].id, exchanges[3].id}));
  EXPECT_EQ(visited(exchanges[1].time + std::chrono::microseconds(1),
                    exchanges[3].time - std::chrono::microseconds(1)),
            (std::vector{exchanges[2].id}));
  EXPECT_EQ(visited(WallTime(), exchanges[4].time + std::chrono::hours(1)).size(), 5U);
  EXPECT_TRUE(visited(exchanges[4].time + std::chrono::hours(1), WallTime::max()).empty());
  const Result<void> done =
      store->Visit({exchanges[2].time, exchanges[2].time}, [&](const StoredExchange& stored) {
        EXPECT_EQ(stored.exchange.attempts.size(), 2U);
        EXPECT_EQ(stored.exchange.decision.chain, exchanges[2].decision.chain);
      });
  EXPECT_TRUE(done.has_value());
}

TEST_F(SqliteLedger, RollupsEqualTheSumsOverTheRows) {
  std::vector<Exchange> exchanges = Exchanges(200);
  exchanges[3].attempts[0].cost.reset();
  exchanges[3].cost = *exchanges[3].attempts[1].cost;
  exchanges[8].baseline_cost.reset();
  exchanges[9].baseline_cost.reset();
  exchanges[9].attempts.clear();
  exchanges[9].cost = NanoDollars(0);
  exchanges[9].tier = exchanges[9].provider = exchanges[9].model = "";
  const std::unique_ptr<Store> store = Open();
  // In parts, so that rows are added to and not only inserted.
  ASSERT_TRUE(store->Append(std::span(exchanges).first(70)).has_value());
  ASSERT_TRUE(store->Append(std::span(exchanges).subspan(70)).has_value());

  const std::vector<Group> all = store->Aggregate(always_, {}).value();
  ASSERT_EQ(all.size(), 1);
  const Sums& sums = all[0].sums;
  Sql sql(path_);
  EXPECT_EQ(sums.exchanges, 200);
  EXPECT_EQ(sums.failed, sql.One("SELECT count(*) FROM exchange WHERE error <> ''"));
  EXPECT_EQ(sums.attempts, sql.One("SELECT count(*) FROM attempt"));
  EXPECT_EQ(sums.cost.value(), sql.One("SELECT sum(cost_nusd) FROM attempt"));
  EXPECT_EQ(sums.cost.value(), sql.One("SELECT sum(cost_nusd) FROM exchange"));
  EXPECT_EQ(sums.unknown_cost, 1);
  EXPECT_EQ(sums.estimated_cost,
            sql.One("SELECT sum(cost_estimated) FROM attempt WHERE cost_nusd IS NOT NULL"));
  EXPECT_EQ(sums.tokens.fresh_input, sql.One("SELECT sum(fresh_input) FROM attempt"));
  EXPECT_EQ(sums.tokens.cache_read, sql.One("SELECT sum(cache_read) FROM attempt"));
  EXPECT_EQ(sums.tokens.cache_write_5m, sql.One("SELECT sum(cache_write_5m) FROM attempt"));
  EXPECT_EQ(sums.tokens.cache_write_1h, sql.One("SELECT sum(cache_write_1h) FROM attempt"));
  EXPECT_EQ(sums.tokens.output, sql.One("SELECT sum(output) FROM attempt"));
  EXPECT_EQ(sums.tokens.reasoning, sql.One("SELECT sum(reasoning) FROM attempt"));
  EXPECT_EQ(sums.baseline.value(), sql.One("SELECT sum(baseline_nusd) FROM exchange"));
  EXPECT_EQ(sums.compared, 197);
  EXPECT_EQ(sums.without_cost, 1);
  EXPECT_EQ(sums.without_baseline, 2);
  const std::string compared =
      " FROM exchange WHERE baseline_nusd IS NOT NULL AND unknown_costs = 0";
  EXPECT_EQ(sums.compared_cost.value(), sql.One("SELECT sum(cost_nusd)" + compared));
  EXPECT_EQ(sums.compared_baseline.value(), sql.One("SELECT sum(baseline_nusd)" + compared));
  EXPECT_EQ(sums.compared_cost + sums.other_cost, sums.cost);
}

TEST_F(SqliteLedger, EveryGroupingAddsUpToTheSameTotals) {
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(Exchanges(150)).has_value());
  const Sums total = store->Aggregate(always_, {}).value().at(0).sums;
  for (const Dimension first : kAllDimensions) {
    for (const Dimension second : kAllDimensions) {
      Sums sums;
      const std::array by{first, second};
      for (const Group& group : store->Aggregate(always_, by).value()) sums += group.sums;
      EXPECT_EQ(sums.exchanges, total.exchanges);
      EXPECT_EQ(sums.cost, total.cost);
      EXPECT_EQ(sums.compared_baseline, total.compared_baseline);
    }
  }
}

TEST_F(SqliteLedger, PutsCostWhereItAroseAndExchangesWhereTheyWereAnswered) {
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(Exchanges(1)).has_value());
  const std::vector<Group> groups = store->Aggregate(always_, std::array{Dimension::kTier}).value();
  ASSERT_EQ(groups.size(), 2);
  EXPECT_THAT(groups[0].keys, ElementsAre("fast"));
  EXPECT_EQ(groups[0].sums.exchanges, 0);
  EXPECT_EQ(groups[0].sums.cost, NanoDollars(1'111));
  EXPECT_THAT(groups[1].keys, ElementsAre("frontier"));
  EXPECT_EQ(groups[1].sums.exchanges, 1);
  EXPECT_EQ(groups[1].sums.cost, NanoDollars(55'555));
}

TEST_F(SqliteLedger, AggregatesOnlyTheHoursOfTheRange) {
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(Exchanges(150)).has_value());  // minutes 0 to 149: hours 05, 06, 07
  const auto groups = [&](WallTime from, WallTime to) {
    std::vector<std::string> keys;
    for (const Group& group : store->Aggregate({from, to}, std::array{Dimension::kHour}).value()) {
      keys.push_back(group.keys[0] + " " + std::to_string(group.sums.exchanges));
    }
    return keys;
  };
  EXPECT_THAT(groups(always_.from, always_.to),
              ElementsAre("2026-11-24T05:00Z 60", "2026-11-24T06:00Z 60", "2026-11-24T07:00Z 30"));
  const WallTime in_second = TestTime() + std::chrono::minutes(90);
  EXPECT_THAT(groups(in_second, in_second), ElementsAre("2026-11-24T06:00Z 60"));
  EXPECT_THAT(groups(in_second, always_.from), ElementsAre());
  EXPECT_EQ(store->Aggregate({in_second, always_.from}, {}).value().at(0).sums.exchanges, 0);
}

TEST_F(SqliteLedger, LearningStoreForgetsTheOldestUnlabelledRowsFirst) {
  std::vector<Exchange> exchanges = Exchanges(10);
  for (Exchange& exchange : exchanges) exchange.features.assign(36, 'f');  // 100 bytes a row
  {
    const std::unique_ptr<Store> store = Open(1000);
    ASSERT_TRUE(store->Append(std::span(exchanges).first(6)).has_value());
    Sql(path_).All("UPDATE learning SET labelled = 1 WHERE exchange_id = '" +
                   exchanges[0].id.Text() + "'");
  }
  const std::unique_ptr<Store> store = Open(700);
  ASSERT_TRUE(store->Append(std::span(exchanges).subspan(6)).has_value());
  std::vector<std::string> expected{exchanges[0].id.Text()};
  for (std::size_t i = 4; i < 10; ++i) expected.push_back(exchanges[i].id.Text());
  EXPECT_EQ(Sql(path_).All("SELECT exchange_id FROM learning ORDER BY exchange_id"), expected);
  EXPECT_EQ(Sql(path_).One("SELECT sum(bytes) FROM learning"), 700);
}

TEST_F(SqliteLedger, LearningStoreForgetsLabelledRowsWhenNothingElseIsLeft) {
  std::vector<Exchange> exchanges = Exchanges(3);
  for (Exchange& exchange : exchanges) exchange.features.assign(36, 'f');
  const std::unique_ptr<Store> store = Open(200);
  ASSERT_TRUE(store->Append(std::span(exchanges).first(2)).has_value());
  Sql(path_).All("UPDATE learning SET labelled = 1");
  ASSERT_TRUE(store->Append(std::span(exchanges).subspan(2)).has_value());
  EXPECT_THAT(Sql(path_).All("SELECT exchange_id FROM learning ORDER BY exchange_id"),
              ElementsAre(exchanges[0].id.Text(), exchanges[1].id.Text()));
}

TEST_F(SqliteLedger, LearningStoreKeepsSchemaPropensityAndBytes) {
  const Exchange exchange = TestExchange(0);
  ASSERT_TRUE(Open()->Append({&exchange, 1}).has_value());
  EXPECT_THAT(
      Sql(path_).All(
          "SELECT feature_schema || ' ' || propensity || ' ' || hex(features) FROM learning"),
      ElementsAre("3 0.9 0001FF30"));
}

Feedback ThumbDown(const Exchange& exchange) {
  return {.exchange = exchange.id,
          .time = TestTime(),
          .client = exchange.context.client,
          .kind = "thumb",
          .value = "-1",
          .reason = "wrong",
          .good = 0.0,
          .weight = 1.0,
          .key = "k1"};
}

TEST_F(SqliteLedger, JoinsFeedbackStrictlyAndKeepsItOnce) {
  const Exchange written = TestExchange(0);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append({&written, 1}).has_value());
  Feedback feedback = ThumbDown(written);
  EXPECT_EQ(store->Append(feedback).value(), Recorded::kNew);
  feedback.value = "1";
  EXPECT_EQ(store->Append(feedback).value(), Recorded::kRepeated);
  feedback.key = "k2";
  feedback.source = Feedback::Source::kSession;
  feedback.from = TestExchange(1).id;
  EXPECT_EQ(store->Append(feedback).value(), Recorded::kNew);

  feedback.exchange = TestExchange(1).id;
  EXPECT_EQ(store->Append(feedback).value(), Recorded::kUnknownExchange);
  feedback.exchange = written.id;
  feedback.client = 1;
  EXPECT_EQ(store->Append(feedback).value(), Recorded::kNotTheirs);

  const StoredExchange stored = store->FindExchange(written.id).value().value();
  ASSERT_EQ(stored.feedback.size(), 2);
  EXPECT_EQ(stored.feedback[0].value, "-1");
  EXPECT_EQ(stored.feedback[0].good, 0.0);
  EXPECT_EQ(stored.feedback[0].reason, "wrong");
  EXPECT_EQ(stored.feedback[1].from, TestExchange(1).id);
  EXPECT_EQ(stored.feedback[1].source, Feedback::Source::kSession);
}

TEST_F(SqliteLedger, FeedbackThatSaysHowGoodAnAnswerWasLabelsItsFeatures) {
  Exchange sampled = TestExchange(0);
  Exchange other = TestExchange(1);
  sampled.features = "sampled";
  for (Exchange* exchange : {&sampled, &other}) exchange->verdicts.clear();
  other.features.clear();
  const std::vector<Exchange> both{sampled, other};
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(both).has_value());
  const auto learning = [&] {
    return Sql(path_).All("SELECT labelled || features FROM learning ORDER BY exchange_id");
  };
  Feedback comment = ThumbDown(sampled);
  comment.good.reset();
  ASSERT_TRUE(store->Append(comment).has_value());
  EXPECT_THAT(learning(), ElementsAre("0sampled"));
  comment = ThumbDown(sampled);
  comment.key = "k2";
  ASSERT_TRUE(store->Append(comment).has_value());
  Feedback late = ThumbDown(other);
  late.features = "late";
  ASSERT_TRUE(store->Append(late).has_value());
  EXPECT_THAT(learning(), ElementsAre("1sampled", "1late"));
}

TEST_F(SqliteLedger, AnExchangeThatFailedACheckIsALabelledOne) {
  Exchange failed = TestExchange(0);
  failed.features = "x";
  failed.verdicts[0].outcome = "fail";
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append({&failed, 1}).has_value());
  EXPECT_THAT(Sql(path_).All("SELECT labelled FROM learning"), ElementsAre("1"));
}

TEST_F(SqliteLedger, ALateAttemptJoinsItsExchangeAndTheBooksStillBalance) {
  const Exchange written = TestExchange(0);
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append({&written, 1}).has_value());
  LateAttempt late{.exchange = written.id, .attempt = written.attempts[0], .verdicts = {}};
  late.attempt.kind = AttemptKind::kCheck;
  late.attempt.model = "checker";
  late.attempt.cost = NanoDollars(777);
  late.verdicts.push_back({.attempt = 1, .check = "spot_check", .outcome = "fail", .reason = ""});
  EXPECT_EQ(store->Append(late).value(), Recorded::kNew);
  const Exchange read = store->FindExchange(written.id).value()->exchange;
  ASSERT_EQ(read.attempts.size(), written.attempts.size() + 1);
  EXPECT_EQ(read.attempts.back().kind, AttemptKind::kCheck);
  EXPECT_EQ(read.cost, written.cost + NanoDollars(777));
  EXPECT_EQ(read.verdicts.back().check, "spot_check");
  Sql sql(path_);
  EXPECT_EQ(sql.One("SELECT (SELECT sum(cost_nusd) FROM attempt) - "
                    "(SELECT sum(cost_nusd) FROM rollup_hour)"),
            0);
  EXPECT_EQ(sql.One("SELECT sum(compared_cost_nusd) + sum(other_cost_nusd) - "
                    "(SELECT sum(cost_nusd) FROM exchange) FROM rollup_hour"),
            0);
  late.exchange = TestExchange(1).id;
  EXPECT_EQ(store->Append(late).value(), Recorded::kUnknownExchange);
}

TEST_F(SqliteLedger, BringsAFileOfTheFirstVersionUpToDateAndKeepsItsRows) {
  const Exchange written = TestExchange(0);
  ASSERT_TRUE(Open()->Append({&written, 1}).has_value());
  Sql(path_).All(
      "ALTER TABLE exchange DROP COLUMN client; DROP TABLE verdict; DROP TABLE feedback; "
      "UPDATE meta SET value = '1' WHERE key = 'schema_version'");
  const StoredExchange stored = Open()->FindExchange(written.id).value().value();
  EXPECT_EQ(stored.exchange.model, written.model);
  EXPECT_EQ(stored.exchange.attempts.size(), written.attempts.size());
  EXPECT_EQ(stored.exchange.context.client, 0);
}

TEST_F(SqliteLedger, IsMigratedOnceHoweverOftenItIsOpened) {
  for (int i = 0; i < 3; ++i) ASSERT_NE(Open(), nullptr);
  EXPECT_EQ(Sql(path_).One("SELECT value FROM meta WHERE key = 'schema_version'"), 2);
}

TEST_F(SqliteLedger, CanBeCreatedByManyAtTheSameTime) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([this] { EXPECT_NE(Open(), nullptr); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Sql(path_).One("SELECT count(*) FROM meta"), 1);
}

TEST_F(SqliteLedger, RefusesANewerSchema) {
  ASSERT_NE(Open(), nullptr);
  Sql(path_).All("UPDATE meta SET value = '99'");
  EXPECT_THAT(OpenFailure(), AllOf(HasSubstr(path_), HasSubstr("version 99"), HasSubstr("newer")));
  EXPECT_THAT(OpenFailure(OpenMode::kReadOnly), HasSubstr("version 99"));
}

TEST_F(SqliteLedger, RefusesAFolderThatDoesNotExist) {
  path_ = dir_.File("missing/triage.db");
  EXPECT_THAT(OpenFailure(), AllOf(HasSubstr(path_), HasSubstr("No such file or directory")));
}

TEST_F(SqliteLedger, RefusesAFolderAsFile) {
  path_ = dir_.path().string();
  EXPECT_THAT(OpenFailure(), HasSubstr("cannot be opened"));
}

TEST_F(SqliteLedger, RefusesAFileThatIsNotADatabase) {
  std::ofstream(path_) << std::string(8192, 'x');
  EXPECT_THAT(OpenFailure(), HasSubstr("not an SQLite database"));
}

TEST_F(SqliteLedger, RefusesAnotherProgramsDatabaseAndLeavesItAlone) {
  Sql(path_).All("CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(OpenFailure(), HasSubstr("another program's"));
  EXPECT_THAT(Sql(path_).All("SELECT name FROM sqlite_master"), ElementsAre("recipes"));
  EXPECT_THAT(Sql(path_).All("PRAGMA journal_mode"), ElementsAre("delete"));
}

TEST_F(SqliteLedger, RefusesAReadOnlyFile) {
  ASSERT_NE(Open(), nullptr);
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0555), 0);
  // Permissions do not bind root, which is who runs tests in a container.
  const bool root = geteuid() == 0;
  if (root) ASSERT_EQ(seteuid(65534), 0);
  const std::string failure = OpenFailure();
  if (root) ASSERT_EQ(seteuid(0), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_THAT(failure, AllOf(HasSubstr(path_), HasSubstr("read-only")));
}

TEST_F(SqliteLedger, ReportsADamagedFileAsAnErrorAndLivesOn) {
  {
    const std::unique_ptr<Store> store = Open();
    ASSERT_TRUE(store->Append(Exchanges(300)).has_value());
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    const std::string garbage(static_cast<std::size_t>(std::filesystem::file_size(path_)) - 4096,
                              '\x5a');
    file << garbage;
  }
  const Result<std::unique_ptr<Store>> store = OpenSqlite({.path = path_});
  if (!store) {
    EXPECT_THAT(store.error().message, HasSubstr("damaged"));
    return;
  }
  const Result<void> appended = (*store)->Append(Exchanges(301));
  ASSERT_FALSE(appended.has_value());
  EXPECT_THAT(appended.error().message, HasSubstr("damaged"));
}

TEST_F(SqliteLedger, SaysSoWhenAnotherProcessHoldsTheLock) {
  const Result<std::unique_ptr<Store>> store =
      OpenSqlite({.path = path_, .busy_timeout = std::chrono::milliseconds(10)});
  ASSERT_TRUE(store.has_value());
  Sql other(path_);
  other.All("BEGIN IMMEDIATE");
  const Result<void> appended = (*store)->Append(Exchanges(1));
  ASSERT_FALSE(appended.has_value());
  EXPECT_THAT(appended.error().message, HasSubstr("locked"));
  other.All("COMMIT");
  EXPECT_TRUE((*store)->Append(Exchanges(1)).has_value());
}

TEST_F(SqliteLedger, OpenedForReadingTakesNothingAndCreatesNothing) {
  EXPECT_THAT(OpenFailure(OpenMode::kReadOnly), HasSubstr("No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_TRUE(Open()->Append(Exchanges(1)).has_value());
  const std::unique_ptr<Store> store = Open(0, OpenMode::kReadOnly);
  EXPECT_FALSE(store->Append(Exchanges(2)).has_value());
  EXPECT_EQ(store->Aggregate(always_, {}).value().at(0).sums.exchanges, 1);
}

TEST_F(SqliteLedger, OpenedForReadingRefusesAnEmptyFile) {
  std::ofstream(path_).flush();
  EXPECT_THAT(OpenFailure(OpenMode::kReadOnly), HasSubstr("nothing has been recorded"));
}

TEST_F(SqliteLedger, SaysSoWhenASumLeavesSixtyFourBits) {
  std::vector<Exchange> exchanges = Exchanges(2);
  for (Exchange& exchange : exchanges) exchange.baseline_cost = NanoDollars(std::int64_t{1} << 62);
  exchanges[1].context.user = "another row";
  const std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(store->Append(exchanges).has_value());
  EXPECT_THAT(store->Aggregate(always_, {}).error().message, HasSubstr("integer overflow"));
}

}  // namespace
}  // namespace triage::ledger
