#pragma once

namespace triage::verify::p_bad {

/// Probability that an answer with such a verdict is unacceptable. Those marked D are judged, as
/// the recorded answers hold no such case.
inline constexpr double kCut = 0.95;             // D
inline constexpr double kCutByClient = 0.5;      // D
inline constexpr double kFiltered = 0.95;        // D
inline constexpr double kBroken = 0.95;          // D
inline constexpr double kEmpty = 0.99;           // D
inline constexpr double kRefusal = 0.8;          // D
inline constexpr double kPartialRefusal = 0.4;   // D
inline constexpr double kDontKnow = 0.8;         // D
inline constexpr double kPartialDontKnow = 0.5;  // D
inline constexpr double kPlaceholder = 0.97;     // D
inline constexpr double kLoop = 0.9;
inline constexpr double kLanguage = 0.8;  // D
inline constexpr double kFences = 0.5;
inline constexpr double kLeak = 0.8;  // D
inline constexpr double kPattern = 0.9;
inline constexpr double kNotJson = 0.95;
inline constexpr double kSchema = 0.95;        // D
inline constexpr double kUngrounded = 0.7;     // D
inline constexpr double kOneUngrounded = 0.4;  // D
inline constexpr double kNoIdea = 0.5;         // D

}  // namespace triage::verify::p_bad
