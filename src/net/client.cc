#include "net/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <unordered_map>

#include <sys/socket.h>

#include "net/http_codec.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "net/tls.h"

namespace triage::net {
namespace {

constexpr std::size_t kReadBuffer = 16 * 1024;

Error Closed(std::string detail) {
  return Error{.code = ErrorCode::kUnavailable,
               .message = "the connection was closed",
               .detail = std::move(detail)};
}

std::chrono::microseconds Since(SteadyTime start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               start);
}

/// The shorter of a limit and what is left until the total deadline, for waits; never zero, which
/// would mean none.
class LimitClock {
 public:
  explicit LimitClock(const CallLimits& limits)
      : limits_(limits), start_(std::chrono::steady_clock::now()) {}

  std::chrono::milliseconds Within(std::chrono::milliseconds limit) const {
    const SteadyTime end = End();
    if (end == SteadyTime::max()) return limit;
    const auto left = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   end - std::chrono::steady_clock::now()),
                               std::chrono::milliseconds(1));
    return limit.count() == 0 ? left : std::min(limit, left);
  }

  /// Whoever never has to wait, because bytes keep coming, ends too.
  bool Over() const {
    const SteadyTime end = End();
    return end != SteadyTime::max() && std::chrono::steady_clock::now() >= end;
  }

  void EndBy(SteadyTime until) { end_by_ = until; }

  const CallLimits& limits() const { return limits_; }

  SteadyTime start() const { return start_; }

 private:
  SteadyTime End() const {
    return limits_.total.count() > 0 ? std::min(end_by_, start_ + limits_.total) : end_by_;
  }

  CallLimits limits_;
  SteadyTime start_;
  SteadyTime end_by_ = SteadyTime::max();
};

/// A connection to an origin with its receive buffer, which exists only while a call uses it.
struct Connection {
  Connection(Loop& loop, int descriptor) : socket(loop, descriptor) {}

  Socket socket;
  std::unique_ptr<char[]> buffer;
  std::size_t begin = 0;
  std::size_t end = 0;
  SteadyTime idle_since;

  std::string_view Unread() const { return {buffer.get() + begin, end - begin}; }
};

std::string PoolKey(const Origin& origin) {
  std::string key = origin.tls ? "s" : "p";
  key.append(origin.host).append(":").append(std::to_string(origin.port));
  return key;
}

std::string HostField(const Origin& origin) {
  std::string host =
      origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]";
  if (origin.port != (origin.tls ? 443 : 80)) host.append(":").append(std::to_string(origin.port));
  return host;
}

}  // namespace

Result<Origin> Origin::Parse(std::string_view url) {
  auto invalid = [&](const char* why) {
    return Error{.code = ErrorCode::kInvalidRequest,
                 .message = "'" + std::string(url) + "' is not a usable URL: " + why};
  };
  Origin origin;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    origin.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return invalid("expected http:// or https://");
  }
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos) {
    return invalid("user, query, fragment and blanks are not allowed");
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) origin.base_path = rest.substr(slash);
  while (origin.base_path.ends_with('/')) origin.base_path.pop_back();
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return invalid("'[' without ']'");
    origin.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return invalid("bad port");
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const std::size_t colon = authority.find(':');
    origin.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    if (colon != std::string_view::npos && port.empty()) return invalid("bad port");
  }
  if (origin.host.empty()) return invalid("no host");
  unsigned number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9' || number > 65535) return invalid("bad port");
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number > 65535 || (!port.empty() && number == 0)) return invalid("bad port");
  origin.port = static_cast<std::uint16_t>(port.empty() ? (origin.tls ? 443 : 80) : number);
  return origin;
}

class Client::State {
 public:
  State(Loop& loop, ClientOptions options)
      : loop_(loop), options_(std::move(options)), resolver_(loop, options_.dns_lifetime) {}

  /// An idle connection that still looks alive; null when there is none.
  std::unique_ptr<Connection> TakeIdle(const std::string& key) {
    const auto pool = idle_.find(key);
    if (pool == idle_.end()) return nullptr;
    while (!pool->second.empty()) {
      std::unique_ptr<Connection> connection = std::move(pool->second.back());
      pool->second.pop_back();
      --idle_count_;
      char byte = 0;
      // A server has nothing to say on an idle connection: anything but "would block" means it is
      // done with it.
      if (connection->socket.TryRead(&byte, 1).state == IoState::kWouldBlock) return connection;
    }
    return nullptr;
  }

