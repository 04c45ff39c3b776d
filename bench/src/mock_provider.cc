// A fast OpenAI-compatible provider for benchmarks: one thread, epoll, fixed answers, no code
// shared with src/net, so that what is measured cannot flatter itself. Listens on 127.0.0.1 only.
//
//   POST */chat/completions   0.65 KB of JSON, or with "stream":true SSE chunks at an interval
//   GET  /stats               counts, and when the last stream was aborted (CLOCK_MONOTONIC)
//   GET  /control?delay_us=N&interval_us=N&chunks=N   for requests that begin afterwards
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/src/sockets.h"

namespace triage::bench {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

std::string WithLength(int status, std::string_view type, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nx-request-id: "
      "req_bench\r\n\r\n{}",
      status, status == 200 ? "OK" : "Error", type, body.size(), body);
}

std::string Chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

// 0.65 KB with everything that a gateway reads from an answer.
std::string FixedAnswer() {
  constexpr std::string_view kText =
      "The invoice of March is 1,240.50 higher than that of February because two licences were "
      "added on the third, the support contract was renewed at the new rate, and one credit note "
      "was booked a month late. Without the credit note the difference would be 990.50, which is "
      "within the plan; nothing needs to be done before the audit in May.";
  return WithLength(
      200, "application/json",
      fmt::format(R"({{"id":"chatcmpl-bench0001","object":"chat.completion","created":1760000000,)"
                  R"("model":"bench-1","choices":[{{"index":0,"message":{{"role":"assistant",)"
                  R"("content":"{}"}},"logprobs":null,"finish_reason":"stop"}}],)"
                  R"("usage":{{"prompt_tokens":231,"completion_tokens":68,"total_tokens":299}},)"
                  R"("system_fingerprint":"fp_bench"}})",
                  kText));
}

std::string StreamEvent(std::string_view rest) {
  return Chunk(fmt::format(R"(data: {{"id":"chatcmpl-bench0001","object":"chat.completion.chunk",)"
                           R"("created":1760000000,"model":"bench-1",{}}})"
                           "\n\n",
                           rest));
}

struct Settings {
  std::uint64_t delay_us = 0;     ///< request → first byte of the answer
  std::uint64_t interval_us = 0;  ///< between the chunks of a stream; 0 = all at once
  std::uint64_t chunks = 20;
};

struct Connection {
  int fd = -1;
  std::uint64_t serial = 0;
  std::string in;
  std::string out;
  bool answering = false;  ///< between request and end of answer, waiting for a due time included
  bool streaming = false;
  bool want_usage = false;
  Settings settings;
  std::uint64_t chunks_left = 0;
};

struct Due {
  std::uint64_t at_ns;
  int fd;
  std::uint64_t serial;

  bool operator>(const Due& other) const { return at_ns > other.at_ns; }
};

class MockProvider {
 public:
  MockProvider(std::uint16_t port, Settings settings)
      : settings_(settings), port_(port), listener_(ListenOn(port_)), epoll_(epoll_create1(0)) {
    Watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
  }

  std::uint16_t port() const { return port_; }

