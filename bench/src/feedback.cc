// Reads labelled turn pairs and prints, one JSON object a line, what the detector says of each; and
// how long a reading takes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "feedback/signals.h"

namespace {

using nlohmann::json;
using triage::feedback::Features;
using triage::feedback::Reading;
using triage::feedback::SignalReader;
using triage::feedback::SketchPair;
using triage::feedback::TurnPair;

struct Row {
  std::string id;
  std::string previous;
  std::string answer;
  std::string turn;
  std::optional<std::chrono::milliseconds> gap;
};

Row ReadRow(const json& object) {
  Row row{.id = object.at("id"),
          .previous = object.at("previous"),
          .answer = object.at("answer"),
          .turn = object.at("turn"),
          .gap = {}};
  if (!object.at("gap_seconds").is_null()) {
    row.gap = std::chrono::milliseconds(
        static_cast<std::int64_t>(object.at("gap_seconds").get<double>() * 1000));
  }
  return row;
}

TurnPair PairOf(const Row& row) {
  return {.previous = row.previous, .answer = row.answer, .turn = row.turn, .gap = row.gap};
}

SketchPair SketchOf(const SignalReader& reader, const Row& row) {
  return {.previous = reader.SketchOf(row.previous, row.answer),
          .turn = row.turn,
          .gap = row.gap,
          .tool_retry = false};
}

json Say(const Reading& reading, const Features& features) {
  json values = json::object();
  for (std::size_t i = 0; i < triage::feedback::kFeatures; ++i) {
    const auto feature = static_cast<triage::feedback::Feature>(i);
    if (features[feature] != 0) values[std::string(Name(feature))] = features[feature];
  }
  return {{"dissatisfied", reading.dissatisfied},
          {"satisfied", reading.satisfied},
          {"signal", Name(reading.signal)},
          {"act", Name(ActOn(reading, {}))},
          {"features", std::move(values)}};
}

// CPU time: others may use the machine too.
double MicrosecondsEach(const SignalReader& reader, const std::vector<Row>& rows) {
  constexpr int kRounds = 20;
  double sum = 0;
  const std::clock_t begin = std::clock();
  for (int round = 0; round < kRounds; ++round) {
    for (const Row& row : rows) sum += reader.Read(PairOf(row)).dissatisfied;
  }
  const double took = 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (sum < 0) std::cerr << "impossible\n";  // so that the loop is not left out
  return took / (static_cast<double>(rows.size()) * kRounds);
}

int Run(const std::string& path) {
  std::ifstream file(path);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) rows.push_back(ReadRow(json::parse(line)));
  }
  if (rows.empty()) {
    std::cerr << "no pairs in " << path << '\n';
    return 1;
  }
  const SignalReader& reader = SignalReader::BuiltIn();
  for (const Row& row : rows) {
    const SketchPair sketch = SketchOf(reader, row);
    std::cout << json{{"id", row.id},
                      {"full", Say(reader.Read(PairOf(row)), reader.FeaturesOf(PairOf(row)))},
                      {"sketch", Say(reader.Read(sketch), reader.FeaturesOf(sketch))}}
                     .dump()
              << '\n';
  }
  // A megabyte of the sets' own words, which nobody types but clients send.
  Row huge = rows.front();
  for (std::size_t i = 0; huge.turn.size() < (1U << 20U); ++i) {
    huge.turn += ' ' + rows[i % rows.size()].turn;
  }
  huge.previous = huge.turn + " again";
  huge.answer = huge.turn;
  std::cout << json{{"microseconds", MicrosecondsEach(reader, rows)},
                    {"microseconds_1mb", MicrosecondsEach(reader, {huge})}}
                   .dump()
            << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Reads labelled turn pairs with the detector of implicit feedback."};
  std::string pairs;
  app.add_option("--pairs", pairs, "JSON lines")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    return Run(pairs);
  } catch (const std::exception& error) {
    std::cerr << pairs << ": " << error.what() << '\n';
    return 1;
  }
}
