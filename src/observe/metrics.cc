#include "observe/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"

namespace triage::observe {
namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool IsMetricName(std::string_view name) {
  return !name.empty() && IsLetter(name.front()) &&
         std::ranges::all_of(name, [](char c) { return IsLetter(c) || (c >= '0' && c <= '9'); });
}

void AppendEscaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

template <class T>
void AppendNumber(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {
      out += std::isnan(value) ? "NaN" : (value > 0 ? "+Inf" : "-Inf");
      return;
    }
  }
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

/// In the shown unit.
void AppendScaled(std::string& out, std::int64_t value, Unit unit) {
  if (unit == Unit::kSeconds) {
    AppendNumber(out, static_cast<double>(value) / 1e9);
  } else {
    AppendNumber(out, value);
  }
}

/// `a="b",c="d"`, without braces.
std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ',';
    text += name;
    text += "=\"";
    AppendEscaped(text, value, true);
    text += '"';
  }
  return text;
}

void AppendName(std::string& out, std::string_view name, std::string_view suffix,
                std::string_view labels, std::string_view more = {}) {
  out += name;
  out += suffix;
  if (!labels.empty() || !more.empty()) {
    out += '{';
    out += labels;
    if (!labels.empty() && !more.empty()) out += ',';
    out += more;
    out += '}';
  }
  out += ' ';
}

void AppendHistogram(std::string& out, std::string_view name, std::string_view labels,
                     const Histogram& histogram) {
  const Histogram::Snapshot now = histogram.Read();
  const Buckets& buckets = histogram.buckets();
  std::uint64_t running = 0;
  for (std::size_t i = 0; i < now.counts.size(); ++i) {
    running += now.counts[i];
    std::string bound = "le=\"";
    if (i < buckets.bounds.size()) {
      AppendScaled(bound, buckets.bounds[i], buckets.unit);
    } else {
      bound += "+Inf";
    }
    bound += '"';
    AppendName(out, name, "_bucket", labels, bound);
    AppendNumber(out, running);
    out += '\n';
  }
  AppendName(out, name, "_sum", labels);
  AppendScaled(out, now.sum, buckets.unit);
  out += '\n';
  AppendName(out, name, "_count", labels);
  AppendNumber(out, now.count);
  out += '\n';
}

}  // namespace

std::size_t MetricSlot() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t slot = next.fetch_add(1, std::memory_order_relaxed) % kMetricSlots;
  return slot;
}

std::uint64_t Counter::value() const {
  std::uint64_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.value.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(Buckets buckets)
    : buckets_(std::move(buckets)),
      lines_per_slot_((buckets_.bounds.size() + 2 + 7) / 8),
      lines_(lines_per_slot_ * kMetricSlots) {
  TRIAGE_CHECK(std::ranges::is_sorted(buckets_.bounds));
}

void Histogram::Record(std::int64_t value) {
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(buckets_.bounds, value) -
                                               buckets_.bounds.begin());
  const std::size_t slot = MetricSlot();
  Cell(slot, bucket).fetch_add(1, std::memory_order_relaxed);
  Cell(slot, buckets_.bounds.size() + 1)
      .fetch_add(static_cast<std::uint64_t>(value), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::Read() const {
  const std::size_t buckets = buckets_.bounds.size() + 1;
  Snapshot total{.counts = std::vector<std::uint64_t>(buckets), .count = 0, .sum = 0};
  std::uint64_t sum = 0;  // modulo 2^64, so that negative values add up too
  for (std::size_t slot = 0; slot < kMetricSlots; ++slot) {
    for (std::size_t i = 0; i < buckets; ++i) {
      total.counts[i] += ReadCell(slot, i);
    }
    sum += ReadCell(slot, buckets);
  }
  total.count = std::accumulate(total.counts.begin(), total.counts.end(), std::uint64_t{0});
  total.sum = static_cast<std::int64_t>(sum);
  return total;
}

struct Registry::Series {
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Gauge> gauge;
  std::unique_ptr<Histogram> histogram;
  std::function<double()> read;
};

struct Registry::Family {
  std::string help;
  std::string type;
  std::map<std::string, Series> series;  // by label text
};

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Series& Registry::Find(std::string_view name, std::string_view help,
                                 std::string_view type, Labels labels) {
  TRIAGE_CHECK(IsMetricName(name));
  for (const auto& label : labels) TRIAGE_CHECK(IsMetricName(label.first) && label.first != "le");
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto family = std::make_unique<Family>();
    family->help = help;
    family->type = type;
    found = families_.emplace(std::string(name), std::move(family)).first;
  }
  Family& family = *found->second;
  TRIAGE_CHECK(family.type == type);
  return family.series[LabelText(labels)];
}

Counter& Registry::AddCounter(std::string_view name, std::string_view help, Labels labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(name, help, "counter", std::move(labels));
  TRIAGE_CHECK(!series.read);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& Registry::AddGauge(std::string_view name, std::string_view help, Labels labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(name, help, "gauge", std::move(labels));
  TRIAGE_CHECK(!series.read);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Registry::AddHistogram(std::string_view name, std::string_view help,
                                  const Buckets& buckets, Labels labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(name, help, "histogram", std::move(labels));
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(buckets);
  return *series.histogram;
}

void Registry::AddReading(ReadingKind kind, std::string_view name, std::string_view help,
                          Labels labels, std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  Series& series =
      Find(name, help, kind == ReadingKind::kGauge ? "gauge" : "counter", std::move(labels));
  TRIAGE_CHECK(!series.counter && !series.gauge);
  series.read = std::move(read);
}

std::string Registry::Render() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  out.reserve(64UL * 1024);
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + ' ';
    AppendEscaped(out, family->help, false);
    out += "\n# TYPE " + name + ' ' + family->type + '\n';
    for (const auto& [labels, series] : family->series) {
      if (series.histogram) {
        AppendHistogram(out, name, labels, *series.histogram);
        continue;
      }
      AppendName(out, name, "", labels);
      if (series.read) {
        AppendNumber(out, series.read());
      } else if (series.counter) {
        AppendNumber(out, series.counter->value());
      } else {
        AppendNumber(out, series.gauge->value());
      }
      out += '\n';
    }
  }
  return out;
}

}  // namespace triage::observe
