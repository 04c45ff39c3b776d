#include "feedback/sessions.h"

#include <gtest/gtest.h>

#include "feedback/outcome.h"
#include "feedback/signals.h"
#include "feedback/stickiness.h"

namespace triage::feedback {
namespace {

TEST(Signals, TheBuiltInReaderParses) {
  EXPECT_GT(ReadSignals({.previous = "What is the capital of Australia?",
                         .answer = "The capital is Sydney.",
                         .turn = "No, that's wrong."})
                .dissatisfied,
            0.5);
}

}  // namespace
}  // namespace triage::feedback
