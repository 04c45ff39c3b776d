#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace triage::ledger {

/// A prepared statement. Parameters and columns count as SQLite does: parameters from 1, columns
/// from 0. Used by one thread at a time and not after its connection.
class Statement {
 public:
  Statement(std::string path, sqlite3_stmt* statement);

  void Bind(int index, std::int64_t value);
  void Bind(int index, double value);
  /// Text and blobs are not copied: they must live until the next Reset.
  void Bind(int index, std::string_view text);
  void BindBlob(int index, std::string_view bytes);
  void BindNull(int index);

  /// True when there is a row to read, false at the end.
  Result<bool> Step();
  /// Runs to the end, then resets.
  Result<void> Run();
  void Reset();

  std::int64_t Integer(int column) const;
  double Number(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  Error Failure(int code) const;

  std::string path_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

/// One connection to an SQLite file. Used by one thread at a time.
class Connection {
 public:
  enum class Access : std::uint8_t { kReadWriteCreate, kReadOnly };

  static Result<Connection> Open(const std::string& path, Access access,
                                 std::chrono::milliseconds busy_timeout);

  /// Runs all statements of `sql`, ignoring rows.
  Result<void> Execute(const char* sql);
  Result<Statement> Prepare(std::string_view sql);
  /// The first column of the first row; 0 when there is none.
  Result<std::int64_t> QueryInteger(std::string_view sql);

  /// True when the file could only be opened for reading.
  bool read_only() const;
  /// Rows changed by the last INSERT, UPDATE or DELETE.
  std::int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  Connection(std::string path, sqlite3* database);

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

/// kIo with `ledger 'PATH': ` in front of `why`.
Error LedgerError(std::string_view path, std::string_view why);

}  // namespace triage::ledger
