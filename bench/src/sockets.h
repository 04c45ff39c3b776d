#pragma once

#include <cstdint>

namespace triage::bench {

/// CLOCK_MONOTONIC, which Python's time.monotonic_ns() reads too.
std::uint64_t NowNs();

/// A non-blocking listener on 127.0.0.1; the port is given back when it was 0. Exits with a message
/// on failure.
int ListenOn(std::uint16_t& port);

/// A non-blocking connection to 127.0.0.1 with TCP_NODELAY, already established. −1 on failure.
int ConnectTo(std::uint16_t port);

/// Small writes go out at once.
void NoDelay(int fd);

/// Room for `count` open files, as far as the hard limit allows.
void RaiseFileLimit(std::uint64_t count);

}  // namespace triage::bench
