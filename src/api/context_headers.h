#pragma once

#include "base/error.h"
#include "llm/types.h"
#include "net/http.h"

namespace triage::api {

/// Takes the `x-triage-*` headers of a request into its context; a header wins over the same name
/// in the body's metadata. Error kInvalidRequest names the header and what it may be.
Result<void> ReadContextHeaders(const net::HttpRequest& request, llm::Context& context);

}  // namespace triage::api
