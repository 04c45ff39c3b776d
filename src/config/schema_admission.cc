#include <array>

#include "config/schema.h"

namespace triage::config {
namespace {

using enum Type;

constexpr auto kAdmissionKeys = std::to_array<Key>({
    {.path = "admission",
     .type = kMap,
     .about = "How many exchanges are served at the same time, and what becomes of the others."},
    {.path = "admission.concurrency",
     .type = kInteger,
     .fallback = "4096",
     .high = 1'000'000,
     .about = "Exchanges under way per I/O thread; 0 = any number."},
    {.path = "admission.queue",
     .type = kInteger,
     .fallback = "1024",
     .high = 1'000'000,
     .about = "Exchanges that may wait for one to end, per I/O thread; more get 503."},
    {.path = "admission.max_wait",
     .type = kDuration,
     .fallback = "10s",
     .about =
         "How long an interactive one waits, and how long their line may have some in it before "
         "that counts as overload."},
    {.path = "admission.target_wait",
     .type = kDuration,
     .fallback = "500ms",
     .about = "How long an interactive one waits under overload, when bulk is turned away."},
    {.path = "admission.bulk_wait",
     .type = kDuration,
     .fallback = "60s",
     .about = "How long a bulk one waits; interactive ones go before it."},
    {.path = "admission.reserve",
     .type = kNumber,
     .fallback = "0.1",
     .low = 0,
     .high = 0.9,
     .about = "Share of `concurrency` that bulk leaves free."},
    {.path = "admission.bulk",
     .type = kMap,
     .about = "What is bulk beside background responses and impact `low`; any that matches."},
    {.path = "admission.bulk.user", .type = kTextList, .about = "Of these users."},
    {.path = "admission.bulk.team", .type = kTextList, .about = "Of these teams."},
    {.path = "admission.bulk.feature", .type = kTextList, .about = "Of these features."},
    {.path = "admission.per_client",
     .type = kInteger,
     .fallback = "0",
     .high = 1'000'000,
     .about =
         "Exchanges that one client may have under way in the whole process; more get 429. 0 = "
         "any number."},
    {.path = "admission.client",
     .type = kChoice,
     .fallback = "credential",
     .choices = "credential|user|team|feature",
     .about = "Who is one client: whoever sends the same credential, or the same context. Those "
              "without one are one together."},
    {.path = "admission.unready_when_overloaded",
     .type = kBool,
     .fallback = "false",
     .about = "`/readyz` says 503 under overload. Only where other instances take over: when all "
              "say so, nobody is left."},
});

}  // namespace

std::span<const Key> AdmissionSchema() {
  return kAdmissionKeys;
}

}  // namespace triage::config
