#include "jobs/sqlite/connection.h"

#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace triage::jobs {
namespace {

/// What went wrong, in words that say what to do where SQLite's own do not.
std::string Explain(int code, const char* text) {
  switch (code & 0xFF) {
    case SQLITE_NOTADB: return "the file is not an SQLite database";
    case SQLITE_CORRUPT:
      return "the file is damaged (database disk image is malformed); move it away, it holds "
             "nothing that lives longer than its time to live";
    case SQLITE_FULL: return "the disk is full";
    case SQLITE_BUSY: return "the database is locked by another process";
    case SQLITE_READONLY: return "the file or its folder is read-only";
    default: return text;
  }
}

}  // namespace

Error StoreError(std::string_view path, std::string_view why) {
  return {.code = ErrorCode::kIo,
          .message = "stored responses '" + std::string(path) + "': " + std::string(why)};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(std::string path, sqlite3_stmt* statement)
    : path_(std::move(path)), statement_(statement) {}

Statement& Statement::Bind(std::int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), ++parameter_, value);
  return *this;
}

// A null destructor means that SQLite keeps the pointer and frees nothing (SQLITE_STATIC).
Statement& Statement::Bind(std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  bind_error_ |=
      sqlite3_bind_text64(statement_.get(), ++parameter_, data, text.size(), nullptr, SQLITE_UTF8);
  return *this;
}

Result<bool> Statement::Step() {
  if (bind_error_ != 0) return StoreError(path_, "a value is too large to be stored");
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return StoreError(path_, Explain(code, sqlite3_errmsg(sqlite3_db_handle(statement_.get()))));
}

Result<std::int64_t> Statement::Run() {
  Result<bool> row = true;
  while (row && *row) row = Step();
  const std::int64_t changed = sqlite3_changes64(sqlite3_db_handle(statement_.get()));
  Reset();
  if (!row) return std::move(row).error();
  return changed;
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());  // they point to texts that may go now
  parameter_ = 0;
  bind_error_ = 0;
}

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return size > 0 ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size))
                  : std::string();
}

void Connection::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Connection::Connection(std::string path, sqlite3* database)
    : path_(std::move(path)), database_(database) {}

Result<Connection> Connection::Open(const std::string& path,
                                    std::chrono::milliseconds busy_timeout) {
  // SQLite would create it for everybody to read; its side files get the same mode.
  const int file = open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) close(file);
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  Connection connection(path, database);
  if (code != SQLITE_OK) {
    const int system = database != nullptr ? sqlite3_system_errno(database) : 0;
    std::string why = "cannot be opened";
    if (system != 0) {
      why += ": " + std::generic_category().message(system);
    } else if (database != nullptr) {
      why += std::string(": ") + sqlite3_errmsg(database);
    }
    return StoreError(path, why);
  }
  sqlite3_busy_timeout(database, static_cast<int>(busy_timeout.count()));
  return connection;
}

Result<void> Connection::Execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return StoreError(path_, Explain(code, sqlite3_errmsg(database_.get())));
  return {};
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return StoreError(path_, Explain(code, sqlite3_errmsg(database_.get())));
  return Statement(path_, statement);
}

Result<std::int64_t> Connection::QueryInteger(std::string_view sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) return std::move(statement).error();
  const Result<bool> row = statement->Step();
  if (!row) return row.error();
  return *row ? statement->Integer(0) : 0;
}

bool Connection::read_only() const {
  return sqlite3_db_readonly(database_.get(), "main") == 1;
}

}  // namespace triage::jobs
