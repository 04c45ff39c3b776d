#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "judge/framing.h"

namespace triage::judge {

/// A text of which the middle may be left out; both parts end at whole UTF-8 characters.
struct Piece {
  std::string_view head;
  std::string_view tail;  ///< empty when nothing is left out
  std::size_t left_out = 0;
};

/// At most `most` bytes of `text`: two thirds of them from its head, one from its tail.
Piece Sample(std::string_view text, std::size_t most);

/// What of a request a question shows. Views into its turns.
struct Shown {
  Piece instructions;        ///< the system texts' first one; no tail
  std::vector<Piece> turns;  ///< of the user, oldest first; the last one is the request
  std::size_t later = 0;     ///< turns of tools and model since then
  bool truncated = false;
};

Shown Select(const RequestView& request, const FramingOptions& options);

/// Cuts a text into what a reader would point to: lines and sentences, at most `most` of them,
/// which together are the whole of it. Spans are relative to `text`.
std::vector<Span> Segments(std::string_view text, std::size_t most);

}  // namespace triage::judge