  void Run() {
    std::vector<epoll_event> events(512);
    while (stop_requested == 0) {
      timespec limit = UntilNextDue();
      const int ready =
          epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
      for (int i = 0; i < ready; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_) {
          Accept();
          continue;
        }
        const auto found = connections_.find(event.data.fd);
        if (found == connections_.end()) continue;
        Connection& connection = *found->second;
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0U &&
            !Read(connection)) {
          continue;
        }
        if ((event.events & EPOLLOUT) != 0U) Flush(connection);
      }
      RunDue();
    }
  }

 private:
  void Watch(int fd, std::uint32_t what, int operation) const {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      NoDelay(fd);
      auto connection = std::make_unique<Connection>();
      connection->fd = fd;
      connection->serial = ++accepted_;
      connections_[fd] = std::move(connection);
      Watch(fd, EPOLLIN | EPOLLRDHUP, EPOLL_CTL_ADD);
    }
  }

  /// False when the connection is gone.
  bool Read(Connection& connection) {
    char buffer[16 * 1024];
    for (;;) {
      const auto got = recv(connection.fd, buffer, sizeof buffer, 0);
      if (got > 0) {
        connection.in.append(buffer, static_cast<std::size_t>(got));
        if (static_cast<std::size_t>(got) == sizeof buffer) continue;
        break;
      }
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      Close(connection);
      return false;
    }
    return Serve(connection);
  }

  bool Serve(Connection& connection) {
    while (!connection.answering) {
      const auto end = connection.in.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      const std::string_view head(connection.in.data(), end + 2);
      const auto length = BodyLength(head);
      if (connection.in.size() < end + 4 + length) return true;
      const auto body = std::string_view(connection.in).substr(end + 4, length);
      const bool alive = Answer(connection, head, body);
      if (!alive) return false;
      connection.in.erase(0, end + 4 + length);
    }
    return true;
  }

  static std::size_t BodyLength(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (auto at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at + 2)) {
      const auto line = head.substr(at + 2);
      if (line.size() <= kName.size() ||
          strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
        continue;
      }
      auto digits = line.substr(kName.size());
      while (digits.starts_with(' ')) digits.remove_prefix(1);
      std::size_t value = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return value;
    }
    return 0;
  }

  bool Answer(Connection& connection, std::string_view head, std::string_view body) {
    const auto target = head.substr(0, head.find("\r\n"));
    if (target.starts_with("GET /stats ")) {
      return Send(connection, WithLength(200, "application/json", StatsJson()));
    }
    if (target.starts_with("GET /control?")) {
      TakeSettings(target.substr(target.find('?') + 1));
      return Send(connection, WithLength(200, "application/json", "{}"));
    }
    if (!target.starts_with("POST ") || target.find("/chat/completions ") == target.npos) {
      return Send(connection, WithLength(404, "application/json", R"({"error":{"message":"?"}})"));
    }
    ++requests_;
    request_bytes_ += head.size() + 2 + body.size();
    connection.settings = settings_;
    connection.streaming = Has(body, R"("stream":true)") || Has(body, R"("stream": true)");
    connection.want_usage =
        Has(body, R"("include_usage":true)") || Has(body, R"("include_usage": true)");
    connection.chunks_left = settings_.chunks;
    connection.answering = true;
    ++answering_;
    if (settings_.delay_us == 0) return Begin(connection);
    due_.push({NowNs() + settings_.delay_us * 1000, connection.fd, connection.serial});
    connection.settings.delay_us = settings_.delay_us;
    return true;
  }

  static bool Has(std::string_view text, std::string_view what) {
    return memmem(text.data(), text.size(), what.data(), what.size()) != nullptr;
  }

  bool Begin(Connection& connection) {
    connection.settings.delay_us = 0;
    if (!connection.streaming) {
      Finish(connection);
      return Send(connection, answer_);
    }
    connection.out += stream_head_;
    return Step(connection);
  }

  /// The next chunk of a stream, or all that are left when there is no interval.
  bool Step(Connection& connection) {
    do {
      if (connection.chunks_left == 0) {
        connection.out += finish_event_;
        if (connection.want_usage) connection.out += usage_event_;
        connection.out += end_of_stream_;
        Finish(connection);
        return Flush(connection);
      }
      --connection.chunks_left;
      ++chunks_sent_;
      connection.out += delta_event_;
    } while (connection.settings.interval_us == 0);
    due_.push({NowNs() + connection.settings.interval_us * 1000, connection.fd, connection.serial});
    return Flush(connection);
  }

  void Finish(Connection& connection) {
    connection.answering = false;
    connection.streaming = false;
    --answering_;
  }

  void RunDue() {
    const auto now = NowNs();
    while (!due_.empty() && due_.top().at_ns <= now) {
      const Due due = due_.top();
      due_.pop();
      const auto found = connections_.find(due.fd);
      if (found == connections_.end() || found->second->serial != due.serial) continue;
      Connection& connection = *found->second;
      const bool alive = connection.settings.delay_us != 0 ? Begin(connection) : Step(connection);
      if (alive && !connection.answering && !connection.in.empty()) Serve(connection);
    }
  }

  timespec UntilNextDue() const {
    constexpr std::uint64_t kLongest = 200'000'000;
    std::uint64_t wait = kLongest;
    if (!due_.empty()) {
      const auto now = NowNs();
      wait = due_.top().at_ns <= now ? 0 : std::min(kLongest, due_.top().at_ns - now);
    }
    return {0, static_cast<long>(wait)};
  }

  bool Send(Connection& connection, std::string_view bytes) {
    connection.out += bytes;
    return Flush(connection);
  }

  bool Flush(Connection& connection) {
    std::size_t sent = 0;
    while (sent < connection.out.size()) {
      const auto put = send(connection.fd, connection.out.data() + sent,
                            connection.out.size() - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno != EAGAIN) {
        Close(connection);
        return false;
      }
      if (put < 0) break;
      sent += static_cast<std::size_t>(put);
    }
    const bool was_blocked = connection.out.size() != sent || blocked_.contains(connection.fd);
    connection.out.erase(0, sent);
    if (was_blocked) {
      const bool blocked = !connection.out.empty();
      Watch(connection.fd, EPOLLIN | EPOLLRDHUP | (blocked ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
      if (blocked) {
        blocked_.insert(connection.fd);
      } else {
        blocked_.erase(connection.fd);
      }
    }
    return true;
  }

  void Close(Connection& connection) {
    if (connection.answering) {
      --answering_;
      ++aborted_;
      last_abort_ns_ = NowNs();
    }
    const int fd = connection.fd;
    blocked_.erase(fd);
    close(fd);
    connections_.erase(fd);
  }

  void TakeSettings(std::string_view query) {
    const auto take = [&](std::string_view name, std::uint64_t& value) {
      const auto at = query.find(name);
      if (at == query.npos) return;
      const auto digits = query.substr(at + name.size());
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
    };
    take("delay_us=", settings_.delay_us);
    take("interval_us=", settings_.interval_us);
    take("chunks=", settings_.chunks);
  }

  std::string StatsJson() const {
    return fmt::format(
        R"({{"connections_open":{},"accepted":{},"requests":{},"request_bytes":{},"answering":{},"aborted":{},"last_abort_ns":{},"chunks_sent":{}}})",
        connections_.size(), accepted_, requests_, request_bytes_, answering_, aborted_,
        last_abort_ns_, chunks_sent_);
  }

  Settings settings_;
  std::uint16_t port_;
  int listener_;
  int epoll_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::unordered_set<int> blocked_;  ///< who waits for room to write
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t accepted_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t request_bytes_ = 0;
  std::uint64_t answering_ = 0;
  std::uint64_t aborted_ = 0;
  std::uint64_t last_abort_ns_ = 0;
  std::uint64_t chunks_sent_ = 0;

  const std::string answer_ = FixedAnswer();
  const std::string stream_head_ =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
      "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string delta_event_ = StreamEvent(
      R"("choices":[{"index":0,"delta":{"content":" difference"},"logprobs":null,"finish_reason":null}])");
  const std::string finish_event_ =
      StreamEvent(R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])");
  const std::string usage_event_ = StreamEvent(
      R"("choices":[],"usage":{"prompt_tokens":231,"completion_tokens":68,"total_tokens":299})");
  const std::string end_of_stream_ = Chunk("data: [DONE]\n\n") + "0\r\n\r\n";
};

int Main(int argc, char** argv) {
  CLI::App app{"An OpenAI-compatible provider with fixed answers, for benchmarks."};
  std::uint16_t port = 0;
  Settings settings;
  app.add_option("--port", port, "0 = the system chooses");
  app.add_option("--delay-us", settings.delay_us);
  app.add_option("--interval-us", settings.interval_us);
  app.add_option("--chunks", settings.chunks);
  CLI11_PARSE(app, argc, argv);
  const auto stop = [](int) { stop_requested = 1; };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  RaiseFileLimit(20'000);
  MockProvider provider(port, settings);
  fmt::print("{{\"port\":{}}}\n", provider.port());
  std::fflush(stdout);
  provider.Run();
  return 0;
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  return triage::bench::Main(argc, argv);
}