  void GiveBack(const std::string& key, std::unique_ptr<Connection> connection) {
    connection->buffer.reset();
    connection->begin = connection->end = 0;
    connection->idle_since = std::chrono::steady_clock::now();
    auto& pool = idle_[key];
    while (!pool.empty() &&
           connection->idle_since - pool.front()->idle_since > options_.idle_limit) {
      pool.pop_front();
      --idle_count_;
    }
    if (idle_count_ >= options_.max_idle_connections) return;
    pool.push_back(std::move(connection));
    ++idle_count_;
  }

  Task<Result<std::unique_ptr<Connection>>> Connect(const Origin& origin, const LimitClock& clock,
                                                    CancelScope& cancel);

  std::size_t idle_count() const { return idle_count_; }

  const ClientOptions& options() const { return options_; }

 private:
  Loop& loop_;
  ClientOptions options_;
  Resolver resolver_;
  std::unique_ptr<TlsClientContext> tls_;
  std::unordered_map<std::string, std::deque<std::unique_ptr<Connection>>> idle_;
  std::size_t idle_count_ = 0;
};

Task<Result<std::unique_ptr<Connection>>> Client::State::Connect(const Origin& origin,
                                                                 const LimitClock& clock,
                                                                 CancelScope& cancel) {
  const std::chrono::milliseconds limit = clock.Within(clock.limits().connect);
  Result<std::vector<Address>> addresses =
      co_await resolver_.Resolve(origin.host, origin.port, limit, cancel);
  if (!addresses) co_return std::move(addresses).error();
  Error last = Closed("no address");
  for (const Address& address : *addresses) {
    const int descriptor =
        ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
      co_return Error{
          .code = ErrorCode::kIo, .message = "no socket", .detail = std::strerror(errno)};
    const int connected =
        ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.length);
    const int reason = connected == 0 ? 0 : errno;
    auto connection = std::make_unique<Connection>(loop_, descriptor);
    if (reason == EINPROGRESS) {
      const WaitResult wait = co_await connection->socket.WaitWritable(limit, &cancel);
      if (wait == WaitResult::kCancelled) co_return WaitError(wait, "connecting");
      if (wait == WaitResult::kTimeout) {
        last = WaitError(wait, "connecting to " + origin.host);
        continue;
      }
    }
    const int error =
        reason != 0 && reason != EINPROGRESS ? reason : connection->socket.ConnectError();
    if (error != 0) {
      last = Error{.code = ErrorCode::kUnavailable,
                   .message = "cannot connect",
                   .detail = "connecting to " + HostField(origin) + ": " + std::strerror(error)};
      continue;
    }
    if (!origin.tls) co_return std::move(connection);
    if (tls_ == nullptr) {
      Result<std::unique_ptr<TlsClientContext>> made =
          TlsClientContext::Make(options_.ca_file, options_.verify_tls);
      if (!made) co_return std::move(made).error();
      tls_ = std::move(*made);
    }
    SSL* ssl = tls_->NewConnection(origin.host, origin.port);
    if (ssl == nullptr)
      co_return Error{.code = ErrorCode::kInternal, .message = "no TLS connection"};
    connection->socket.AttachTls(ssl);
    const Result<void> handshake = co_await connection->socket.Handshake(limit, &cancel);
    if (handshake) co_return std::move(connection);
    last = WithContext(handshake.error(), "TLS with " + HostField(origin));
    if (last.code == ErrorCode::kCancelled) break;
  }
  co_return last;
}

namespace {

class Response final : public ClientResponse {
 public:
  Response(std::unique_ptr<Connection> connection, LimitClock clock, CancelScope& cancel)
      : connection_(std::move(connection)), clock_(clock), cancel_(cancel) {}

  int status() const override { return head_.status; }

  std::span<const Header> headers() const override { return head_.headers; }

  std::optional<std::uint64_t> content_length() const override {
    if (head_.framing == BodyFraming::kLength) return head_.content_length;
    if (head_.framing == BodyFraming::kNone) return 0;
    return std::nullopt;
  }

  /// Receives and parses the head. `any_byte` says whether the server sent anything at all.
  Task<Result<void>> ReadHead(std::size_t max_bytes, bool& any_byte);

  Task<Result<std::string_view>> Next() override;

  void EndBy(SteadyTime until) override { clock_.EndBy(until); }

  Connection& connection() { return *connection_; }

  /// Where the connection goes after the last byte.
  void ReturnTo(void (*give_back)(void* owner, const std::string& key, std::unique_ptr<Connection>),
                void* owner, std::string key) {
    give_back_ = give_back;
    owner_ = owner;
    key_ = std::move(key);
  }

