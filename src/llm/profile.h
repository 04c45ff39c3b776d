#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llm/types.h"

namespace triage::llm {

/// In what an endpoint's variant of its dialect differs from the dialect's own reference. Data from
/// the provider catalogue (config/providers.yaml): no code knows a vendor.
struct Profile {
  /// OpenAI chat: the field for the limit of output tokens; empty = as the client wrote it (new
  /// fields for a translated request: max_completion_tokens).
  std::string max_tokens_field = {};
  /// Top-level request fields that it refuses: left out, with a warning that names them.
  std::vector<std::string> refuses = {};
  /// When not empty: the only top-level request fields that it takes.
  std::vector<std::string> accepts = {};
  bool developer_role = true;  ///< false: "developer" messages are sent as "system"
  bool stream_usage = true;    ///< understands stream_options.include_usage
  double max_temperature = 2;  ///< larger ones are lowered to it, with a warning
  /// OpenAI chat: the field of an assistant message that carries its thinking back; empty = none is
  /// sent back.
  std::string reasoning_field = {};
  /// Sent when the client gives no limit and the dialect wants one (Anthropic's max_tokens).
  std::int64_t default_max_tokens = 8192;
  bool structured_output = true;  ///< Anthropic: native output format; false = a forced tool
  /// Anthropic: newer models think as much as an effort asks for and refuse a budget of tokens.
  bool adaptive_thinking = false;
  /// OCI: the compartment that is asked, an OCID. Every request of that dialect names one.
  std::string oci_compartment = {};
};

/// What happens to a provider's call when the client has gone.
enum class OnDisconnect : std::uint8_t {
  kCancel,  ///< it is cut at once
  kDrain,   ///< it is read on to its usage, because the provider bills it in full anyway
};

}  // namespace triage::llm
