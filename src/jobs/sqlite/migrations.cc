#include "jobs/sqlite/migrations.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

namespace triage::jobs {
namespace {

// "TRIJ": marks the file as ours for CheckSchema and for file(1).
constexpr std::int64_t kApplicationId = 0x5452494A;

constexpr const char* kFirst = R"sql(
CREATE TABLE response (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  created_us BIGINT NOT NULL,
  status TEXT NOT NULL,
  background BIGINT NOT NULL,
  previous_id TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  input_items TEXT NOT NULL,
  response TEXT NOT NULL
);
CREATE INDEX response_age ON response (created_us, id, bytes);
CREATE TABLE response_item (
  item_id TEXT NOT NULL,
  response_id TEXT NOT NULL REFERENCES response (id) ON DELETE CASCADE,
  PRIMARY KEY (item_id, response_id)
) WITHOUT ROWID;
CREATE INDEX response_item_response ON response_item (response_id);
)sql";

constexpr std::array kMigrations{kFirst};
constexpr auto kLatest = static_cast<std::int64_t>(kMigrations.size());

Result<void> Advance(Connection& connection) {
  const Result<std::int64_t> schema = connection.QueryInteger("PRAGMA user_version");
  if (!schema) return schema.error();
  // Another process may have taken the step between our look and our lock.
  if (*schema >= kLatest) return {};
  Result<void> done = connection.Execute(kMigrations[static_cast<std::size_t>(*schema)]);
  if (!done) return done;
  return connection.Execute(fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {};",
                                        *schema + 1, kApplicationId)
                                .c_str());
}

}  // namespace

Result<void> CheckSchema(Connection& connection, const std::string& path) {
  const Result<std::int64_t> tables = connection.QueryInteger("SELECT count(*) FROM sqlite_master");
  if (!tables) return tables.error();
  if (*tables == 0) return {};
  const Result<std::int64_t> application = connection.QueryInteger("PRAGMA application_id");
  if (!application) return application.error();
  if (*application != kApplicationId)
    return StoreError(path, "this is another database; give the responses a file of their own");
  const Result<std::int64_t> schema = connection.QueryInteger("PRAGMA user_version");
  if (!schema) return schema.error();
  if (*schema > kLatest) {
    return StoreError(
        path,
        fmt::format("its schema is version {} and this triage knows versions up to {}: use the "
                    "triage that wrote it, or a newer one",
                    *schema, kLatest));
  }
  return {};
}

Result<void> Migrate(Connection& connection, const std::string& path) {
  for (;;) {
    Result<void> checked = CheckSchema(connection, path);
    if (!checked) return checked;
    const Result<std::int64_t> schema = connection.QueryInteger("PRAGMA user_version");
    if (!schema) return schema.error();
    if (*schema == kLatest) return {};
    Result<void> done = connection.Transact([&] { return Advance(connection); });
    if (!done) return done;
  }
}

}  // namespace triage::jobs
