#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "jobs/open.h"
#include "jobs/sqlite/connection.h"
#include "jobs/sqlite/migrations.h"

namespace triage::jobs {
namespace {

constexpr std::int64_t kRowBytes = 256;  // what a row takes beside its texts

// NORMAL in WAL: a commit survives the death of the process; the last ones may be lost when the
// machine loses power, but the file stays sound. Text that is deleted is overwritten, and the space
// is given back.
constexpr const char* kSettings =
    "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; "
    "PRAGMA journal_size_limit = 16777216;";

constexpr std::string_view kColumns =
    "id, owner, created_us, status, background, previous_id, input_items, response";

std::int64_t BytesOf(const StoredResponse& response) {
  std::size_t bytes = response.id.size() + response.owner.size() + response.previous_id.size() +
                      response.input_items.size() + response.response.size();
  for (const std::string& id : response.item_ids) bytes += id.size() + response.id.size();
  return static_cast<std::int64_t>(bytes) + kRowBytes;
}

class SqliteResponses : public ResponseStore {
 public:
  SqliteResponses(const ResponseStoreOptions& options, const Clock& clock, Connection connection)
      : path_(options.path),
        ttl_(options.ttl),
        max_bytes_(options.max_bytes),
        clock_(clock),
        connection_(std::move(connection)) {}

  Result<void> CountBytes() {
    const Result<std::int64_t> bytes =
        connection_.QueryInteger("SELECT coalesce(sum(bytes), 0) FROM response");
    if (!bytes) return bytes.error();
    bytes_ = *bytes;
    return {};
  }

  Result<void> Put(const StoredResponse& response) override {
    return Change([&] { return Write(response); });
  }

  Result<bool> Advance(const Progress& progress) override {
    bool moved = false;
    Result<void> done = Change([&]() -> Result<void> {
      Result<std::vector<StoredResponse>> found = Select("id = ? AND created_us > ?", progress.id);
      if (!found) return std::move(found).error();
      if (found->empty() || IsFinal(found->front().status)) return {};
      moved = true;
      StoredResponse& response = found->front();
      response.status = progress.status;
      response.response = progress.response;
      response.item_ids = progress.item_ids;
      return Write(response);
    });
    if (!done) return std::move(done).error();
    return moved;
  }

  Result<std::optional<StoredResponse>> Find(std::string_view id, std::string_view owner) override {
    Result<std::vector<StoredResponse>> found =
        Select("id = ? AND owner = ? AND created_us > ?", id, owner);
    if (!found) return std::move(found).error();
    if (found->empty()) return std::optional<StoredResponse>();
    return std::optional(std::move(found->front()));
  }

  Result<std::vector<StoredResponse>> FindByItems(std::string_view owner,
                                                  std::span<const std::string> ids) override {
    std::map<std::string, StoredResponse> by_id;
    for (const std::string& id : ids) {
      Result<std::vector<StoredResponse>> found = Select(
          "id IN (SELECT response_id FROM response_item WHERE item_id = ?) AND owner = ? AND "
          "created_us > ?",
          id, owner);
      if (!found) return std::move(found).error();
      for (StoredResponse& each : *found) by_id.try_emplace(each.id, std::move(each));
    }
    std::vector<StoredResponse> responses;
    for (auto& [id, response] : by_id) responses.push_back(std::move(response));
    std::ranges::sort(responses, [](const StoredResponse& a, const StoredResponse& b) {
      return std::tie(b.created, b.id) < std::tie(a.created, a.id);
    });
    return responses;
  }

  Result<bool> Delete(std::string_view id, std::string_view owner) override {
    bool deleted = false;
    Result<void> done = Change([&]() -> Result<void> {
      const Result<std::int64_t> removed =
          Remove("id = ? AND owner = ? AND created_us > ?", id, owner, Oldest());
      if (!removed) return removed.error();
      deleted = *removed > 0;
      return {};
    });
    if (done && deleted) done = Scrub();
    if (!done) return std::move(done).error();
    return deleted;
  }

  Result<std::vector<StoredResponse>> Unfinished() override {
    return Select("status IN ('queued', 'in_progress') AND created_us > ?");
  }

  Result<std::size_t> Expire() override {
    std::size_t expired = 0;
    Result<void> done = Change([&]() -> Result<void> {
      const Result<std::int64_t> removed = Remove("created_us <= ?", Oldest());
      if (!removed) return removed.error();
      expired = static_cast<std::size_t>(*removed);
      return {};
    });
    if (done && expired > 0) done = Scrub();
    if (!done) return std::move(done).error();
    return expired;
  }

 private:
  // Responses that were created then or earlier are past their time.
  std::int64_t Oldest() const { return (clock_.WallNow() - ttl_).time_since_epoch().count(); }

  // Gives space back, and begins the log anew, which has removed texts as well.
  Result<void> Scrub() {
    Result<void> done = connection_.Execute("PRAGMA incremental_vacuum");
    if (done) done = connection_.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
    return done;
  }

  // In a transaction; the count of bytes goes with it.
  template <class Work>
  Result<void> Change(const Work& work) {
    const std::int64_t before = bytes_;
    Result<void> done = connection_.Transact(work);
    if (!done) bytes_ = before;
    return done;
  }

