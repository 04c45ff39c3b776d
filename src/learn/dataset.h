#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "llm/types.h"

namespace triage::learn {

/// What one model made of one question.
struct Outcome {
  std::uint32_t model = 0;         ///< index into Dataset::models
  float score = 0;                 ///< 0..1 as graded
  std::int64_t output_chars = -1;  ///< length of its answer, -1 when not recorded
};

struct Row {
  std::string id;
  std::string family;
  std::string dataset;
  std::string prompt;
  std::uint16_t tools = 0;  ///< how many tool definitions the request carried
  std::vector<Outcome> outcomes;

  const Outcome* Find(std::uint32_t model) const;
};

/// What a request with this row's prompt asks of a model.
llm::Needs NeedsOf(const Row& row);

/// A line that could not be used.
struct BadLine {
  std::string file;
  std::int64_t line = 0;  ///< from 1
  std::string why;
};

struct Dataset {
  std::vector<std::string> models;
  std::vector<Row> rows;
  std::int64_t bad_lines = 0;
  std::vector<BadLine> first_bad;  ///< at most 20 of them

  std::optional<std::uint32_t> FindModel(std::string_view name) const;
};

struct ReadOptions {
  double max_bad_share = 0.02;  ///< of all lines; more is refused with the first ones named
};

/// Reads outcome files, JSON lines, plain or gzip: `id`, `prompt`, `scores` {model: 0..1} and
/// optionally `family`, `dataset`, `output_chars`, `functions`. Bad lines are counted, located and
/// skipped up to the stated share. Errors: kIo (cannot read), kInvalidRequest (too many bad lines,
/// no rows).
Result<Dataset> ReadDataset(std::span<const std::string> paths, const ReadOptions& options = {});

/// Prices of one model for experiments with recorded outcomes.
struct ModelPrice {
  PricePerMillion input;
  PricePerMillion output;
};

using PriceTable = std::map<std::string, ModelPrice, std::less<>>;

/// Reads `{"models": {NAME: {"input": USD per million, "output": …}}}`.
Result<PriceTable> ReadPrices(const std::string& path);

/// tokens = ceil(characters / 4); characters are Unicode code points of the prompt.
std::int64_t PromptTokens(std::string_view prompt);

/// Median answer length of `model` over the rows of each data set; 400 where none is known.
class OutputLengths {
 public:
  explicit OutputLengths(const Dataset& data);
  /// Answer tokens of `model` on `row`: recorded, else the model's median over the row's data set,
  /// else 100.
  std::int64_t Tokens(const Row& row, std::uint32_t model) const;

 private:
  std::map<std::pair<std::string, std::uint32_t>, std::int64_t> median_chars_;
};

/// Cost of one question at one model.
NanoDollars RowCost(std::int64_t prompt_tokens, std::int64_t output_tokens,
                    const ModelPrice& price);

/// The same for an answer of expected length, in nano-dollars: a belief, never an account.
float ExpectedCost(std::int64_t prompt_tokens, float output_tokens, const ModelPrice& price);

}  // namespace triage::learn
