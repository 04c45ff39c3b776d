#pragma once

#include "feedback/features.h"
#include "feedback/scan.h"
#include "feedback/sketch.h"

namespace triage::feedback {

/// Sets the features that come of holding a turn against the one before it and the answer between
/// them. Function words have been taken out (Words::Find).
void Compare(const Scan& previous, const Scan& answer, const Scan& turn, Features& features);

/// The same from what was remembered of the previous turn; what only its text or the answer could
/// tell stays 0.
void Compare(const TurnSketch& previous, const TurnSketch& turn, Features& features);

/// `answer` is null when it is not known.
TurnSketch SketchScan(const Scan& scan, const Scan* answer);

}  // namespace triage::feedback