  // `where` ends with the oldest time.
  template <class... Values>
  Result<std::vector<StoredResponse>> Select(std::string_view where, const Values&... values) {
    Result<Statement> select = connection_.Prepare(
        fmt::format("SELECT {} FROM response WHERE {} ORDER BY created_us, id", kColumns, where));
    if (!select) return std::move(select).error();
    (select->Bind(values), ...);
    select->Bind(Oldest());
    std::vector<StoredResponse> responses;
    Result<bool> row = select->Step();
    for (; row && *row; row = select->Step()) responses.push_back(ReadRow(*select));
    if (!row) return std::move(row).error();
    for (StoredResponse& response : responses) {
      Result<void> read = ReadItemIds(response);
      if (!read) return std::move(read).error();
    }
    return responses;
  }

  static StoredResponse ReadRow(const Statement& row) {
    StoredResponse response;
    response.id = row.Text(0);
    response.owner = row.Text(1);
    response.created = WallTime(std::chrono::microseconds(row.Integer(2)));
    response.status = ParseResponseStatus(row.Text(3)).value_or(ResponseStatus::kFailed);
    response.background = row.Integer(4) != 0;
    response.previous_id = row.Text(5);
    response.input_items = row.Text(6);
    response.response = row.Text(7);
    return response;
  }

  Result<void> ReadItemIds(StoredResponse& response) {
    Result<Statement> select = connection_.Prepare(
        "SELECT item_id FROM response_item WHERE response_id = ? ORDER BY item_id");
    if (!select) return std::move(select).error();
    select->Bind(response.id);
    Result<bool> row = select->Step();
    for (; row && *row; row = select->Step()) response.item_ids.push_back(select->Text(0));
    if (!row) return std::move(row).error();
    return {};
  }

  template <class... Values>
  Result<std::int64_t> Remove(std::string_view where, const Values&... values) {
    Result<Statement> statement =
        connection_.Prepare(fmt::format("DELETE FROM response WHERE {} RETURNING bytes", where));
    if (!statement) return std::move(statement).error();
    (statement->Bind(values), ...);
    std::int64_t removed = 0;
    Result<bool> row = statement->Step();
    for (; row && *row; row = statement->Step()) {
      ++removed;
      bytes_ -= statement->Integer(0);
    }
    if (!row) return std::move(row).error();
    return removed;
  }

  Result<void> Write(const StoredResponse& response) {
    const std::int64_t bytes = BytesOf(response);
    if (bytes > max_bytes_) {
      return Error{.code = ErrorCode::kTooLarge,
                   .message = fmt::format("The response has {} bytes; {} can be stored.", bytes,
                                          max_bytes_)};
    }
    const Result<std::int64_t> replaced = Remove("id = ?", response.id);
    if (!replaced) return replaced.error();
    Result<void> room = MakeRoom(bytes);
    if (!room) return room;
    Result<Statement> insert = connection_.Prepare(
        "INSERT INTO response (id, owner, created_us, status, background, previous_id, bytes, "
        "input_items, response) VALUES (?,?,?,?,?,?,?,?,?)");
    if (!insert) return std::move(insert).error();
    insert->Bind(response.id).Bind(response.owner);
    insert->Bind(static_cast<std::int64_t>(response.created.time_since_epoch().count()));
    insert->Bind(Name(response.status)).Bind(std::int64_t{response.background ? 1 : 0});
    insert->Bind(response.previous_id).Bind(bytes);
    insert->Bind(response.input_items).Bind(response.response);
    Result<std::int64_t> run = insert->Run();
    if (!run) return std::move(run).error();
    bytes_ += bytes;
    Result<Statement> item = connection_.Prepare(
        "INSERT INTO response_item (item_id, response_id) VALUES (?,?) ON CONFLICT DO NOTHING");
    if (!item) return std::move(item).error();
    for (const std::string& id : response.item_ids) {
      run = item->Bind(id).Bind(response.id).Run();
      if (!run) return std::move(run).error();
    }
    return {};
  }

  // The oldest go until `bytes` more fit.
  Result<void> MakeRoom(std::int64_t bytes) {
    while (bytes_ > 0 && bytes_ + bytes > max_bytes_) {
      const Result<std::int64_t> removed =
          Remove("id = (SELECT id FROM response ORDER BY created_us, id LIMIT 1)");
      if (!removed) return removed.error();
      if (*removed == 0) break;
    }
    return {};
  }

  const std::string path_;
  const std::chrono::seconds ttl_;
  const std::int64_t max_bytes_;
  const Clock& clock_;
  Connection connection_;
  std::int64_t bytes_ = 0;  // of all rows
};

}  // namespace

Result<std::unique_ptr<ResponseStore>> OpenResponseStore(const ResponseStoreOptions& options,
                                                         const Clock& clock) {
  Result<Connection> connection = Connection::Open(options.path, options.busy_timeout);
  if (!connection) return std::move(connection).error();
  // Before anything is changed: the file may be another program's.
  Result<void> done = CheckSchema(*connection, options.path);
  if (!done) return std::move(done).error();
  if (connection->read_only())
    return StoreError(options.path, "the file or its folder is read-only");
  done = connection->Execute("PRAGMA auto_vacuum = INCREMENTAL");  // counts before the first table
  if (done) done = connection->Execute("PRAGMA journal_mode = WAL");
  if (done) done = connection->Execute(kSettings);
  if (done) done = Migrate(*connection, options.path);
  if (!done) return std::move(done).error();
  auto store = std::make_unique<SqliteResponses>(options, clock, *std::move(connection));
  done = store->CountBytes();
  if (!done) return std::move(done).error();
  return std::unique_ptr<ResponseStore>(std::move(store));
}

}  // namespace triage::jobs
