#include <nlohmann/json.hpp>

#include "reports/render.h"

namespace triage::reports {
namespace {

using nlohmann::ordered_json;

ordered_json Value(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* count = std::get_if<std::int64_t>(&cell)) return *count;
  if (const auto* money = std::get_if<NanoDollars>(&cell)) return money->value();
  if (const auto* share = std::get_if<Share>(&cell)) return share->value;
  return nullptr;
}

ordered_json Object(const Report& report, const Row& row) {
  ordered_json object = ordered_json::object();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Column& column = report.columns[i];
    object[column.key + (column.kind == ColumnKind::kMoney ? "_nusd" : "")] = Value(row[i]);
  }
  return object;
}

}  // namespace

std::string RenderJson(const Report& report) {
  ordered_json root;
  root["title"] = report.title;
  root["range"] = report.range;
  root["rows"] = ordered_json::array();
  for (const Row& row : report.rows) root["rows"].push_back(Object(report, row));
  root["total"] = Object(report, report.total);
  root["notes"] = report.notes;
  // Names of users and features are bytes from outside; what is not UTF-8 becomes U+FFFD instead of
  // an exception.
  return root.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace triage::reports
