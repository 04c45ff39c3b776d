#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace triage::observe {

/// Threads record into slots of their own (up to this many), so that recording shares no cache line
/// between cores.
inline constexpr std::size_t kMetricSlots = 16;

/// This thread's slot; threads beyond kMetricSlots share.
std::size_t MetricSlot();

/// A number that only grows. Recording is one relaxed addition.
class Counter {
 public:
  void Add(std::uint64_t amount = 1) {
    slots_[MetricSlot()].value.fetch_add(amount, std::memory_order_relaxed);
  }

  std::uint64_t value() const;

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> value{0};
  };

  std::array<Slot, kMetricSlots> slots_;
};

/// A number that goes up and down. One cell: on the request path prefer Registry::AddReading over a
/// count that exists.
class Gauge {
 public:
  void Set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }

  void Add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }

  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// What the numbers of a histogram are, and so how its bounds and sum are written out.
enum class Unit : std::uint8_t {
  kCount,    ///< recorded and shown as they are
  kSeconds,  ///< recorded in nanoseconds, shown in seconds
};

/// Upper bounds of a histogram's buckets, ascending, in the recorded unit; the bucket up to
/// infinity is implied.
struct Buckets {
  Unit unit = Unit::kCount;
  std::vector<std::int64_t> bounds;
};

/// A distribution over fixed buckets. Recording is two relaxed additions.
class Histogram {
 public:
  explicit Histogram(Buckets buckets);

  void Record(std::int64_t value);

  /// For Unit::kSeconds.
  void Record(std::chrono::nanoseconds duration) {
    Record(static_cast<std::int64_t>(duration.count()));
  }

  const Buckets& buckets() const { return buckets_; }

  struct Snapshot {
    std::vector<std::uint64_t>
        counts;  ///< per bucket, not cumulative; the last is the one up to infinity
    std::uint64_t count = 0;
    std::int64_t sum = 0;
  };

  /// Totals over all threads; while others record, sum and counts may differ by what is being
  /// recorded.
  Snapshot Read() const;

 private:
  struct alignas(64) Line {
    std::array<std::atomic<std::uint64_t>, 8> cells{};
  };

  std::atomic<std::uint64_t>& Cell(std::size_t slot, std::size_t index) {
    return lines_[slot * lines_per_slot_ + index / 8].cells[index % 8];
  }

  std::uint64_t ReadCell(std::size_t slot, std::size_t index) const {
    return lines_[slot * lines_per_slot_ + index / 8].cells[index % 8].load(
        std::memory_order_relaxed);
  }

  Buckets buckets_;
  std::size_t lines_per_slot_;  // cells of a slot: the buckets, then the sum
  std::vector<Line> lines_;
};

/// Label names and values of one series. Values come from the configuration or from closed sets of
/// ours, never from a client: each new value is memory for ever.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Owns all metrics of the process and writes them out. Adding takes a mutex and happens when the
/// configuration is built; the same name and labels give the same handle again, so a reload keeps
/// its counts. Handles live as long as the registry. A name that is added as two kinds, or an
/// invalid name, is a bug (TRIAGE_CHECK).
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& AddCounter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help, const Buckets& buckets,
                          Labels labels = {});

  enum class ReadingKind : std::uint8_t { kGauge, kCounter };

  /// A number that somebody else keeps, asked for at each Render, from the rendering thread. What
  /// `read` uses must outlive the registry. Adding the same series again replaces `read`.
  void AddReading(ReadingKind kind, std::string_view name, std::string_view help, Labels labels,
                  std::function<double()> read);

  /// Everything in Prometheus' text exposition format 0.0.4; families by name, series by labels.
  std::string Render() const;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Family;
  struct Series;

  Series& Find(std::string_view name, std::string_view help, std::string_view type, Labels labels);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

/// process_resident_memory_bytes, process_cpu_seconds_total, process_start_time_seconds,
/// process_open_fds and triage_build_info{version}.
void AddProcessMetrics(Registry& registry, std::string_view version);

}  // namespace triage::observe
