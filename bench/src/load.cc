// Load generator for benchmarks: one thread, epoll, keep-alive connections to 127.0.0.1; prints one
// JSON object.
//
//   closed   C connections, each sends the next request when its answer is complete: saturation
//   open     requests at a constant rate; a latency counts from the intended start, so that a
//   server that stalls
//            cannot hide the requests which it kept from being sent (coordinated omission)
//   stream   N concurrent streams; prints {"started":N} when each has had its first event; ends
//   when all streams
//            have ended, when standard input is closed, or after --seconds
#include <csignal>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/src/response_reader.h"
#include "bench/src/sockets.h"
#include "bench/src/stats.h"

namespace triage::bench {
namespace {

using State = ResponseReader::State;

struct Options {
  std::uint16_t port = 0;
  std::string path = "/v1/chat/completions";
  std::string body_file;
  std::vector<std::string> headers;
  std::size_t connections = 64;
  std::uint64_t requests = 10'000;
  std::uint64_t warm_up = 0;  ///< requests before the clock starts
  double rate = 1'000;
  std::uint64_t ramp_us = 100;  ///< between the starts of two streams
  double seconds = 60;          ///< whatever happens, the run ends after so long
};

struct Connection {
  int fd = -1;
  ResponseReader reader;
  std::uint64_t started_ns = 0;  ///< intended start of the request under way
  std::uint64_t last_event_ns = 0;
  std::uint64_t events = 0;
  std::size_t sent = 0;
  bool busy = false;
  bool counts = false;
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        connections_(options_.connections),
        epoll_(epoll_create1(0)),
        deadline_ns_(NowNs() + static_cast<std::uint64_t>(options_.seconds * 1e9)) {
    std::string body;
    if (!options_.body_file.empty()) {
      std::ifstream file(options_.body_file, std::ios::binary);
      body.assign(std::istreambuf_iterator<char>(file), {});
    }
    request_ = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n",
                           body.empty() ? "GET" : "POST", options_.path, options_.port);
    for (const auto& header : options_.headers) request_ += header + "\r\n";
    if (!body.empty()) {
      request_ +=
          fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
    }
    request_ += "\r\n" + body;
  }

  void Closed() {
    OpenAll();
    const auto total = options_.warm_up + options_.requests;
    for (auto& connection : connections_) {
      if (issued_ < total) Issue(connection, NowNs());
    }
    while (finished_ < total && !Expired()) {
      Wait(kLongestWait, [&](Connection& connection) {
        if (issued_ < total) Issue(connection, NowNs());
      });
    }
  }

  void Open() {
    OpenAll();
    for (auto& connection : connections_) idle_.push_back(&connection);
    const auto total = options_.warm_up + options_.requests;
    const auto start = NowNs() + 1'000'000;
    std::uint64_t due = 0;  // requests whose time has come, sent or waiting for a connection
    while (finished_ < total && !Expired()) {
      const auto now = NowNs();
      while (due < total && DueNs(start, due, options_.rate) <= now) ++due;
      while (issued_ < due && !idle_.empty()) {
        Connection& connection = *idle_.back();
        idle_.pop_back();
        Issue(connection, DueNs(start, issued_, options_.rate));
      }
      const auto next = DueNs(start, due, options_.rate);
      const auto after = NowNs();
      const auto wait = due == total ? kLongestWait : (next > after ? next - after : 0);
      Wait(std::min(wait, kLongestWait),
           [&](Connection& connection) { idle_.push_back(&connection); });
    }
  }

  void Stream() {
    Watch(STDIN_FILENO, nullptr);
    const auto start = NowNs();
    std::size_t opened = 0;
    bool announced = false;
    while (finished_ < connections_.size() && !Expired() && !input_closed_) {
      const auto now = NowNs();
      while (opened < connections_.size() && start + opened * options_.ramp_us * 1000 <= now) {
        Connection& connection = connections_[opened++];
        if (!Connect(connection)) {
          ++finished_;
          continue;
        }
        Issue(connection, NowNs());
      }
      Wait(opened < connections_.size()
               ? std::min<std::uint64_t>(options_.ramp_us * 1000, 1'000'000)
               : kLongestWait,
           [](Connection&) {});
      if (!announced && first_event_.size() + errors_ >= connections_.size()) {
        announced = true;
        fmt::print("{{\"started\":{}}}\n", first_event_.size());
        std::fflush(stdout);
      }
    }
  }

  std::string Report() const {
    const double seconds = static_cast<double>(last_ns_ - first_ns_) / 1e9;
    return fmt::format(
        R"({{"requests":{},"errors":{},"seconds":{:.3f},"per_second":{:.0f},"body_bytes":{},"events":{},"reads":{},)"
        R"("incomplete":{},"latency":{},"first_event":{},"gap":{}}})",
        finished_, errors_, seconds,
        seconds > 0 ? static_cast<double>(latency_.size()) / seconds : 0.0, body_bytes_, events_,
        event_reads_, Incomplete(), SummaryJson(Summarize(latency_)),
        SummaryJson(Summarize(first_event_)), SummaryJson(Summarize(gap_)));
  }

  bool failed() const { return errors_ > 0 || (latency_.empty() && first_event_.empty()); }

 private:
  static constexpr std::uint64_t kLongestWait = 50'000'000;

  bool Expired() const { return NowNs() > deadline_ns_; }

