#pragma once

#include <memory>

#include "wire/codec.h"

namespace triage::wire::responses {

std::unique_ptr<StreamReader> NewReader();
std::unique_ptr<StreamWriter> NewWriter(const AnswerContext& context);

}  // namespace triage::wire::responses
