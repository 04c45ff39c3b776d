#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "decide/decision.h"

namespace triage::pipeline {

/// What the router made of the traffic lately: finds the thresholds that give tiers their shares of
/// it, and tells when the boundary band catches nothing or too much. One per configuration; shared
/// by all threads, which only add to counters.
class RouterTraffic {
 public:
  /// Requests after which quantiles mean something, and after which old ones count half.
  static constexpr std::uint32_t kEnough = 200;
  static constexpr std::uint32_t kWindow = 10'000;

  /// Of the band's share of requests, beyond which a person should look at the thresholds
  /// (routing.md 2.2).
  static constexpr double kEmptyBand = 0.005;
  static constexpr double kOverfullBand = 0.20;

  enum class Band : std::uint8_t { kUnknown, kFine, kEmpty, kOverfull };

  /// `share_above[i]`: of the requests, how many may go above tier i; nothing = its threshold is
  /// given otherwise. `band` as in decide::Options.
  RouterTraffic(std::vector<std::optional<double>> share_above, double band);

  /// Threshold of tier i by its share; nothing where it has none, or too little was seen.
  std::optional<double> Threshold(std::size_t tier) const;

  /// Notes a decision in which the router was asked. Gives what is to be said of the band now, once
  /// in kWindow requests.
  Band Note(const decide::Decision& decision);

 private:
  static constexpr std::size_t kBins = 1000;

  /// Sufficiencies of one tier, of the requests that no cheaper tier was enough for.
  struct Boundary {
    std::optional<double> share;  ///< of those requests that may go above
    std::array<std::atomic<std::uint32_t>, kBins + 1> bins{};
    std::atomic<std::uint32_t> count{0};
    std::atomic<double> threshold{-1};  ///< -1 = not known yet
  };

  void Add(Boundary& boundary, double sufficiency) const;
  void Renew(Boundary& boundary) const;

  double band_;
  std::vector<std::unique_ptr<Boundary>> boundaries_;
  std::atomic<std::uint32_t> decided_{0};
  std::atomic<std::uint32_t> in_band_{0};
};

}  // namespace triage::pipeline
