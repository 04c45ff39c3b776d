#include "ledger/sqlite/migrations.h"

#include <array>
#include <cstddef>

#include <fmt/format.h>

namespace triage::ledger {
namespace {

// "TRIA": marks the file as ours for CheckSchema and for file(1).
constexpr std::int64_t kApplicationId = 0x54524941;

// Types and statements are those that PostgreSQL has too (BLOB is its BYTEA), but for the storage
// clause WITHOUT ROWID. `user` is a reserved word there, hence user_name. Columns are described in
// docs/ledger.md.
constexpr const char* kFirst = R"sql(
CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);
CREATE TABLE exchange (
  id TEXT NOT NULL PRIMARY KEY,
  time_us BIGINT NOT NULL,
  dialect TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  stream BIGINT NOT NULL,
  user_name TEXT NOT NULL,
  team TEXT NOT NULL,
  feature TEXT NOT NULL,
  session TEXT NOT NULL,
  impact TEXT NOT NULL,
  error_tolerance TEXT NOT NULL,
  sensitivity TEXT NOT NULL,
  min_tier TEXT NOT NULL,
  max_tier TEXT NOT NULL,
  verify TEXT NOT NULL,
  latency_ms BIGINT,
  query_type TEXT NOT NULL,
  tier TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  status BIGINT NOT NULL,
  error TEXT NOT NULL,
  client_gone BIGINT NOT NULL,
  escalations BIGINT NOT NULL,
  promoted_from TEXT NOT NULL,
  cost_nusd BIGINT NOT NULL,
  cost_complete BIGINT NOT NULL,
  unknown_costs BIGINT NOT NULL,
  baseline_nusd BIGINT,
  first_byte_us BIGINT NOT NULL,
  total_us BIGINT NOT NULL,
  decision TEXT NOT NULL
);
CREATE TABLE attempt (
  exchange_id TEXT NOT NULL REFERENCES exchange (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  kind TEXT NOT NULL,
  tier TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  status BIGINT NOT NULL,
  error TEXT NOT NULL,
  fresh_input BIGINT,
  cache_read BIGINT,
  cache_write_5m BIGINT,
  cache_write_1h BIGINT,
  output BIGINT,
  reasoning BIGINT,
  usage_estimated BIGINT,
  cost_nusd BIGINT,
  cost_estimated BIGINT NOT NULL,
  started_us BIGINT NOT NULL,
  connect_us BIGINT NOT NULL,
  first_byte_us BIGINT NOT NULL,
  total_us BIGINT NOT NULL,
  PRIMARY KEY (exchange_id, number)
) WITHOUT ROWID;
CREATE TABLE rollup_hour (
  hour BIGINT NOT NULL,
  user_name TEXT NOT NULL,
  team TEXT NOT NULL,
  feature TEXT NOT NULL,
  query_type TEXT NOT NULL,
  tier TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  exchanges BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  escalated BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  fresh_input BIGINT NOT NULL,
  cache_read BIGINT NOT NULL,
  cache_write_5m BIGINT NOT NULL,
  cache_write_1h BIGINT NOT NULL,
  output BIGINT NOT NULL,
  reasoning BIGINT NOT NULL,
  cost_nusd BIGINT NOT NULL,
  unknown_cost BIGINT NOT NULL,
  estimated_cost BIGINT NOT NULL,
  baseline_nusd BIGINT NOT NULL,
  compared BIGINT NOT NULL,
  compared_cost_nusd BIGINT NOT NULL,
  compared_baseline_nusd BIGINT NOT NULL,
  without_cost BIGINT NOT NULL,
  without_baseline BIGINT NOT NULL,
  other_cost_nusd BIGINT NOT NULL,
  PRIMARY KEY (hour, user_name, team, feature, query_type, tier, provider, model)
) WITHOUT ROWID;
CREATE TABLE learning (
  exchange_id TEXT NOT NULL PRIMARY KEY,
  feature_schema BIGINT NOT NULL,
  propensity DOUBLE PRECISION NOT NULL,
  labelled BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  features BLOB NOT NULL
);
CREATE INDEX learning_age ON learning (labelled, exchange_id, bytes);
)sql";

// Verdicts and feedback; whose exchange it was.
constexpr const char* kSecond = R"sql(
ALTER TABLE exchange ADD COLUMN client BIGINT NOT NULL DEFAULT 0;
CREATE TABLE verdict (
  exchange_id TEXT NOT NULL REFERENCES exchange (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  check_name TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  p_bad DOUBLE PRECISION NOT NULL,
  propensity DOUBLE PRECISION NOT NULL,
  took_us BIGINT NOT NULL,
  PRIMARY KEY (exchange_id, number)
) WITHOUT ROWID;
CREATE TABLE feedback (
  exchange_id TEXT NOT NULL REFERENCES exchange (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  key TEXT NOT NULL,
  time_us BIGINT NOT NULL,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  reason TEXT NOT NULL,
  good DOUBLE PRECISION,
  weight DOUBLE PRECISION NOT NULL,
  from_exchange TEXT NOT NULL,
  PRIMARY KEY (exchange_id, source, key)
) WITHOUT ROWID;
)sql";

constexpr std::array kMigrations{kFirst, kSecond};

Result<std::int64_t> StoredSchema(Connection& connection) {
  const Result<std::int64_t> tables = connection.QueryInteger(
      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'");
  if (!tables || *tables == 0) return tables;
  return connection.QueryInteger(
      "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema_version'");
}

Result<void> Advance(Connection& connection) {
  const Result<std::int64_t> schema = StoredSchema(connection);
  if (!schema) return schema.error();
  // Another process may have taken the step between our look and our lock.
  if (*schema >= LatestSchema()) return {};
  Result<void> done = connection.Execute(kMigrations[static_cast<std::size_t>(*schema)]);
  if (!done) return done;
  return connection.Execute(
      fmt::format("INSERT INTO meta (key, value) VALUES ('schema_version', '{0}') "
                  "ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                  "PRAGMA application_id = {1};",
                  *schema + 1, kApplicationId)
          .c_str());
}

}  // namespace

std::int64_t LatestSchema() {
  return static_cast<std::int64_t>(kMigrations.size());
}

Result<std::int64_t> CheckSchema(Connection& connection, const std::string& path) {
  const Result<std::int64_t> tables = connection.QueryInteger("SELECT count(*) FROM sqlite_master");
  if (!tables) return tables;
  if (*tables == 0) return 0;
  const Result<std::int64_t> application = connection.QueryInteger("PRAGMA application_id");
  if (!application) return application;
  if (*application != kApplicationId)
    return LedgerError(path, "this is another program's SQLite database");
  const Result<std::int64_t> schema = StoredSchema(connection);
  if (schema && *schema > LatestSchema()) {
    return LedgerError(
        path,
        fmt::format("its schema is version {} and this triage knows versions up to {}: use the "
                    "triage that wrote it, or a newer one",
                    *schema, LatestSchema()));
  }
  return schema;
}

Result<void> Migrate(Connection& connection, const std::string& path) {
  for (;;) {
    const Result<std::int64_t> schema = CheckSchema(connection, path);
    if (!schema) return schema.error();
    if (*schema == LatestSchema()) return {};
    Result<void> done = connection.Execute("BEGIN IMMEDIATE");
    if (!done) return done;
    done = Advance(connection);
    if (done) done = connection.Execute("COMMIT");
    if (!done) {
      (void)connection.Execute("ROLLBACK");
      return done;
    }
  }
}

}  // namespace triage::ledger
