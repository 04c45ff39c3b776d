#include "feedback/outcome.h"

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace triage::feedback {
namespace {

using Value = std::variant<std::monostate, bool, double, std::string>;

constexpr std::array<std::string_view, 5> kKinds = {"thumb", "score", "label", "correction",
                                                    "outcome"};
constexpr std::array<std::string_view, 6> kReasons = {"",           "schema", "wrong",
                                                      "incomplete", "tone",   "other"};
constexpr std::array<std::string_view, 7> kMembers = {
    "exchange", "kind", "value", "reason", "comment", "retry", "idempotency_key"};
constexpr std::string_view kShape =
    R"(send one object such as {"exchange": ID, "kind": "thumb", "value": 1}.)";

// Words of labels that say how good an answer was.
constexpr std::array<std::string_view, 10> kGood = {
    "good", "correct", "right", "helpful", "ok", "great", "accepted", "resolved", "perfect", "yes"};
constexpr std::array<std::string_view, 12> kBad = {
    "bad",           "wrong",    "incorrect",  "unhelpful", "incomplete", "useless",
    "hallucination", "rejected", "unresolved", "off_topic", "refused",    "no"};

Error Bad(std::string_view member, std::string_view why) {
  return {.code = ErrorCode::kInvalidRequest,
          .message = member.empty() ? std::string(why) : fmt::format("/{}: {}", member, why),
          .field = member.empty() ? std::string() : fmt::format("/{}", member)};
}

/// Takes a flat object's members; refuses everything else.
class Members : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return Put({}); }

  bool boolean(bool value) override { return Put(value); }

  bool number_integer(number_integer_t value) override { return Put(static_cast<double>(value)); }

  bool number_unsigned(number_unsigned_t value) override { return Put(static_cast<double>(value)); }

  bool number_float(number_float_t value, const string_t&) override { return Put(value); }

  bool string(string_t& value) override { return Put(std::move(value)); }

  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (!inside_) return inside_ = true;
    return Refuse(Bad(member_, "is an object; send a plain value."));
  }

  bool key(string_t& name) override {
    const auto* const known = std::ranges::find(kMembers, name);
    if (known == kMembers.end()) {
      return Refuse(
          Bad("", fmt::format("there is a member that is none of {}.", fmt::join(kMembers, ", "))));
    }
    member_ = *known;
    auto& slot = values_[static_cast<std::size_t>(known - kMembers.begin())];
    if (slot) return Refuse(Bad(member_, "appears more than once; send it once."));
    slot.emplace();
    return true;
  }

  bool end_object() override { return true; }

  bool start_array(std::size_t) override {
    if (!inside_) return Refuse(Bad("", fmt::format("it is an array; {}", kShape)));
    return Refuse(Bad(member_, "is an array; send a plain value."));
  }

  bool end_array() override { return true; }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Refuse(Bad("", fmt::format("it is no JSON at byte {}; {}", position, kShape)));
  }

  /// Null counts as not given.
  Value Take(std::string_view member) {
    const auto* const known = std::ranges::find(kMembers, member);
    auto& slot = values_[static_cast<std::size_t>(known - kMembers.begin())];
    return slot ? std::move(*slot) : Value();
  }

  std::optional<Error>& error() { return error_; }

 private:
  bool Put(Value value) {
    if (!inside_) return Refuse(Bad("", fmt::format("it is no object; {}", kShape)));
    const auto* const known = std::ranges::find(kMembers, member_);
    values_[static_cast<std::size_t>(known - kMembers.begin())] = std::move(value);
    return true;
  }

  bool Refuse(Error error) {
    if (!error_) error_ = std::move(error);
    return false;
  }

  std::array<std::optional<Value>, kMembers.size()> values_;
  std::string_view member_;
  std::optional<Error> error_;
  bool inside_ = false;
};

Error TooLong(std::string_view member, std::size_t most) {
  Error error = Bad(member, fmt::format("is longer than {} bytes; send less.", most));
  error.code = ErrorCode::kTooLarge;
  return error;
}

/// A text of at most `most` bytes; empty when the member was not given.
Result<std::string> Text(Members& members, std::string_view member, std::size_t most) {
  Value value = members.Take(member);
  if (std::holds_alternative<std::monostate>(value)) return std::string();
  auto* const text = std::get_if<std::string>(&value);
  if (text == nullptr) return Bad(member, "is no string; send a string.");
  if (text->size() > most) return TooLong(member, most);
  return std::move(*text);
}

