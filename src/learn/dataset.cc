#include "learn/dataset.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

namespace triage::learn {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLine = std::size_t{64} << 20;
constexpr std::size_t kShownBadLines = 20;
constexpr std::int64_t kUnknownAnswerChars = 400;

struct GzClose {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

/// Lines of a plain or gzip file.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : file_(gzopen(path.c_str(), "rb")) {
    if (file_) gzbuffer(file_.get(), 1 << 17);
  }

  bool is_open() const { return file_ != nullptr; }

  /// False at the end or on a read error.
  bool Next(std::string& line) {
    line.clear();
    char buffer[1 << 14];
    while (line.size() < kMaxLine && gzgets(file_.get(), buffer, sizeof buffer) != nullptr) {
      line += buffer;
      if (line.ends_with('\n')) {
        line.pop_back();
        return true;
      }
    }
    return !line.empty();
  }

  std::string ReadError() const {
    int code = 0;
    const char* text = gzerror(file_.get(), &code);
    // A file cut off in the middle shows only as "not at the end of the stream".
    if (code == Z_OK || code == Z_STREAM_END) return gzeof(file_.get()) ? "" : "unexpected end";
    return text;
  }

 private:
  std::unique_ptr<gzFile_s, GzClose> file_;
};

class RowParser {
 public:
  explicit RowParser(Dataset& data) : data_(data) {}

  /// Empty on success, else why the line is bad.
  std::string Add(std::string_view line) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) return "not valid JSON";
    if (!json.is_object()) return "not a JSON object";
    Row row;
    if (!Text(json, "prompt", row.prompt) || row.prompt.empty()) return "no text in \"prompt\"";
    if (!Text(json, "id", row.id)) return "no text in \"id\"";
    Text(json, "family", row.family);
    Text(json, "dataset", row.dataset);
    const auto functions = json.find("functions");
    if (functions != json.end()) {
      // One definition may stand without a list.
      const std::size_t count = functions->is_array() ? functions->size()
                                : functions->empty()  ? 0
                                                      : 1;
      row.tools = static_cast<std::uint16_t>(std::min<std::size_t>(count, 65'535));
    }
    const auto scores = json.find("scores");
    if (scores == json.end() || !scores->is_object() || scores->empty()) {
      return "no object with scores in \"scores\"";
    }
    const auto chars = json.find("output_chars");
    for (const auto& [model, score] : scores->items()) {
      if (!score.is_number()) return "score of " + model + " is not a number";
      const double value = score.get<double>();
      if (!(value >= 0 && value <= 1)) return "score of " + model + " is not in 0..1";
      Outcome outcome{.model = ModelIndex(model), .score = static_cast<float>(value)};
      if (chars != json.end() && chars->is_object()) {
        const auto length = chars->find(model);
        if (length != chars->end() && length->is_number_integer()) {
          outcome.output_chars = length->get<std::int64_t>();
        }
      }
      row.outcomes.push_back(outcome);
    }
    data_.rows.push_back(std::move(row));
    return {};
  }

 private:
  static bool Text(const Json& json, const char* key, std::string& out) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_string()) return false;
    out = it->get_ref<const std::string&>();
    return true;
  }

  std::uint32_t ModelIndex(const std::string& name) {
    const auto [it, fresh] =
        index_.try_emplace(name, static_cast<std::uint32_t>(data_.models.size()));
    if (fresh) data_.models.push_back(name);
    return it->second;
  }

  Dataset& data_;
  std::unordered_map<std::string, std::uint32_t> index_;
};

}  // namespace

const Outcome* Row::Find(std::uint32_t model) const {
  for (const Outcome& outcome : outcomes) {
    if (outcome.model == model) return &outcome;
  }
  return nullptr;
}

llm::Needs NeedsOf(const Row& row) {
  llm::Needs needs;
  needs.tools = row.tools > 0;
  return needs;
}

std::optional<std::uint32_t> Dataset::FindModel(std::string_view name) const {
  const auto it = std::find(models.begin(), models.end(), name);
  if (it == models.end()) return std::nullopt;
  return static_cast<std::uint32_t>(it - models.begin());
}

