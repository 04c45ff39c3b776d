#pragma once

#include <string>

#include "learn/train.h"

namespace triage::learn {

/// The Markdown page that goes with an artifact: what it learned from, how well it does on rows it
/// had not seen, and where it should not be trusted. `report` is finished but for this page.
std::string ModelCard(const Dataset& data, const TrainOptions& options, const TrainReport& report);

}  // namespace triage::learn
