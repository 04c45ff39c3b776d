#include "feedback/sketch.h"

#include <algorithm>

#include "feedback/scan.h"
#include "feedback/signals.h"

namespace triage::feedback {

TurnSketch Sketch(std::string_view text, std::string_view answer) {
  return SignalReader::BuiltIn().SketchOf(text, answer);
}

}  // namespace triage::feedback