 private:
  Task<Result<bool>> Receive(std::chrono::milliseconds limit);  // false = orderly end
  std::string_view TakeRun();
  void Finish();

  std::unique_ptr<Connection> connection_;
  LimitClock clock_;
  CancelScope& cancel_;
  std::string head_bytes_;
  ResponseHead head_;
  ChunkedDecoder decoder_;
  std::uint64_t remaining_ = 0;
  bool done_ = false;
  bool broken_ = false;
  void (*give_back_)(void*, const std::string&, std::unique_ptr<Connection>) = nullptr;
  void* owner_ = nullptr;
  std::string key_;
};

Task<Result<bool>> Response::Receive(std::chrono::milliseconds limit) {
  Connection& connection = *connection_;
  if (connection.begin == connection.end) connection.begin = connection.end = 0;
  if (clock_.Over()) co_return WaitError(WaitResult::kTimeout, "receiving");
  while (true) {
    const IoResult read = connection.socket.TryRead(connection.buffer.get() + connection.end,
                                                    kReadBuffer - connection.end);
    if (read.state == IoState::kOk) {
      connection.end += read.bytes;
      co_return true;
    }
    if (read.state == IoState::kClosed) co_return false;
    if (read.state == IoState::kFailed) co_return Closed("reset while receiving");
    const WaitResult wait = co_await connection.socket.WaitReadable(clock_.Within(limit), &cancel_);
    if (wait != WaitResult::kReady) co_return WaitError(wait, "receiving");
  }
}

Task<Result<void>> Response::ReadHead(std::size_t max_bytes, bool& any_byte) {
  Connection& connection = *connection_;
  connection.buffer = std::make_unique_for_overwrite<char[]>(kReadBuffer);
  while (true) {
    std::size_t searched = 0;
    head_bytes_.clear();
    while (true) {
      const std::string_view unread = connection.Unread();
      head_bytes_.append(unread);
      const auto end = FindHeadEnd(head_bytes_, searched);
      if (end) {
        connection.begin += unread.size() - (head_bytes_.size() - *end);
        head_bytes_.resize(*end);
        break;
      }
      connection.begin = connection.end;
      searched = head_bytes_.size();
      if (searched > max_bytes)
        co_return Error{.code = ErrorCode::kProtocol, .message = "the response head is too large"};
      const Result<bool> received = co_await Receive(clock_.limits().first_byte);
      if (!received) co_return received.error();
      if (!*received) co_return Closed("closed before the response head");
      any_byte = true;
    }
    Result<void> parsed = ParseResponseHead(head_bytes_, head_);
    if (!parsed) co_return parsed;
    if (head_.status >= 200) break;  // 1xx are interim; 101 was never asked for
    if (head_.status == 101)
      co_return Error{.code = ErrorCode::kProtocol, .message = "unexpected protocol switch"};
  }
  remaining_ = head_.content_length;
  if (head_.framing == BodyFraming::kNone ||
      (head_.framing == BodyFraming::kLength && remaining_ == 0))
    Finish();
  co_return Result<void>();
}

/// The body bytes in the buffer as one run, chunk framing removed in place.
std::string_view Response::TakeRun() {
  Connection& connection = *connection_;
  char* const start = connection.buffer.get() + connection.begin;
  if (head_.framing == BodyFraming::kLength) {
    const auto take = static_cast<std::size_t>(
        std::min<std::uint64_t>(remaining_, connection.end - connection.begin));
    remaining_ -= take;
    connection.begin += take;
    if (remaining_ == 0) Finish();
    return {start, take};
  }
  if (head_.framing == BodyFraming::kUntilClose) {
    const std::size_t take = connection.end - connection.begin;
    connection.begin = connection.end;
    return {start, take};
  }
  std::size_t length = 0;
  while (connection.begin < connection.end) {
    const ChunkedDecoder::Step step = decoder_.Next(connection.Unread());
    if (!step.data.empty()) std::memmove(start + length, step.data.data(), step.data.size());
    length += step.data.size();
    connection.begin += step.consumed;
    if (step.state == ChunkedDecoder::State::kMore) continue;
    if (step.state == ChunkedDecoder::State::kError) broken_ = true;
    if (step.state == ChunkedDecoder::State::kDone) Finish();
    break;
  }
  return {start, length};
}

void Response::Finish() {
  done_ = true;
}

Task<Result<std::string_view>> Response::Next() {
  while (true) {
    if (broken_)
      co_return Error{.code = ErrorCode::kProtocol, .message = "broken chunked response"};
    if (done_) {
      if (connection_ != nullptr) {
        // The last run's view has been used by now: its buffer may go.
        if (head_.keep_alive && connection_->begin == connection_->end && give_back_ != nullptr) {
          give_back_(owner_, key_, std::move(connection_));
        }
        connection_.reset();
      }
      co_return std::string_view();
    }
    if (connection_->begin < connection_->end) {
      const std::string_view run = TakeRun();
      if (!run.empty()) co_return run;
      continue;
    }
    const Result<bool> received = co_await Receive(clock_.limits().between_bytes);
    if (!received) co_return received.error();
    if (!*received) {
      if (head_.framing != BodyFraming::kUntilClose)
        co_return Closed("closed inside the response body");
      Finish();
    }
  }
}

}  // namespace

