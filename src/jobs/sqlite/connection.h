#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace triage::jobs {

/// A prepared statement. Parameters count from 1, columns from 0, as SQLite does. Used by one
/// thread at a time and not after its connection.
class Statement {
 public:
  Statement(std::string path, sqlite3_stmt* statement);

  /// Binds the next parameter. Text is not copied: it must live until the next Reset.
  Statement& Bind(std::int64_t value);
  Statement& Bind(std::string_view text);

  /// True when there is a row to read, false at the end.
  Result<bool> Step();
  /// Runs to the end, then resets. How many rows have been changed.
  Result<std::int64_t> Run();
  /// Ready for new parameters.
  void Reset();

  std::int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  std::string path_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int parameter_ = 0;
  int bind_error_ = 0;
};

/// One connection to an SQLite file. Used by one thread at a time.
class Connection {
 public:
  /// Creates the file, readable by its owner alone, when there is none.
  static Result<Connection> Open(const std::string& path, std::chrono::milliseconds busy_timeout);

  /// Runs all statements of `sql`, ignoring rows.
  Result<void> Execute(const char* sql);
  Result<Statement> Prepare(std::string_view sql);
  /// The first column of the first row; 0 when there is none.
  Result<std::int64_t> QueryInteger(std::string_view sql);

  /// True when the file could only be opened for reading.
  bool read_only() const;

  /// Runs `work` in a transaction; rolled back when it fails.
  template <class Work>
  Result<void> Transact(const Work& work) {
    Result<void> done = Execute("BEGIN IMMEDIATE");
    if (!done) return done;
    done = work();
    if (done) done = Execute("COMMIT");
    // Fails where SQLite has rolled back by itself; either way nothing is left.
    if (!done) (void)Execute("ROLLBACK");
    return done;
  }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };

  Connection(std::string path, sqlite3* database);

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

/// kIo with `stored responses 'PATH': ` in front of `why`.
Error StoreError(std::string_view path, std::string_view why);

}  // namespace triage::jobs
