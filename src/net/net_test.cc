#include <array>
#include <functional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"
#include "net/server.h"

namespace triage::net {
namespace {

using std::chrono::milliseconds;

/// Answers by path: what each test needs of a server.
class TestHandler final : public Handler {
 public:
  explicit TestHandler(Loop& loop) : loop_(loop) {}

  Task<void> Handle(const HttpRequest& request, ResponseWriter& writer) override {
    ++requests;
    if (request.path() == "/echo") {
      const std::string body(request.body);
      [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, {}, body);
    } else if (request.path() == "/stream") {
      const Header type{"Content-Type", "text/event-stream"};
      [[maybe_unused]] Result<void> step = co_await writer.Begin(200, std::span(&type, 1));
      for (int i = 0; i < 3; ++i) {
        const std::string event = "data: " + std::to_string(i) + "\n\n";
        step = co_await writer.Write(event);
      }
      step = co_await writer.End();
    } else if (request.path() == "/quiet") {
      [[maybe_unused]] Result<void> step = co_await writer.Begin(200, {});
      writer.KeepAlive(milliseconds(60), ": still here\n\n");
      co_await loop_.Sleep(milliseconds(200), nullptr);
      step = co_await writer.Write("data: 0\n\n");
      co_await loop_.Sleep(milliseconds(200), nullptr);
      step = co_await writer.Write("data: 1\n\n");
      step = co_await writer.End();
    } else if (request.path() == "/cut") {
      [[maybe_unused]] Result<void> step = co_await writer.Begin(200, {});
      step = co_await writer.Write("half");
    } else if (request.path() == "/slow") {
      co_await loop_.Sleep(std::chrono::seconds(30), &writer.client_gone());
      saw_departure = writer.client_gone().cancelled();
    } else if (request.path() == "/big") {
      const std::string body(3'000'000, 'x');
      [[maybe_unused]] const Result<void> sent = co_await writer.Send(200, {}, body);
    }
  }

  int requests = 0;
  bool saw_departure = false;

 private:
  Loop& loop_;
};

struct Fixture {
  explicit Fixture(ServerOptions options = {})
      : handler(loop), server(loop, std::move(options), handler) {
    port = *server.Listen();
    origin = *Origin::Parse("http://127.0.0.1:" + std::to_string(port));
  }

  void Run(std::function<bool()> done) {
    const SteadyTime until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    loop.RunUntil([&] { return done() || std::chrono::steady_clock::now() > until; });
    EXPECT_TRUE(done());
  }