Client::Client(Loop& loop, ClientOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

Client::~Client() = default;

std::size_t Client::idle_connections() const {
  return state_->idle_count();
}

Task<Result<std::unique_ptr<ClientResponse>>> Client::Start(
    const Origin& origin, std::string_view method, std::string_view path,
    std::span<const Header> headers, std::span<const std::string_view> body,
    const CallLimits& limits, CancelScope& cancel, Timing& timing) {
  const LimitClock clock(limits);
  const std::string key = PoolKey(origin);
  std::size_t length = 0;
  for (const std::string_view piece : body) length += piece.size();
  std::string head;
  head.reserve(512);
  head.append(method)
      .append(" ")
      .append(origin.base_path)
      .append(path)
      .append(" HTTP/1.1\r\nHost: ");
  head.append(HostField(origin)).append("\r\n");
  for (const Header& header : headers)
    head.append(header.name).append(": ").append(header.value).append("\r\n");
  if (length > 0 || method != "GET")
    head.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  head.append("\r\n");

  while (true) {
    std::unique_ptr<Connection> connection = state_->TakeIdle(key);
    timing.reused = connection != nullptr;
    if (connection == nullptr) {
      Result<std::unique_ptr<Connection>> connected =
          co_await state_->Connect(origin, clock, cancel);
      if (!connected) co_return std::move(connected).error();
      connection = std::move(*connected);
      timing.connect = Since(clock.start());
    }
    std::array<iovec, 16> pieces;
    TRIAGE_CHECK(body.size() < pieces.size());
    pieces[0] = {head.data(), head.size()};
    std::size_t count = 1;
    for (const std::string_view piece : body) {
      if (!piece.empty()) pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    std::span<iovec> rest = std::span(pieces).first(count);
    const IoResult first = connection->socket.TryWrite(rest);
    if (first.state != IoState::kOk && first.state != IoState::kWouldBlock) {
      if (timing.reused) continue;  // it had closed meanwhile; the next one, or a new one
      co_return Closed("closed while sending");
    }
    if (!rest.empty()) {
      const Result<void> sent =
          co_await connection->socket.WriteAll(rest, clock.Within(limits.first_byte), &cancel);
      if (!sent) co_return sent.error();
    }
    auto response = std::make_unique<Response>(std::move(connection), clock, cancel);
    bool any_byte = false;
    const Result<void> read =
        co_await response->ReadHead(state_->options().max_head_bytes, any_byte);
    if (!read) {
      // One side closes an idle connection just as the other uses it: only a connection that was
      // reused and sent nothing at all is tried again.
      if (timing.reused && !any_byte && read.error().code == ErrorCode::kUnavailable) continue;
      co_return read.error();
    }
    timing.first_byte = Since(clock.start());
    response->ReturnTo(
        [](void* owner, const std::string& pool, std::unique_ptr<Connection> used) {
          static_cast<State*>(owner)->GiveBack(pool, std::move(used));
        },
        state_.get(), key);
    co_return std::unique_ptr<ClientResponse>(std::move(response));
  }
}

Task<Result<std::string>> Client::ReadAll(ClientResponse& response, std::size_t limit) {
  std::string body;
  if (const auto length = response.content_length(); length && *length <= limit) {
    body.reserve(static_cast<std::size_t>(*length));
  }
  while (true) {
    const Result<std::string_view> bytes = co_await response.Next();
    if (!bytes) co_return bytes.error();
    if (bytes->empty()) co_return std::move(body);
    if (body.size() + bytes->size() > limit) {
      co_return Error{.code = ErrorCode::kTooLarge,
                      .message = "the response is larger than allowed"};
    }
    body.append(*bytes);
  }
}

}  // namespace triage::net
