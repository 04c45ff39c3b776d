#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "llm/answer.h"
#include "llm/types.h"
#include "wire/codec.h"

namespace triage::wire {

/// What an answer to `request` says, in the bytes that its client gets: a whole body, or a whole
/// stream. Errors as Codec::ReadAnswer and StreamReader.
Result<llm::Answer> ReadClientAnswer(const llm::Request& request, std::string_view bytes);

/// What the first part of a stream says, wherever it was cut. Errors as StreamReader::OnEvent.
Result<llm::Answer> ReadClientAnswerBegun(const llm::Request& request, std::string_view bytes);

/// An answer of our own making (repaired, merged) in the client's dialect: a whole body, or a whole
/// stream. `model` as in AnswerContext.
std::string WriteClientAnswer(const llm::Request& request, const llm::Answer& answer,
                              std::string_view model);

/// How answers to `request` are labelled that a model of this (the provider's own) name gave.
AnswerContext ContextOf(const llm::Request& request, std::string_view model);

}  // namespace triage::wire
