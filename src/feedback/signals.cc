#include "feedback/signals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "feedback/compare.h"
#include "feedback/scan.h"
#include "feedback/words.h"

namespace triage::feedback {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, kSignals> kNames = {
    "none",         "rephrase",  "repeat",       "correction",     "frustration",   "asks_human",
    "satisfaction", "follow_up", "topic_change", "business_anger", "duplicate_send"};

constexpr milliseconds kDuplicateGap{3'000};
constexpr milliseconds kQuickGap{30'000};
constexpr milliseconds kLateGap{300'000};  // the window for chats in routing.md 2.5

// So many words may hold one marker without saying anything less by it.
constexpr double kWordsPerMarker = 40;

double Sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

void TimeFeatures(std::optional<milliseconds> gap, bool tool_retry, Features& f) {
  f[Feature::kToolRetry] = tool_retry ? 1 : 0;
  if (!gap) return;
  f[Feature::kQuick] = *gap < kQuickGap ? 1 : 0;
  f[Feature::kLate] = *gap > kLateGap ? 1 : 0;
}

void WordFeatures(const Scan& turn, const Marks& marks, Features& f) {
  const auto set = [&](Feature feature, bool value) { f[feature] = value ? 1 : 0; };
  const double words = static_cast<double>(turn.words().size());
  const auto share = [&](Feature feature, Marker marker) {
    f[feature] = std::min(1.0, marks[marker] / std::max(1.0, words / kWordsPerMarker));
  };
  share(Feature::kEdit, Marker::kEdit);
  share(Feature::kOpeningNo, Marker::kOpeningNo);
  share(Feature::kWrong, Marker::kWrong);
  share(Feature::kAgain, Marker::kAgain);
  share(Feature::kUnhelpful, Marker::kUnhelpful);
  share(Feature::kFrustration, Marker::kFrustration);
  share(Feature::kProfanity, Marker::kProfanity);
  share(Feature::kHuman, Marker::kHuman);
  share(Feature::kSatisfied, Marker::kSatisfied);
  share(Feature::kBut, Marker::kBut);
  share(Feature::kBusiness, Marker::kBusiness);
  share(Feature::kThey, Marker::kThey);
  share(Feature::kFollow, Marker::kFollow);
  share(Feature::kTopic, Marker::kTopic);
  share(Feature::kAdjust, Marker::kAdjust);
  share(Feature::kYourAnswer, Marker::kYourAnswer);
  const bool shouts = turn.letters() > 8 && turn.capitals() * 10 > turn.letters() * 6;
  set(Feature::kCaps, shouts);
  set(Feature::kMarks, turn.doubled_marks());
  set(Feature::kQuestion, turn.asks());
  set(Feature::kUpset, turn.upset());
  set(Feature::kHappy, turn.happy());
  const bool anger = f.Has(Feature::kFrustration) || f.Has(Feature::kProfanity) || shouts ||
                     turn.doubled_marks() || turn.upset();
  const bool matter = f.Has(Feature::kBusiness) || f.Has(Feature::kThey);
  const bool about_answer = f.Has(Feature::kWrong) || f.Has(Feature::kEdit) ||
                            f.Has(Feature::kUnhelpful) || f.Has(Feature::kYourAnswer) ||
                            f.Has(Feature::kOpeningNo) || f.Has(Feature::kHuman);
  const bool complains = about_answer || f.Has(Feature::kAgain) || anger;
  set(Feature::kShort, turn.words().size() <= 3 && !complains);
  set(Feature::kBusinessAnger, anger && matter && !about_answer && !f.Has(Feature::kIdentical));
}

bool IsDuplicate(const Features& f, std::optional<milliseconds> gap, bool tool_retry) {
  return f.Has(Feature::kIdentical) && !tool_retry && gap && *gap <= kDuplicateGap;
}

Error Bad(std::size_t line, std::string_view why) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = fmt::format("weights, line {}: {}", line, why)};
}

/// Of which complaint a feature is evidence. What is left when none of them speaks is a rephrase.
constexpr std::array kEvidence = {
    std::pair{Feature::kWrong, Signal::kCorrection},
    std::pair{Feature::kOpeningNo, Signal::kCorrection},
    std::pair{Feature::kAnswerNegated, Signal::kCorrection},
    std::pair{Feature::kAgain, Signal::kCorrection},
    std::pair{Feature::kYourAnswer, Signal::kCorrection},
    std::pair{Feature::kEdit, Signal::kRephrase},
    std::pair{Feature::kUnhelpful, Signal::kFrustration},
    std::pair{Feature::kFrustration, Signal::kFrustration},
    std::pair{Feature::kProfanity, Signal::kFrustration},
    std::pair{Feature::kCaps, Signal::kFrustration},
    std::pair{Feature::kUpset, Signal::kFrustration},
};

Signal Complaint(const Features& f, const Features& weights) {
  if (f.Has(Feature::kIdentical) || f.Has(Feature::kToolRetry)) return Signal::kRepeat;
  if (f.Has(Feature::kHuman)) return Signal::kAsksHuman;
  std::array<double, kSignals> sums{};
  for (const auto& [feature, signal] : kEvidence) {
    sums[static_cast<std::size_t>(signal)] += std::max(0.0, f[feature] * weights[feature]);
  }
  const auto* const most = std::ranges::max_element(sums);
  return *most > 0 ? static_cast<Signal>(most - sums.begin()) : Signal::kRephrase;
}

Signal Calm(const Features& f) {
  if ((f.Has(Feature::kSatisfied) || f.Has(Feature::kHappy)) && !f.Has(Feature::kBut)) {
    return Signal::kSatisfaction;
  }
  const bool goes_on = f.Has(Feature::kFollow) || f.Has(Feature::kAdjust) ||
                       f.Has(Feature::kFromAnswer) || f.Has(Feature::kCovered) ||
                       f.Has(Feature::kAnswerAsked);
  if (goes_on && !f.Has(Feature::kTopic)) return Signal::kFollowUp;
  return f.Has(Feature::kNewWords) ? Signal::kTopicChange : Signal::kNone;
}

std::string_view ReasonOf(Signal signal) {
  switch (signal) {
    case Signal::kNone: return "The turn says nothing about the answer.";
    case Signal::kRephrase: return "The user asks the same in other words.";
    case Signal::kRepeat: return "The user asks the same again.";
    case Signal::kCorrection: return "The user corrects the answer.";
    case Signal::kFrustration: return "The user is angry or disappointed about the answer.";
    case Signal::kAsksHuman: return "The user asks for a person.";
    case Signal::kSatisfaction: return "The user says that the answer was good.";
    case Signal::kFollowUp: return "The user goes on from the answer.";
    case Signal::kTopicChange: return "The user asks about something else.";
    case Signal::kBusinessAnger: return "The user is angry about the matter, not about the answer.";
    case Signal::kDuplicateSend:
      return "The same text came again within seconds: a client's retry.";
  }
  return {};
}

/// `f` is what the turn was found to be, `duplicate` whether it is a client's retry.
Reading Judge(const Features& f, const Features& weights, bool duplicate) {
  Reading reading;
  if (duplicate) {
    reading.signal = Signal::kDuplicateSend;
    reading.label_model = false;
  } else {
    double sum = 0;
    for (std::size_t i = 0; i < kFeatures; ++i) {
      const auto feature = static_cast<Feature>(i);
      sum += f[feature] * weights[feature];
    }
    reading.dissatisfied = Sigmoid(sum);
    if (f.Has(Feature::kBusinessAnger)) {
      reading.signal = Signal::kBusinessAnger;
      reading.label_model = false;
    } else {
      reading.signal =
          reading.dissatisfied >= SignalOptions{}.label ? Complaint(f, weights) : Calm(f);
    }
  }
  if (reading.signal == Signal::kSatisfaction) reading.satisfied = 1 - reading.dissatisfied;
  reading.reason = ReasonOf(reading.signal);
  return reading;
}

}  // namespace

std::string_view Name(Signal signal) {
  return kNames[static_cast<std::size_t>(signal)];
}

std::string_view Name(Act act) {
  constexpr std::array<std::string_view, 4> kActs = {"nothing", "label", "stakes", "escalate"};
  return kActs[static_cast<std::size_t>(act)];
}

Act ActOn(const Reading& reading, const SignalOptions& options) {
  if (reading.signal == Signal::kDuplicateSend) return Act::kNothing;
  if (!reading.label_model) return Act::kStakes;
  if (reading.dissatisfied >= options.act) return Act::kEscalate;
  return reading.dissatisfied >= options.label ? Act::kLabel : Act::kNothing;
}

struct SignalReader::Data {
  Words words;
  Features weights;
};

SignalReader::SignalReader(std::unique_ptr<const Data> data) : data_(std::move(data)) {}

SignalReader::SignalReader(SignalReader&&) noexcept = default;
SignalReader& SignalReader::operator=(SignalReader&&) noexcept = default;
SignalReader::~SignalReader() = default;

Result<SignalReader> SignalReader::Parse(std::string_view words, std::string_view weights) {
  Result<Words> parsed = Words::Parse(words);
  if (!parsed) return std::move(parsed).error();
  auto data = std::make_unique<Data>();
  data->words = *std::move(parsed);
  std::size_t number = 0;
  while (!weights.empty()) {
    const std::size_t end = std::min(weights.find('\n'), weights.size());
    const std::string_view line = Trim(weights.substr(0, end));
    weights.remove_prefix(std::min(end + 1, weights.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return Bad(number, "FEATURE WEIGHT");
    const std::optional<Feature> feature = ParseFeature(line.substr(0, space));
    if (!feature) return Bad(number, "unknown feature");
    const std::string_view text = Trim(line.substr(space));
    double weight = 0;
    const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), weight);
    if (failed != std::errc() || at != text.data() + text.size() || !std::isfinite(weight)) {
      return Bad(number, "the weight is no number");
    }
    data->weights[*feature] = weight;
  }
  return SignalReader(std::unique_ptr<const Data>(std::move(data)));
}

const SignalReader& SignalReader::BuiltIn() {
  static const SignalReader reader = [] {
    Result<SignalReader> parsed = Parse(BuiltInWords(), BuiltInWeights());
    TRIAGE_CHECK(parsed.has_value());
    return *std::move(parsed);
  }();
  return reader;
}

Features SignalReader::FeaturesOf(const TurnPair& pair) const {
  Features f;
  f[Feature::kBias] = 1;
  Scan turn(pair.turn);
  Scan previous(pair.previous);
  Scan answer(pair.answer);
  Marks marks = data_->words.Find(turn);
  marks.Without(data_->words.Find(previous));
  const Marks answered = data_->words.Find(answer);
  f[Feature::kAnswerClueless] = answered[Marker::kClueless] > 0 ? 1 : 0;
  Compare(previous, answer, turn, f);
  WordFeatures(turn, marks, f);
  TimeFeatures(pair.gap, pair.tool_retry, f);
  return f;
}

Features SignalReader::FeaturesOf(const SketchPair& pair) const {
  Features f;
  f[Feature::kBias] = 1;
  Scan turn(pair.turn);
  const Marks marks = data_->words.Find(turn);
  Compare(pair.previous, SketchScan(turn, nullptr), f);
  WordFeatures(turn, marks, f);
  TimeFeatures(pair.gap, pair.tool_retry, f);
  return f;
}

TurnSketch SignalReader::SketchOf(std::string_view text, std::string_view answer) const {
  Scan scan(text);
  data_->words.Find(scan);
  if (answer.empty()) return SketchScan(scan, nullptr);
  Scan answer_scan(answer);
  const Marks answered = data_->words.Find(answer_scan);
  TurnSketch sketch = SketchScan(scan, &answer_scan);
  sketch.answer_clueless = answered[Marker::kClueless] > 0;
  return sketch;
}

Reading SignalReader::Read(const TurnPair& pair) const {
  const Features f = FeaturesOf(pair);
  return Judge(f, data_->weights, IsDuplicate(f, pair.gap, pair.tool_retry));
}

Reading SignalReader::Read(const SketchPair& pair) const {
  const Features f = FeaturesOf(pair);
  return Judge(f, data_->weights, IsDuplicate(f, pair.gap, pair.tool_retry));
}

Reading ReadSignals(const TurnPair& pair) {
  return SignalReader::BuiltIn().Read(pair);
}

Reading ReadSignals(const SketchPair& pair) {
  return SignalReader::BuiltIn().Read(pair);
}

}  // namespace triage::feedback
