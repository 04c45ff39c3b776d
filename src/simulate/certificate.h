#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "net/tls.h"

namespace triage::simulate {

/// A fresh certificate for `name` (empty = localhost and 127.0.0.1) that vouches for itself, with
/// its key, good for a day. Nobody trusts it who was not told to; `save_path`, when not empty,
/// receives the certificate as PEM for those who shall. kIo, kInternal.
Result<std::shared_ptr<net::TlsServerContext>> SelfSigned(const std::string& name,
                                                          const std::string& save_path);

}  // namespace triage::simulate
