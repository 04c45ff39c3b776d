#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.h"
#include "llm/provider.h"

namespace triage::dispatch {

/// An answer of nothing.
class EmptyReply final : public llm::Reply {
 public:
  int status() const override { return 200; }

  std::string_view content_type() const override { return "application/json"; }

  std::optional<std::uint64_t> content_length() const override { return 0; }

  Task<Result<std::string_view>> Next() override { co_return std::string_view(); }

  const llm::ReplySummary& summary() const override { return summary_; }

  std::string ErrorEvent(const Error&) override { return {}; }

 private:
  llm::ReplySummary summary_;
};

}  // namespace triage::dispatch
