#include "pipeline/snapshot.h"

namespace triage::pipeline {

int Snapshot::ModelIndex(std::string_view name) const {
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    if (options.models[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace triage::pipeline
