#pragma once

#include <span>
#include <string>

#include "learn/policy.h"
#include "learn/train.h"

namespace triage::learn {

/// The Markdown page that goes with an artifact: what it learned from, how well it does on rows it
/// had not seen, and where it should not be trusted. `routed` and `used` are the training rows with
/// out-of-fold predictions.
std::string ModelCard(const Dataset& data, const TrainOptions& options, const TrainReport& report,
                      std::span<const RoutedRow> routed, std::span<const Row* const> used);

}  // namespace triage::learn
