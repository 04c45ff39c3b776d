#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "net/server.h"
#include "providers/http_provider.h"
#include "wire/client_request.h"
#include "wire/openai_chat.h"

namespace triage::providers {

using namespace std::chrono_literals;

// What the fake provider answers, in pieces, and what it saw.
struct Script {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<net::Header> headers = {};
  std::vector<std::string> pieces = {};
  bool chunked = false;
  bool cut = false;   ///< the connection breaks after the pieces
  bool hang = false;  ///< nothing follows the pieces until the caller leaves
};

class FakeUpstream : public net::Handler {
 public:
  explicit FakeUpstream(net::Loop& loop) : loop_(loop) {}

  Task<void> Handle(const net::HttpRequest& request, net::ResponseWriter& writer) override {
    ++requests;
    body = std::string(request.body);
    target = std::string(request.target);
    headers.clear();
    for (const net::Header& header : request.headers) {
      headers.emplace_back(std::string(header.name), std::string(header.value));
    }
    std::vector<net::Header> fields = script.headers;
    if (!script.content_type.empty()) fields.push_back({"Content-Type", script.content_type});
    if (!script.chunked) {
      std::string whole;
      for (const std::string& piece : script.pieces) whole += piece;
      const Result<void> sent = co_await writer.Send(script.status, fields, whole);
      gone = !sent;
      co_return;
    }
    const Result<void> begun = co_await writer.Begin(script.status, fields);
    gone = !begun;
    for (const std::string& piece : script.pieces) {
      const Result<void> written = co_await writer.Write(piece);
      gone = gone || !written;
      if (gone) co_return;
      co_await loop_.Sleep(1ms, nullptr);
    }
    if (script.hang) {
      co_await loop_.Sleep(5s, &writer.client_gone());
      gone = writer.client_gone().cancelled();
      co_return;
    }
    if (script.cut) {
      writer.Cut();
      co_return;
    }
    const Result<void> ended = co_await writer.End();
    gone = gone || !ended;
  }

  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }

  Script script;
  int requests = 0;
  std::string body;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  bool gone = false;

 private:
  net::Loop& loop_;
};

struct Outcome {
  std::optional<Error> start_error;
  std::optional<Error> next_error;
  std::string body;
  std::string content_type;
  std::optional<std::uint64_t> length;
  llm::ReplySummary summary;
  std::vector<std::string> warnings;
  llm::CallTiming timing;
  bool done = false;
};

inline std::string Gzip(std::string_view text) {
  z_stream stream{};
  TRIAGE_CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
               Z_OK);
  std::string in(text);
  std::string out(deflateBound(&stream, in.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  TRIAGE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Says in a field what it was given to sign.
class EchoSigner : public Signer {
 public:
  Result<std::vector<std::pair<std::string, std::string>>> Sign(const Outgoing& request,
                                                                WallTime) const override {
    std::size_t bytes = 0;
    for (const std::string_view piece : request.body) bytes += piece.size();
    return std::vector<std::pair<std::string, std::string>>{
        {"X-Proof", std::string(request.method) + " " + std::string(request.target) + " " +
                        std::to_string(bytes)}};
  }
};

class HttpProviderTest : public ::testing::Test {
 protected:
  HttpProviderTest() : upstream_(loop_), client_(loop_, {}) {
    server_ = std::make_unique<net::Server>(loop_, net::ServerOptions{}, upstream_);
    const Result<std::uint16_t> port = server_->Listen();
    TRIAGE_CHECK(port.has_value());
    options_.origin = *net::Origin::Parse("http://127.0.0.1:" + std::to_string(*port) + "/v1/");
    options_.headers = {{"Authorization", "Bearer sk-test"}, {"X-Extra", "1"}};
  }

  ~HttpProviderTest() override {
    server_->CloseAll();
    loop_.After(1ms, [this] { closed_ = true; });
    loop_.RunUntil([this] { return closed_; });
  }

  Task<void> Run(HttpProvider& provider, const llm::Request& request, Outcome& out) {
    const llm::Call call{
        .request = &request, .model = model_, .limits = limits_, .cancel = &cancel_};
    Result<std::unique_ptr<llm::Reply>> started = co_await provider.Start(call, out.timing);
    if (!started) {
      out.start_error = std::move(started).error();
      out.done = true;
      co_return;
    }
    std::unique_ptr<llm::Reply> reply = std::move(*started);
    out.content_type = reply->content_type();
    out.length = reply->content_length();
    out.warnings.assign(reply->warnings().begin(), reply->warnings().end());
    while (true) {
      const Result<std::string_view> bytes = co_await reply->Next();
      if (!bytes) out.next_error = bytes.error();
      if (!bytes || bytes->empty()) break;
      out.body += *bytes;
      if (leave_after_first_bytes_) break;
    }
    out.summary = reply->summary();
    out.done = true;
  }

  Outcome Ask(std::string extra = "") {
    llm::Request request;
    request.id = "r-1";
    const auto parsed = wire::ReadClientRequest(
        client_dialect_,
        R"({"model":"auto","messages":[{"role":"user","content":"x"}])" + extra + "}", {}, request);
    TRIAGE_CHECK(parsed.has_value());
    HttpProvider provider(client_, options_);
    Outcome out;
    TaskGroup group;
    group.Spawn(Run(provider, request, out));
    loop_.RunUntil([&out] { return out.done; });
    return out;
  }

  Outcome AskStream() { return Ask(R"(,"stream":true)"); }

  void ScriptStream(std::vector<std::string> pieces) {
    upstream_.script = {
        .content_type = "text/event-stream", .pieces = std::move(pieces), .chunked = true};
  }

  net::Loop loop_;
  FakeUpstream upstream_;
  std::unique_ptr<net::Server> server_;
  net::Client client_;
  HttpProviderOptions options_;
  llm::AttemptLimits limits_;
  std::string model_ = "llama-3";
  llm::Dialect client_dialect_ = llm::Dialect::kOpenAiChat;
  CancelScope cancel_;
  bool leave_after_first_bytes_ = false;
  bool closed_ = false;
};

inline const std::string kAnswer =
    R"({"model":"llama-3-0","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}})";
inline const std::string kFirst =
    "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
inline const std::string kStop =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
inline const std::string kUsage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
inline const std::string kDone = "data: [DONE]\n\n";

}  // namespace triage::providers