  std::size_t Incomplete() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(connections_, [](const auto& c) { return c.busy; }));
  }

  void OpenAll() {
    for (auto& connection : connections_) {
      if (!Connect(connection)) {
        fmt::print(stderr, "cannot connect to 127.0.0.1:{}\n", options_.port);
        std::exit(1);
      }
    }
  }

  void Watch(int fd, Connection* connection) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  bool Connect(Connection& connection) {
    connection.fd = ConnectTo(options_.port);
    if (connection.fd < 0) {
      ++errors_;
      return false;
    }
    Watch(connection.fd, &connection);
    return true;
  }

  void Issue(Connection& connection, std::uint64_t intended_ns) {
    connection.counts = issued_ >= options_.warm_up;
    ++issued_;
    connection.reader.Reset();
    connection.started_ns = intended_ns;
    connection.events = 0;
    connection.sent = 0;
    connection.busy = true;
    if (connection.counts && first_ns_ == 0) first_ns_ = intended_ns;
    Push(connection);
  }

  // Bodies here are far below a socket's buffer, so a short write is retried on the next turn of
  // the loop.
  void Push(Connection& connection) {
    while (connection.sent < request_.size()) {
      const auto put = send(connection.fd, request_.data() + connection.sent,
                            request_.size() - connection.sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EAGAIN) {
        unsent_.push_back(&connection);
        return;
      }
      if (put < 0) return;  // the read that follows reports it
      connection.sent += static_cast<std::size_t>(put);
    }
  }

  template <typename Idle>
  void Wait(std::uint64_t nanoseconds, Idle&& idle) {
    if (!unsent_.empty()) nanoseconds = std::min<std::uint64_t>(nanoseconds, 1'000'000);
    const timespec limit{0, static_cast<long>(nanoseconds)};
    epoll_event events[256];
    const int ready = epoll_pwait2(epoll_, events, 256, &limit, nullptr);
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr) {
        char ignored[64];
        if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) input_closed_ = true;
      } else if (Read(*connection)) {
        idle(*connection);
      }
    }
    std::deque<Connection*> unsent;
    unsent.swap(unsent_);
    for (auto* connection : unsent) Push(*connection);
  }

  /// True when the connection may take its next request.
  bool Read(Connection& connection) {
    char buffer[64 * 1024];
    const auto got = recv(connection.fd, buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0 || !connection.busy) return Lost(connection);
    const auto now = NowNs();
    const auto state = connection.reader.Feed({buffer, static_cast<std::size_t>(got)});
    CountEvents(connection, now);
    if (state == State::kBroken) return Lost(connection);
    if (state != State::kDone) return false;
    const auto& reader = connection.reader;
    const bool good = reader.status() == 200 && reader.body_bytes() > 0 &&
                      (reader.events() == 0 || reader.saw_done());
    if (!good) ++errors_;
    Ended(connection);
    if (good && connection.counts) latency_.push_back(now - connection.started_ns);
    if (connection.counts) last_ns_ = now;
    return !reader.closes() || Again(connection);
  }

  void CountEvents(Connection& connection, std::uint64_t now) {
    const auto events = connection.reader.events();
    if (events == connection.events || !connection.counts) return;
    if (connection.events == 0) {
      first_event_.push_back(now - connection.started_ns);
    } else {
      gap_.push_back(now - connection.last_event_ns);
    }
    events_ += events - connection.events;
    ++event_reads_;
    connection.events = events;
    connection.last_event_ns = now;
    last_ns_ = now;
  }

  void Ended(Connection& connection) {
    connection.busy = false;
    ++finished_;
    body_bytes_ += connection.reader.body_bytes();
  }

  bool Lost(Connection& connection) {
    if (connection.busy) {
      ++errors_;
      Ended(connection);
      return Again(connection);
    }
    Again(connection);  // an idle connection that the server closed: nobody is waiting for it
    return false;
  }

  bool Again(Connection& connection) {
    close(connection.fd);
    std::erase(unsent_, &connection);
    return Connect(connection);
  }

  Options options_;
  std::string request_;
  std::vector<Connection> connections_;
  std::deque<Connection*> idle_;
  std::deque<Connection*> unsent_;
  int epoll_;
  std::uint64_t deadline_ns_;
  bool input_closed_ = false;
  std::uint64_t issued_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t event_reads_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t first_ns_ = 0;
  std::uint64_t last_ns_ = 0;
  std::vector<std::uint64_t> latency_;
  std::vector<std::uint64_t> first_event_;
  std::vector<std::uint64_t> gap_;
};

int Main(int argc, char** argv) {
  CLI::App app{"Load generator for benchmarks; prints one JSON object."};
  Options options;
  app.add_option("--port", options.port)->required();
  app.add_option("--path", options.path);
  app.add_option("--body", options.body_file, "file with the request's body; without one: GET");
  app.add_option("--header", options.headers, "\"name: value\", may be repeated");
  app.add_option("--connections", options.connections, "connections, or concurrent streams");
  app.add_option("--requests", options.requests);
  app.add_option("--warm-up", options.warm_up, "requests before those that count");
  app.add_option("--rate", options.rate, "requests per second of the open loop");
  app.add_option("--ramp-us", options.ramp_us, "between the starts of two streams");
  app.add_option("--seconds", options.seconds, "the run ends after so long, whatever happens");
  app.require_subcommand(1);
  app.fallthrough();
  auto* closed = app.add_subcommand("closed", "the next request when the answer is there");
  auto* open = app.add_subcommand("open", "requests at a constant rate");
  app.add_subcommand("stream", "concurrent streams");
  CLI11_PARSE(app, argc, argv);
  RaiseFileLimit(20'000);
  Load load(std::move(options));
  if (closed->parsed()) {
    load.Closed();
  } else if (open->parsed()) {
    load.Open();
  } else {
    load.Stream();
  }
  fmt::print("{}\n", load.Report());
  return load.failed() ? 2 : 0;
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  return triage::bench::Main(argc, argv);
}