template <std::size_t N>
std::optional<std::size_t> IndexOf(const std::array<std::string_view, N>& names,
                                   std::string_view name) {
  const auto* const found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

Result<void> ReadValue(Members& members, const FeedbackLimits& limits, Feedback& feedback) {
  Value value = members.Take("value");
  if (std::holds_alternative<std::monostate>(value)) return Bad("value", "is missing.");
  const double* const number = std::get_if<double>(&value);
  const bool* const truth = std::get_if<bool>(&value);
  auto* const text = std::get_if<std::string>(&value);
  switch (feedback.kind) {
    case Kind::kThumb:
      if (number == nullptr || (*number != 1 && *number != -1)) {
        return Bad("value", "of a thumb is neither 1 nor -1; send one of them.");
      }
      feedback.number = *number;
      return {};
    case Kind::kScore:
      if (number == nullptr || !(*number >= 0 && *number <= 1)) {
        return Bad("value", "of a score is no number from 0 to 1; scale it to that range.");
      }
      feedback.number = *number;
      return {};
    case Kind::kOutcome:
      if (truth == nullptr) return Bad("value", "of an outcome is neither true nor false.");
      feedback.number = *truth ? 1 : 0;
      return {};
    case Kind::kLabel:
    case Kind::kCorrection: break;
  }
  const bool label = feedback.kind == Kind::kLabel;
  const std::size_t most = label ? limits.label_bytes : limits.correction_bytes;
  if (text == nullptr) return Bad("value", "is no string; send the text as a string.");
  if (Trim(*text).empty()) return Bad("value", "is empty; send the text.");
  if (text->size() > most) return TooLong("value", most);
  feedback.text = std::move(*text);
  return {};
}

bool Printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

Result<Feedback> Build(Members& members, const FeedbackLimits& limits) {
  Feedback feedback;
  Result<std::string> id = Text(members, "exchange", limits.key_bytes);
  if (!id) return std::move(id).error();
  const std::optional<ExchangeId> exchange = ExchangeId::Parse(*id);
  if (!exchange) {
    return Bad("exchange", id->empty() ? "is missing; send the answer's x-triage-id."
                                       : "is no exchange id; send the answer's x-triage-id.");
  }
  feedback.exchange = *exchange;
  Result<std::string> kind = Text(members, "kind", limits.label_bytes);
  if (!kind) return std::move(kind).error();
  const std::optional<std::size_t> kind_index = IndexOf(kKinds, *kind);
  if (!kind_index) {
    return Bad("kind", fmt::format("is none of {}.", fmt::join(kKinds, ", ")));
  }
  feedback.kind = static_cast<Kind>(*kind_index);
  if (Result<void> read = ReadValue(members, limits, feedback); !read) {
    return std::move(read).error();
  }
  Result<std::string> reason = Text(members, "reason", limits.label_bytes);
  if (!reason) return std::move(reason).error();
  const std::optional<std::size_t> reason_index = IndexOf(kReasons, *reason);
  if (!reason_index) {
    return Bad("reason", fmt::format("is none of {}.",
                                     fmt::join(kReasons.begin() + 1, kReasons.end(), ", ")));
  }
  feedback.reason = static_cast<Reason>(*reason_index);
  Result<std::string> comment = Text(members, "comment", limits.comment_bytes);
  if (!comment) return std::move(comment).error();
  feedback.comment = *std::move(comment);
  const Value retry = members.Take("retry");
  if (const bool* const wanted = std::get_if<bool>(&retry)) {
    feedback.retry = *wanted;
  } else if (!std::holds_alternative<std::monostate>(retry)) {
    return Bad("retry", "is neither true nor false.");
  }
  Result<std::string> key = Text(members, "idempotency_key", limits.key_bytes);
  if (!key) return std::move(key).error();
  if (!Printable(*key)) {
    return Bad("idempotency_key", "has a character that is not printable ASCII; send a token.");
  }
  feedback.idempotency_key = *std::move(key);
  const std::optional<TrainingLabel> label = LabelOf(feedback);
  if (feedback.retry && label && label->good > 0.5) {
    return Bad("retry", "is true, but the value says that the answer was good; send one of them.");
  }
  return feedback;
}

}  // namespace

std::string_view Name(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::string_view Name(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

Result<Feedback> ReadFeedback(std::string_view json, const FeedbackLimits& limits) {
  if (json.size() > limits.body_bytes) {
    Error error = Bad("", fmt::format("it is longer than {} bytes; send less.", limits.body_bytes));
    error.code = ErrorCode::kTooLarge;
    return error;
  }
  Members members;
  try {
    if (!nlohmann::json::sax_parse(json, &members)) {
      return members.error().value_or(Bad("", kShape));
    }
  } catch (const std::exception&) {
    return Bad("", fmt::format("it is no JSON; {}", kShape));
  }
  return Build(members, limits);
}

std::optional<TrainingLabel> LabelOf(const Feedback& feedback) {
  TrainingLabel label{.good = 0, .weight = feedback.reason == Reason::kTone ? 0.5 : 1};
  switch (feedback.kind) {
    case Kind::kThumb: label.good = feedback.number > 0 ? 1 : 0; return label;
    case Kind::kScore:
    case Kind::kOutcome: label.good = feedback.number; return label;
    case Kind::kCorrection: return label;
    case Kind::kLabel: break;
  }
  const std::string word = ToLowerAscii(Trim(feedback.text));
  if (std::ranges::find(kGood, word) != kGood.end()) {
    label.good = 1;
    return label;
  }
  if (std::ranges::find(kBad, word) != kBad.end()) return label;
  return std::nullopt;
}

std::optional<TrainingLabel> LabelOf(const Reading& reading, const SignalOptions& options) {
  constexpr double kWeight = 0.3;
  if (!reading.label_model) return std::nullopt;
  if (reading.dissatisfied >= options.label) {
    return TrainingLabel{.good = 1 - reading.dissatisfied, .weight = kWeight};
  }
  if (reading.satisfied > 0) return TrainingLabel{.good = reading.satisfied, .weight = kWeight};
  return std::nullopt;
}

}  // namespace triage::feedback
