#include "ledger/open.h"

#include <mutex>
#include <optional>
#include <utility>

#include "ledger/sqlite/appender.h"
#include "ledger/sqlite/connection.h"
#include "ledger/sqlite/migrations.h"
#include "ledger/sqlite/queries.h"

namespace triage::ledger {
namespace {

/// Two connections, so that a report never waits for the writer nor the writer for a report (WAL).
class SqliteStore : public Store {
 public:
  SqliteStore(std::string path, std::optional<Appender> appender, Connection reading)
      : path_(std::move(path)), appender_(std::move(appender)), reading_(std::move(reading)) {}

  Result<void> Append(std::span<const Exchange> exchanges) override {
    const std::lock_guard lock(append_mutex_);
    if (!appender_) return LedgerError(path_, "opened for reading only");
    return appender_->Append(exchanges);
  }

  Result<Recorded> Append(const Feedback& feedback) override {
    const std::lock_guard lock(append_mutex_);
    if (!appender_) return LedgerError(path_, "opened for reading only");
    return appender_->Append(feedback);
  }

  Result<Recorded> Append(const LateAttempt& late) override {
    const std::lock_guard lock(append_mutex_);
    if (!appender_) return LedgerError(path_, "opened for reading only");
    return appender_->Append(late);
  }

  Result<std::optional<StoredExchange>> FindExchange(const ExchangeId& id) override {
    const std::lock_guard lock(read_mutex_);
    return ledger::FindExchange(reading_, id);
  }

  Result<std::vector<Group>> Aggregate(const TimeRange& range,
                                       std::span<const Dimension> by) override {
    const std::lock_guard lock(read_mutex_);
    return ledger::Aggregate(reading_, range, by);
  }

  Result<void> Visit(const TimeRange& range,
                     const std::function<void(const StoredExchange&)>& visit) override {
    const std::lock_guard lock(read_mutex_);
    return ledger::Visit(reading_, range, visit);
  }

  Result<std::vector<ExchangeSummary>> Recent(std::size_t most,
                                              std::optional<ExchangeId> before) override {
    const std::lock_guard lock(read_mutex_);
    return ledger::Recent(reading_, most, before);
  }

 private:
  const std::string path_;
  std::mutex append_mutex_;
  std::optional<Appender> appender_;
  std::mutex read_mutex_;
  Connection reading_;
};

// NORMAL in WAL: a commit survives the death of the process; the last ones may be lost when the
// machine loses power, but the file stays sound.
constexpr const char* kSettings =
    "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; "
    "PRAGMA journal_size_limit = 67108864;";

Result<Appender> OpenForWriting(const SqliteOptions& options) {
  Result<Connection> connection =
      Connection::Open(options.path, Connection::Access::kReadWriteCreate, options.busy_timeout);
  if (!connection) return std::move(connection).error();
  // Before anything is changed: the file may be another program's.
  const Result<std::int64_t> schema = CheckSchema(*connection, options.path);
  if (!schema) return schema.error();
  if (connection->read_only())
    return LedgerError(options.path, "the file or its folder is read-only");
  Result<void> done = connection->Execute("PRAGMA journal_mode = WAL");
  if (done) done = connection->Execute(kSettings);
  if (done) done = Migrate(*connection, options.path);
  if (!done) return std::move(done).error();
  return Appender::Make(*std::move(connection), options.learning_max_bytes);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqlite(const SqliteOptions& options) {
  std::optional<Appender> appender;
  if (options.mode == OpenMode::kReadWrite) {
    Result<Appender> opened = OpenForWriting(options);
    if (!opened) return std::move(opened).error();
    appender.emplace(*std::move(opened));
  }
  Result<Connection> reading =
      Connection::Open(options.path, Connection::Access::kReadOnly, options.busy_timeout);
  if (!reading) return std::move(reading).error();
  const Result<std::int64_t> schema = CheckSchema(*reading, options.path);
  if (!schema) return schema.error();
  if (*schema == 0)
    return LedgerError(options.path, "the file is empty: nothing has been recorded in it");
  if (*schema < LatestSchema()) {
    return LedgerError(
        options.path,
        "its schema is older than this triage: start `triage serve` on it once, which "
        "brings it up to date");
  }
  return std::unique_ptr<Store>(
      std::make_unique<SqliteStore>(options.path, std::move(appender), *std::move(reading)));
}

}  // namespace triage::ledger
