// Any bytes as the head of a request: never a crash, and never more lenient than Boost.Beast's
// parser, so that no request is one thing to us and another to somebody in front of us. Also as a
// response's head and as a chunked body, which must decode the same at any split.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/error.h"
#include "net/http_codec.h"

namespace {

using namespace triage;
namespace http = boost::beast::http;

void CompareWithBeast(const std::string& bytes) {
  const auto end = net::FindHeadEnd(bytes, 0);
  if (!end) return;
  const std::string head = bytes.substr(0, *end);
  net::RequestHead ours;
  if (!net::ParseRequestHead(head, ours)) return;  // stricter is fine
  http::request_parser<http::empty_body> oracle;
  oracle.header_limit(1 << 20);
  oracle.body_limit(boost::none);
  boost::system::error_code error;
  oracle.put(boost::asio::buffer(head), error);
  TRIAGE_CHECK(!error || error == http::error::need_more || error == http::error::unexpected_body);
  TRIAGE_CHECK(oracle.is_header_done());
  TRIAGE_CHECK(oracle.get().method_string() == ours.method);
  TRIAGE_CHECK(oracle.get().target() == ours.target);
  TRIAGE_CHECK(oracle.chunked() == (ours.framing == net::BodyFraming::kChunked));
  const auto length = oracle.content_length();
  TRIAGE_CHECK(length.has_value() == (ours.framing == net::BodyFraming::kLength));
  TRIAGE_CHECK(!length || *length == ours.content_length);
  TRIAGE_CHECK(!ours.keep_alive || oracle.keep_alive());
  std::size_t fields = 0;
  for ([[maybe_unused]] const auto& field : oracle.get()) ++fields;
  TRIAGE_CHECK(fields == ours.headers.size());
  for (const net::Header& header : ours.headers) TRIAGE_CHECK(oracle.get().count(header.name) > 0);
}

std::string Dechunk(std::string_view bytes, std::size_t step) {
  net::ChunkedDecoder decoder;
  std::string data;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view part = bytes.substr(at, step);
    while (!part.empty()) {
      const net::ChunkedDecoder::Step taken = decoder.Next(part);
      data.append(taken.data);
      part.remove_prefix(taken.consumed);
      if (taken.state == net::ChunkedDecoder::State::kDone) return data + "\nend";
      if (taken.state == net::ChunkedDecoder::State::kError) return data + "\nerror";
      TRIAGE_CHECK(taken.consumed > 0);
    }
  }
  return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  CompareWithBeast(bytes);
  net::ResponseHead response;
  if (const auto end = net::FindHeadEnd(bytes, 0)) {
    [[maybe_unused]] const Result<void> parsed =
        net::ParseResponseHead(std::string_view(bytes).substr(0, *end), response);
  }
  const std::string whole = Dechunk(bytes, bytes.size() + 1);
  TRIAGE_CHECK(whole == Dechunk(bytes, 1 + data[0] % 16));
  return 0;
}