Result<Dataset> ReadDataset(std::span<const std::string> paths, const ReadOptions& options) {
  Dataset data;
  RowParser parser(data);
  std::int64_t lines = 0;
  for (const std::string& path : paths) {
    LineReader reader(path);
    if (!reader.is_open()) {
      return Error{.code = ErrorCode::kIo, .message = fmt::format("cannot open {}", path)};
    }
    std::string line;
    for (std::int64_t number = 1; reader.Next(line); ++number) {
      if (line.find_first_not_of(" \t\r") == line.npos) continue;
      ++lines;
      std::string why = parser.Add(line);
      if (why.empty()) continue;
      ++data.bad_lines;
      if (data.first_bad.size() < kShownBadLines) {
        data.first_bad.push_back({path, number, std::move(why)});
      }
    }
    if (const std::string why = reader.ReadError(); !why.empty()) {
      return Error{.code = ErrorCode::kIo, .message = fmt::format("reading {}: {}", path, why)};
    }
  }
  if (static_cast<double>(data.bad_lines) > options.max_bad_share * static_cast<double>(lines)) {
    std::string message = fmt::format("{} of {} lines are unusable (at most {:.0f} % are skipped)",
                                      data.bad_lines, lines, 100 * options.max_bad_share);
    for (std::size_t i = 0; i < std::min<std::size_t>(data.first_bad.size(), 3); ++i) {
      const BadLine& bad = data.first_bad[i];
      message += fmt::format("; {}:{}: {}", bad.file, bad.line, bad.why);
    }
    return Error{.code = ErrorCode::kInvalidRequest, .message = std::move(message)};
  }
  if (data.rows.empty()) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = "the files hold no rows"};
  }
  return data;
}

Result<PriceTable> ReadPrices(const std::string& path) {
  LineReader reader(path);
  if (!reader.is_open()) {
    return Error{.code = ErrorCode::kIo, .message = fmt::format("cannot open {}", path)};
  }
  std::string text;
  for (std::string line; reader.Next(line);) text += line + "\n";
  const Json json = Json::parse(text, nullptr, false);
  const auto bad = [&](std::string_view why) {
    return Error{.code = ErrorCode::kInvalidRequest, .message = fmt::format("{}: {}", path, why)};
  };
  if (!json.is_object() || !json.contains("models") || !json["models"].is_object()) {
    return bad("no object \"models\"");
  }
  PriceTable table;
  for (const auto& [model, entry] : json["models"].items()) {
    ModelPrice price;
    for (const auto& [key, target] :
         {std::pair{"input", &price.input}, std::pair{"output", &price.output}}) {
      if (!entry.is_object() || !entry.contains(key) || !entry[key].is_number()) {
        return bad(fmt::format("{} has no number \"{}\"", model, key));
      }
      auto parsed = ParsePrice(entry[key].dump());
      if (!parsed) return bad(fmt::format("{}: {}", model, parsed.error().message));
      *target = *parsed;
    }
    table.emplace(model, price);
  }
  return table;
}

std::int64_t PromptTokens(std::string_view prompt) {
  const auto chars = std::count_if(prompt.begin(), prompt.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not a UTF-8 continuation byte
  });
  return (chars + 3) / 4;
}

OutputLengths::OutputLengths(const Dataset& data) {
  std::map<std::pair<std::string, std::uint32_t>, std::vector<std::int64_t>> all;
  for (const Row& row : data.rows) {
    for (const Outcome& outcome : row.outcomes) {
      if (outcome.output_chars >= 0) {
        all[{row.dataset, outcome.model}].push_back(outcome.output_chars);
      }
    }
  }
  for (auto& [key, values] : all) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    median_chars_.emplace(key, *middle);
  }
}

std::int64_t OutputLengths::Tokens(const Row& row, std::uint32_t model) const {
  const Outcome* outcome = row.Find(model);
  std::int64_t chars = outcome != nullptr ? outcome->output_chars : -1;
  if (chars < 0) {
    const auto it = median_chars_.find({row.dataset, model});
    chars = it != median_chars_.end() ? it->second : kUnknownAnswerChars;
  }
  return (chars + 3) / 4;
}

NanoDollars RowCost(std::int64_t prompt_tokens, std::int64_t output_tokens,
                    const ModelPrice& price) {
  CostSum sum;
  sum.Add(prompt_tokens, price.input);
  sum.Add(output_tokens, price.output);
  return sum.Rounded();
}

float ExpectedCost(std::int64_t prompt_tokens, float output_tokens, const ModelPrice& price) {
  const double sum =
      static_cast<double>(prompt_tokens) * static_cast<double>(price.input.nano_dollars) +
      double{output_tokens} * static_cast<double>(price.output.nano_dollars);
  return static_cast<float>(sum / 1e6);
}

}  // namespace triage::learn
