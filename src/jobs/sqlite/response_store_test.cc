#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "jobs/open.h"
#include "testing/temp_dir.h"

namespace triage::jobs {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class FakeClock : public Clock {
 public:
  SteadyTime Now() const override { return {}; }

  WallTime WallNow() const override { return now; }

  WallTime now{std::chrono::hours(500'000)};
};

class SqliteResponseStore : public testing::Test {
 protected:
  std::unique_ptr<ResponseStore> Open(std::int64_t max_bytes = 1 << 20) {
    Result<std::unique_ptr<ResponseStore>> store =
        OpenResponseStore({.path = path_, .max_bytes = max_bytes}, clock_);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }

  std::string OpenFailure() {
    const auto store = OpenResponseStore({.path = path_}, clock_);
    return store ? "opened" : store.error().message;
  }

  StoredResponse Made(std::string id, std::string owner = "alice") const {
    return {.id = std::move(id),
            .owner = std::move(owner),
            .created = clock_.now,
            .input_items = R"([{"role":"user","content":"ä"}])",
            .response = R"({"output":[]})"};
  }

  static std::vector<std::string> Ids(const std::vector<StoredResponse>& responses) {
    std::vector<std::string> ids;
    for (const StoredResponse& each : responses) ids.push_back(each.id);
    return ids;
  }

  static bool Has(ResponseStore& store, std::string_view id, std::string_view owner = "alice") {
    const auto found = store.Find(id, owner);
    EXPECT_TRUE(found.has_value()) << found.error().message;
    return found && found->has_value();
  }

  void Sql(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  // All bytes of the file and those beside it.
  std::string AllBytes() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }

  TempDir dir_;
  std::string path_ = dir_.File("responses.db");
  FakeClock clock_;
};

TEST_F(SqliteResponseStore, GivesBackWhatWasPutAlsoAfterARestart) {
  StoredResponse made = Made("resp_1");
  made.status = ResponseStatus::kIncomplete;
  made.background = true;
  made.previous_id = "resp_0";
  made.item_ids = {"fc_1", "msg_1"};
  ASSERT_TRUE(Open()->Put(made).has_value());
  const Result<std::optional<StoredResponse>> found = Open()->Find("resp_1", "alice");
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ(**found, made);
}

TEST_F(SqliteResponseStore, ShowsAResponseToItsOwnerAlone) {
  const auto store = Open();
  StoredResponse made = Made("resp_1");
  made.item_ids = {"msg_1"};
  ASSERT_TRUE(store->Put(made).has_value());
  EXPECT_FALSE(Has(*store, "resp_1", "mallory"));
  EXPECT_FALSE(Has(*store, "resp_1", ""));
  EXPECT_FALSE(store->Delete("resp_1", "mallory").value());
  const std::vector<std::string> ids{"msg_1"};
  EXPECT_THAT(store->FindByItems("mallory", ids).value(), IsEmpty());
  EXPECT_TRUE(Has(*store, "resp_1"));
}

TEST_F(SqliteResponseStore, FindsResponsesByTheItemsTheyMade) {
  const auto store = Open();
  StoredResponse first = Made("resp_1");
  first.item_ids = {"msg_1", "fc_1"};
  StoredResponse second = Made("resp_2");
  second.created += std::chrono::seconds(1);
  second.item_ids = {"msg_2"};
  ASSERT_TRUE(store->Put(first).has_value());
  ASSERT_TRUE(store->Put(second).has_value());
  const std::vector<std::string> ids{"msg_1", "fc_1", "msg_2", "msg_3"};
  EXPECT_THAT(Ids(store->FindByItems("alice", ids).value()), ElementsAre("resp_2", "resp_1"));
  EXPECT_THAT(store->FindByItems("alice", {}).value(), IsEmpty());
}

TEST_F(SqliteResponseStore, LetsWhoFinishesAResponseFirstDecide) {
  const auto store = Open();
  StoredResponse made = Made("resp_1");
  made.status = ResponseStatus::kQueued;
  ASSERT_TRUE(store->Put(made).has_value());
  EXPECT_TRUE(store->Advance({"resp_1", ResponseStatus::kInProgress, "1", {}}).value());
  EXPECT_TRUE(store->Advance({"resp_1", ResponseStatus::kCancelled, "2", {}}).value());
  EXPECT_FALSE(store->Advance({"resp_1", ResponseStatus::kCompleted, "3", {"msg_1"}}).value());
  EXPECT_FALSE(store->Advance({"resp_9", ResponseStatus::kCompleted, "3", {}}).value());
  const StoredResponse found = store->Find("resp_1", "alice").value().value();
  EXPECT_EQ(found.status, ResponseStatus::kCancelled);
  EXPECT_EQ(found.response, "2");
  EXPECT_EQ(found.input_items, made.input_items);
  const std::vector<std::string> ids{"msg_1"};
  EXPECT_THAT(store->FindByItems("alice", ids).value(), IsEmpty());
}

TEST_F(SqliteResponseStore, NamesWhatWasUnfinishedWhenTheProcessEnded) {
  StoredResponse queued = Made("resp_1");
  queued.status = ResponseStatus::kQueued;
  StoredResponse running = Made("resp_2");
  running.status = ResponseStatus::kInProgress;
  {
    const auto store = Open();
    ASSERT_TRUE(store->Put(queued).has_value());
    ASSERT_TRUE(store->Put(running).has_value());
    ASSERT_TRUE(store->Put(Made("resp_3")).has_value());
  }
  EXPECT_THAT(Ids(Open()->Unfinished().value()), ElementsAre("resp_1", "resp_2"));
}

TEST_F(SqliteResponseStore, ForgetsAResponseWhenItsTimeIsOver) {
  const auto store = Open();
  StoredResponse made = Made("resp_1");
  made.status = ResponseStatus::kQueued;
  made.item_ids = {"msg_1"};
  made.response = "a text nobody else has";
  ASSERT_TRUE(store->Put(made).has_value());
  clock_.now += std::chrono::hours(12);
  ASSERT_TRUE(store->Put(Made("resp_2")).has_value());
  clock_.now += std::chrono::hours(12) - std::chrono::microseconds(1);
  EXPECT_TRUE(Has(*store, "resp_1"));
  EXPECT_EQ(store->Expire().value(), 0U);

  clock_.now += std::chrono::microseconds(1);
  EXPECT_FALSE(Has(*store, "resp_1"));  // not there, though still in the file
  EXPECT_THAT(store->Unfinished().value(), IsEmpty());
  EXPECT_FALSE(store->Advance({"resp_1", ResponseStatus::kCompleted, "x", {}}).value());
  EXPECT_FALSE(store->Delete("resp_1", "alice").value());
  EXPECT_THAT(AllBytes(), HasSubstr("a text nobody else has"));
  EXPECT_EQ(store->Expire().value(), 1U);
  EXPECT_THAT(AllBytes(), Not(HasSubstr("a text nobody else has")));
  EXPECT_TRUE(Has(*store, "resp_2"));
}

TEST_F(SqliteResponseStore, OverwritesWhatIsDeleted) {
  const auto store = Open();
  StoredResponse made = Made("resp_1");
  made.input_items = "a text nobody else has" + std::string(20'000, 'x');
  made.item_ids = {"msg_1"};
  ASSERT_TRUE(store->Put(made).has_value());
  EXPECT_TRUE(store->Delete("resp_1", "alice").value());
  EXPECT_FALSE(store->Delete("resp_1", "alice").value());
  EXPECT_FALSE(Has(*store, "resp_1"));
  const std::vector<std::string> ids{"msg_1"};
  EXPECT_THAT(store->FindByItems("alice", ids).value(), IsEmpty());
  EXPECT_THAT(AllBytes(), Not(HasSubstr("a text nobody else has")));
  EXPECT_LT(std::filesystem::file_size(path_), 60'000U);
}

TEST_F(SqliteResponseStore, MakesRoomByTheOldestResponses) {
  auto store = Open(3000);
  for (int i = 1; i <= 4; ++i) {
    StoredResponse made = Made("resp_" + std::to_string(i));
    made.response.assign(600, 'x');
    ASSERT_TRUE(store->Put(made).has_value());
    clock_.now += std::chrono::seconds(1);
  }
  EXPECT_FALSE(Has(*store, "resp_1"));
  EXPECT_TRUE(Has(*store, "resp_2"));
  store = Open(3000);  // the bytes are counted again
  StoredResponse fifth = Made("resp_5");
  fifth.response.assign(600, 'x');
  ASSERT_TRUE(store->Put(fifth).has_value());
  EXPECT_FALSE(Has(*store, "resp_2"));
  EXPECT_TRUE(Has(*store, "resp_3"));
  // Putting the same again takes no more room.
  ASSERT_TRUE(store->Put(fifth).has_value());
  EXPECT_TRUE(Has(*store, "resp_3"));
}

TEST_F(SqliteResponseStore, RefusesAResponseThatWouldFillItAlone) {
  const auto store = Open(3000);
  ASSERT_TRUE(store->Put(Made("resp_1")).has_value());
  StoredResponse large = Made("resp_2");
  large.response.assign(4000, 'x');
  const Result<void> put = store->Put(large);
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(Has(*store, "resp_1"));  // nothing was thrown out for it

  StoredResponse running = Made("resp_3");
  running.status = ResponseStatus::kInProgress;
  ASSERT_TRUE(store->Put(running).has_value());
  const Result<bool> grown =
      store->Advance({"resp_3", ResponseStatus::kCompleted, large.response, {}});
  ASSERT_FALSE(grown.has_value());
  EXPECT_EQ(store->Find("resp_3", "alice").value().value(), running);
}

TEST_F(SqliteResponseStore, CanBeReadByTheFilesOwnerAlone) {
  ASSERT_TRUE(Open()->Put(Made("resp_1")).has_value());
  const auto mode = std::filesystem::status(path_).permissions();
  EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

TEST_F(SqliteResponseStore, RefusesAFileThatIsNotItsOwn) {
  Sql("CREATE TABLE t (x)");
  EXPECT_THAT(OpenFailure(), AllOf(HasSubstr(path_), HasSubstr("this is another database")));
}

TEST_F(SqliteResponseStore, RefusesASchemaFromTheFuture) {
  ASSERT_NE(Open(), nullptr);
  Sql("PRAGMA user_version = 99");
  EXPECT_THAT(OpenFailure(), AllOf(HasSubstr("version 99"), HasSubstr("newer")));
}

TEST_F(SqliteResponseStore, RefusesWhatIsNoDatabaseOrCannotBeOpened) {
  std::ofstream(path_) << std::string(5000, 'x');
  EXPECT_THAT(OpenFailure(), HasSubstr("not an SQLite database"));
  path_ = dir_.File("no/such/folder.db");
  EXPECT_THAT(OpenFailure(), HasSubstr("No such file or directory"));
}

TEST_F(SqliteResponseStore, ReportsADamagedFileAsAnErrorAndLivesOn) {
  {
    const auto store = Open();
    for (int i = 0; i < 50; ++i) {
      StoredResponse made = Made("resp_" + std::to_string(i));
      made.response.assign(3000, 'x');
      ASSERT_TRUE(store->Put(made).has_value());
    }
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(static_cast<std::size_t>(std::filesystem::file_size(path_)) - 4096, 'Z');
  }
  const auto store = OpenResponseStore({.path = path_}, clock_);
  if (!store) {
    EXPECT_THAT(store.error().message, HasSubstr("damaged"));
    return;
  }
  EXPECT_THAT((*store)->Find("resp_1", "alice").error().message, HasSubstr("damaged"));
  EXPECT_THAT((*store)->Put(Made("resp_99")).error().message, HasSubstr("damaged"));
}

TEST_F(SqliteResponseStore, SaysSoWhenAnotherProcessHoldsTheLock) {
  const auto opened =
      OpenResponseStore({.path = path_, .busy_timeout = std::chrono::milliseconds(10)}, clock_);
  ASSERT_TRUE(opened.has_value());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_THAT((*opened)->Put(Made("resp_1")).error().message, HasSubstr("locked"));
  sqlite3_close(other);
  EXPECT_TRUE((*opened)->Put(Made("resp_1")).has_value());
}

TEST(ResponseStatusNames, AreTheApisWords) {
  for (const char* word :
       {"queued", "in_progress", "completed", "incomplete", "failed", "cancelled"}) {
    ASSERT_TRUE(ParseResponseStatus(word).has_value());
    EXPECT_EQ(Name(*ParseResponseStatus(word)), word);
  }
  EXPECT_FALSE(ParseResponseStatus("done").has_value());
}

}  // namespace
}  // namespace triage::jobs
