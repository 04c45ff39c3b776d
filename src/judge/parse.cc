#include "judge/parse.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include <simdjson.h>

#include "base/text.h"

namespace triage::judge {
namespace {

constexpr std::array kVerdicts{Verdict::kOk, Verdict::kHallucination, Verdict::kInconsistent,
                               Verdict::kNonAnswer, Verdict::kFormat};

// A model that gives most of its probability to something else has not understood the question.
constexpr double kLeastMass = 0.5;

bool IsProbability(double value) {
  return value >= 0 && value <= 1;  // false for NaN
}

/// Probabilities of the labels A, B, … at the answer's first token that is not blank; nothing
/// unless that token is one of them.
std::optional<std::vector<double>> LabelProbabilities(const llm::Answer& answer,
                                                      std::size_t labels) {
  const auto label_of = [&](std::string_view token) -> std::optional<std::size_t> {
    const std::string_view text = Trim(token);
    if (text.size() != 1 || text[0] < 'A') return std::nullopt;
    const auto index = static_cast<std::size_t>(text[0] - 'A');
    return index < labels ? std::optional(index) : std::nullopt;
  };
  const auto first = std::ranges::find_if(
      answer.logprobs, [](const llm::TokenLogprob& token) { return !Trim(token.token).empty(); });
  if (first == answer.logprobs.end()) return std::nullopt;
  const auto chosen = label_of(first->token);
  if (!chosen || Trim(llm::TextOf(answer)).substr(0, 1) != Trim(first->token)) return std::nullopt;

  std::vector<double> found(labels, 0);
  double least = first->logprob;
  double all = 0;
  bool chosen_listed = false;
  for (const llm::TokenLogprob& token : first->top) {
    if (std::isnan(token.logprob)) return std::nullopt;
    least = std::min(least, token.logprob);
    all += std::exp(token.logprob);
    const auto label = label_of(token.token);
    if (!label) continue;
    found[*label] += std::exp(token.logprob);
    chosen_listed = chosen_listed || label == chosen;
  }
  // A host that lists no alternatives, or not the chosen one.
  if (!chosen_listed) {
    found[*chosen] += std::exp(first->logprob);
    all += std::exp(first->logprob);
  }
  constexpr double kRounding = 1e-3;
  if (!std::isfinite(all) || all > 1 + kRounding) return std::nullopt;
  double mass = 0;
  for (const double value : found) mass += value;
  if (mass < kLeastMass) return std::nullopt;
  // A label that is not listed is less probable than all that are (e^(least − 1)), and they share
  // what is left.
  const auto missing = static_cast<double>(std::ranges::count(found, 0.0));
  const double rest = std::max(0.0, 1 - all);
  const bool listed = first->top.size() > 1;
  const double floor = listed ? std::exp(least - 1) : 1.0;
  for (double& value : found) {
    if (value == 0) value = std::min(rest / missing, floor);
  }
  mass = 0;
  for (const double value : found) mass += value;
  for (double& value : found) value /= mass;
  return found;
}

/// The text without one code fence around all of it, which models put there against all advice.
std::string_view Unfenced(std::string_view text) {
  text = Trim(text);
  if (!text.starts_with("```") || !text.ends_with("```") || text.size() < 6) return text;
  std::string_view inner = text.substr(3, text.size() - 6);
  const std::size_t line = inner.find('\n');
  if (line == inner.npos) return text;
  const std::string_view language = Trim(inner.substr(0, line));
  if (!language.empty() && language != "json") return text;
  return Trim(inner.substr(line));
}

/// The fields of an answer's one JSON object, each at most once.
class Fields {
 public:
  static std::optional<Fields> Read(simdjson::dom::parser& parser, const llm::Answer& answer) {
    const std::string text(Unfenced(llm::TextOf(answer)));
    simdjson::dom::object object;
    if (parser.parse(text).get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
    return Fields(object);
  }

  std::size_t size() const { return object_.size(); }

  std::optional<std::string_view> Text(std::string_view key) const {
    std::string_view value;
    return object_.at_key(key).get_string().get(value) == simdjson::SUCCESS ? std::optional(value)
                                                                            : std::nullopt;
  }

  std::optional<double> Probability(std::string_view key) const {
    double value = 0;
    const bool number = object_.at_key(key).get_double().get(value) == simdjson::SUCCESS;
    return number && IsProbability(value) ? std::optional(value) : std::nullopt;
  }

  std::optional<std::int64_t> Integer(std::string_view key) const {
    std::int64_t value = 0;
    return object_.at_key(key).get_int64().get(value) == simdjson::SUCCESS ? std::optional(value)
                                                                           : std::nullopt;
  }

 private:
  explicit Fields(simdjson::dom::object object) : object_(object) {}

  simdjson::dom::object object_;
};

/// A refusal, or an answer that was cut off, is no judgement; a label needs no end.
bool Usable(const llm::Answer& answer, Form form) {
  const bool refused = std::ranges::any_of(answer.parts, [](const llm::Part& part) {
    return std::holds_alternative<llm::RefusalPart>(part);
  });
  using llm::FinishReason;
  const bool ended =
      answer.finish == FinishReason::kStop || answer.finish == FinishReason::kUnknown;
  return !refused && (ended || (form == Form::kLabel && answer.finish == FinishReason::kLength));
}

std::optional<Verdict> ParseVerdict(std::string_view text) {
  for (const Verdict verdict : kVerdicts) {
    if (Name(verdict) == text) return verdict;
  }
  return std::nullopt;
}

}  // namespace

Result<Calibration> Calibration::Make(std::vector<Knot> knots) {
  for (std::size_t i = 0; i < knots.size(); ++i) {
    const auto& [stated, observed] = knots[i];
    const bool grows = i == 0 || (stated > knots[i - 1].first && observed >= knots[i - 1].second);
    if (!IsProbability(stated) || !IsProbability(observed) || !grows) {
      return Error{.code = ErrorCode::kInvalidRequest,
                   .message =
                       "a calibration is pairs of probabilities [stated, observed], the "
                       "stated ones growing, the observed ones not falling"};
    }
  }
  Calibration calibration;
  calibration.knots_ = std::move(knots);
  return calibration;
}

double Calibration::operator()(double stated) const {
  if (knots_.empty()) return stated;
  const auto above = std::ranges::upper_bound(knots_, stated, {}, &Knot::first);
  if (above == knots_.begin()) return above->second;
  const auto below = std::prev(above);
  if (above == knots_.end()) return below->second;
  const double part = (stated - below->first) / (above->first - below->first);
  return below->second + part * (above->second - below->second);
}

std::optional<RoutingVerdict> ReadRouting(const llm::Answer& answer, const Question& question,
                                          const Calibration& calibration) {
  if (!Usable(answer, question.form)) return std::nullopt;
  if (question.form == Form::kLabel) {
    const auto labels = LabelProbabilities(answer, 2);
    if (!labels) return std::nullopt;
    return RoutingVerdict{.probability = calibration(labels->front()), .crux = {}};
  }
  simdjson::dom::parser parser;
  const std::optional<Fields> fields = Fields::Read(parser, answer);
  if (!fields || fields->size() != 2) return std::nullopt;
  const auto crux = fields->Text("crux");
  const auto probability = fields->Probability("p_acceptable");
  if (!crux || !probability) return std::nullopt;
  return RoutingVerdict{.probability = calibration(*probability), .crux = std::string(*crux)};
}

std::optional<SpotCheckVerdict> ReadSpotCheck(const llm::Answer& answer, const Question& question,
                                              const Calibration& calibration) {
  if (!Usable(answer, question.form)) return std::nullopt;
  if (question.form == Form::kLabel) {
    const auto labels = LabelProbabilities(answer, kVerdicts.size());
    if (!labels) return std::nullopt;
    const double bad = std::clamp(1 - labels->front(), 0.0, 1.0);
    const auto fault = std::max_element(labels->begin() + 1, labels->end());
    const auto index = bad > 0.5 ? fault - labels->begin() : 0;
    return SpotCheckVerdict{.verdict = kVerdicts[static_cast<std::size_t>(index)],
                            .span = std::nullopt,
                            .p_bad = calibration(bad)};
  }
  simdjson::dom::parser parser;
  const std::optional<Fields> fields = Fields::Read(parser, answer);
  if (!fields || fields->size() != 4) return std::nullopt;
  const auto finding = fields->Text("finding");
  const auto word = fields->Text("verdict");
  const auto segment = fields->Integer("segment");
  const auto bad = fields->Probability("p_bad");
  if (!finding || !word || !segment || !bad) return std::nullopt;
  const auto verdict = ParseVerdict(*word);
  if (!verdict) return std::nullopt;
  const bool contradicts = *verdict == Verdict::kOk ? *bad > 0.5 : *bad < 0.5;
  const auto spans = static_cast<std::int64_t>(question.spans.size());
  if (contradicts || *segment < -1 || *segment >= spans) return std::nullopt;
  SpotCheckVerdict read{.verdict = *verdict, .span = std::nullopt, .p_bad = calibration(*bad)};
  if (*segment >= 0 && *verdict != Verdict::kOk) {
    read.span = question.spans[static_cast<std::size_t>(*segment)];
  }
  return read;
}

}  // namespace triage::judge