  Loop loop;
  TestHandler handler;
  Server server;
  std::uint16_t port = 0;
  Origin origin;
};

struct Answer {
  bool done = false;
  int status = 0;
  std::string body;
  std::optional<Error> error;
  Client::Timing timing;
};

Task<void> Fetch(Client& client, const Origin& origin, std::string path, std::string body,
                 CallLimits limits, CancelScope& cancel, Answer& answer) {
  const std::array<std::string_view, 2> pieces{std::string_view(body).substr(0, body.size() / 2),
                                               std::string_view(body).substr(body.size() / 2)};
  Result<std::unique_ptr<ClientResponse>> response =
      co_await client.Start(origin, "POST", path, {}, pieces, limits, cancel, answer.timing);
  if (response) {
    answer.status = (*response)->status();
    Result<std::string> all = co_await Client::ReadAll(**response, 10'000'000);
    if (all) {
      answer.body = *all;
    } else {
      answer.error = all.error();
    }
  } else {
    answer.error = response.error();
  }
  answer.done = true;
}

Answer Get(Fixture& fixture, Client& client, const std::string& path, const std::string& body = "",
           CallLimits limits = {}) {
  Answer answer;
  CancelScope cancel;
  TaskGroup group;
  group.Spawn(Fetch(client, fixture.origin, path, body, limits, cancel, answer));
  fixture.Run([&] { return answer.done; });
  return answer;
}

/// Sends raw bytes on a blocking socket from a thread of its own and gives all that comes back
/// until the server closes.
std::string Exchange(Fixture& fixture, std::string_view bytes, bool close_early = false) {
  std::string received;
  bool done = false;
  std::thread peer([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(fixture.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    if (!close_early) {
      std::array<char, 4096> buffer{};
      for (ssize_t got = 0; (got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
        received.append(buffer.data(), static_cast<std::size_t>(got));
      }
    } else {
      ::usleep(100'000);
    }
    ::close(fd);
    fixture.loop.Post([&] { done = true; });
  });
  fixture.Run([&] { return done; });
  peer.join();
  return received;
}

TEST(ServerAndClient, ExchangeBodiesAndReuseTheConnection) {
  Fixture fixture;
  Client client(fixture.loop, {});
  const Answer first = Get(fixture, client, "/echo", "hello");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "hello");
  EXPECT_FALSE(first.timing.reused);
  EXPECT_EQ(client.idle_connections(), 1U);
  const std::string large(2'000'000, 'y');
  const Answer second = Get(fixture, client, "/echo", large);
  EXPECT_EQ(second.body, large);
  EXPECT_TRUE(second.timing.reused);
}

TEST(ServerAndClient, StreamChunks) {
  Fixture fixture;
  Client client(fixture.loop, {});
  EXPECT_EQ(Get(fixture, client, "/stream").body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_EQ(Get(fixture, client, "/big").body.size(), 3'000'000U);
}

TEST(ServerAndClient, KeepAQuietStreamAlive) {
  Fixture fixture;
  Client client(fixture.loop, {});
  const Answer answer = Get(fixture, client, "/quiet");
  EXPECT_FALSE(answer.error);
  const std::string kSign = ": still here\n\n";
  EXPECT_TRUE(answer.body.starts_with(kSign)) << answer.body;
  const std::size_t between = answer.body.find(kSign, answer.body.find("data: 0"));
  EXPECT_LT(between, answer.body.find("data: 1")) << answer.body;
  EXPECT_TRUE(answer.body.ends_with("data: 1\n\n")) << answer.body;
}

TEST(ServerAndClient, ReportAStreamThatWasCut) {
  Fixture fixture;
  Client client(fixture.loop, {});
  const Answer answer = Get(fixture, client, "/cut");
  ASSERT_TRUE(answer.error.has_value());
  EXPECT_EQ(answer.error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(client.idle_connections(), 0U);
}

TEST(Client, TimesOutWaitingForTheHead) {
  Fixture fixture;
  Client client(fixture.loop, {});
  const Answer answer = Get(fixture, client, "/slow", "", {.first_byte = milliseconds(100)});
  ASSERT_TRUE(answer.error.has_value());
  EXPECT_EQ(answer.error->code, ErrorCode::kTimeout);
  fixture.Run([&] { return fixture.handler.saw_departure; });
}

TEST(Client, IsCancelledWhileItWaits) {
  Fixture fixture;
  Client client(fixture.loop, {});
  Answer answer;
  CancelScope cancel;
  TaskGroup group;
  group.Spawn(Fetch(client, fixture.origin, "/slow", "", {}, cancel, answer));
  fixture.Run([&] { return fixture.handler.requests == 1; });
  cancel.Cancel();
  fixture.Run([&] { return answer.done; });
  EXPECT_EQ(answer.error->code, ErrorCode::kCancelled);
}

TEST(Client, SaysWhenNobodyListens) {
  Fixture fixture;
  Client client(fixture.loop, {});
  fixture.server.Drain();
  const Answer answer = Get(fixture, client, "/echo");
  ASSERT_TRUE(answer.error.has_value());
  EXPECT_EQ(answer.error->code, ErrorCode::kUnavailable);
}

TEST(Client, TriesAgainWhenAKeptConnectionHadBeenClosed) {
  Fixture fixture({.idle_limit = milliseconds(50)});
  Client client(fixture.loop, {});
  EXPECT_EQ(Get(fixture, client, "/echo", "a").body, "a");
  fixture.Run([&] { return fixture.server.stats().connections_open == 0; });
  EXPECT_EQ(Get(fixture, client, "/echo", "b").body, "b");
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  Fixture fixture;
  const std::string received = Exchange(
      fixture,
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthree");
  const std::size_t one = received.find("\r\n\r\none");
  const std::size_t two = received.find("\r\n\r\ntwo");
  const std::size_t three = received.find("\r\n\r\nthree");
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, std::string::npos);
}

TEST(Server, RefusesWhatItCannotUnderstandAndStaysUp) {
  Fixture fixture({.max_head_bytes = 1024, .max_body_bytes = 100});
  EXPECT_TRUE(Exchange(fixture, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(Exchange(fixture, "GET / HTTP/3.0\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 505 "));
  EXPECT_TRUE(Exchange(fixture, "GET / HTTP/1.1\r\nX: " + std::string(2000, 'a'))
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(Exchange(fixture, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(
      Exchange(fixture,
               "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                   std::string(0x65, 'a') + "\r\n0\r\n\r\n")
          .starts_with("HTTP/1.1 413 "));
  EXPECT_EQ(fixture.server.stats().protocol_errors, 2U);
  fixture.Run([&] { return fixture.server.stats().connections_open == 0; });
}

TEST(Server, CutsOffAClientThatDoesNotFinishItsHead) {
  Fixture fixture({.head_limit = milliseconds(100)});
  EXPECT_TRUE(Exchange(fixture, "GET / HTTP/1.1\r\nHo").starts_with("HTTP/1.1 408 "));
}

TEST(Server, AnswersForAHandlerThatDidNot) {
  Fixture fixture;
  EXPECT_TRUE(
      Exchange(fixture, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 500 "));
}

TEST(Server, NoticesTheClientsDepartureWhileTheHandlerWaits) {
  Fixture fixture;
  Exchange(fixture, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", true);
  fixture.Run([&] { return fixture.handler.saw_departure; });
}

TEST(Server, SpeaksHttp10) {
  Fixture fixture;
  const std::string received = Exchange(fixture, "GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(received.find("chunked"), std::string::npos);
  EXPECT_TRUE(received.ends_with("\r\n\r\ndata: 0\n\ndata: 1\n\ndata: 2\n\n"));
}

TEST(Server, ContinuesWhenAsked) {
  Fixture fixture;
  // The body is sent along at once, which is allowed too.
  const std::string received =
      Exchange(fixture,
               "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
               "2\r\nConnection: close\r\n\r\nok");
  EXPECT_TRUE(received.ends_with("\r\n\r\nok"));
}

TEST(Server, SaysClearlyThatAPortIsTaken) {
  Fixture fixture;
  const Result<void> free = CheckPortFree("127.0.0.1", fixture.port);
  ASSERT_FALSE(free);
  EXPECT_EQ(free.error().message, "cannot listen on 127.0.0.1:" + std::to_string(fixture.port) +
                                      ": Address already in use");
}

TEST(Loop, FiresDeadlinesAboutOnTime) {
  Loop loop;
  bool fired = false;
  const SteadyTime start = std::chrono::steady_clock::now();
  loop.After(milliseconds(30), [&] { fired = true; });
  loop.RunUntil([&] { return fired; });
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(30));
}

TEST(Origin, ParsesUrlsAndRefusesOthers) {
  const Origin origin = *Origin::Parse("https://api.example.com/v1/");
  EXPECT_TRUE(origin.tls);
  EXPECT_EQ(origin.port, 443);
  EXPECT_EQ(origin.base_path, "/v1");
  EXPECT_EQ(Origin::Parse("http://[::1]:8080")->host, "::1");
  for (const char* bad :
       {"ftp://a", "http://", "http://a:99999", "http://a:x", "http://u@a", "http://a?b", "a"}) {
    EXPECT_FALSE(Origin::Parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace triage::net
