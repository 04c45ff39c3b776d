#include "providers/content_decoder.h"

#include <algorithm>
#include <string>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include "base/text.h"

namespace triage::providers {
namespace {

constexpr std::size_t kStep = std::size_t{64} << 10;
// RFC 9659: senders must not use a window above 8 MiB with the coding "zstd".
constexpr int kMaxWindowLog = 23;

Error Broken(std::string_view coding, std::string_view what) {
  return {.code = ErrorCode::kUpstream,
          .message = "The provider's compressed answer is broken.",
          .detail = std::string(coding) + ": " + std::string(what)};
}

// Room for output that grows up to a limit and is kept from one call to the next.
class Output {
 public:
  explicit Output(std::size_t limit) : limit_(limit) {}

  void Clear() { used_ = 0; }

  /// False when the limit is reached.
  bool MakeRoom() {
    if (used_ < buffer_.size()) return true;
    if (used_ == limit_) return false;
    buffer_.resize(std::min(limit_, std::max(kStep, buffer_.size() * 2)));
    return true;
  }

  char* at() { return buffer_.data() + used_; }

  std::size_t room() const { return buffer_.size() - used_; }

  void Took(std::size_t bytes) { used_ += bytes; }

  std::string_view view() const { return std::string_view(buffer_).substr(0, used_); }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
  std::string buffer_;
};

class ZlibDecoder final : public ContentDecoder {
 public:
  ZlibDecoder(bool gzip, std::size_t max_output) : gzip_(gzip), output_(max_output) {}

  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  ~ZlibDecoder() override {
    if (begun_) inflateEnd(&stream_);
  }

  Result<std::string_view> Feed(std::string_view bytes) override {
    output_.Clear();
    if (!begun_ && !bytes.empty() && !Begin(bytes.front())) return Broken(name(), "no memory");
    while (!bytes.empty()) {
      if (ended_) {
        // A gzip file may have several members (RFC 1952 §2.2).
        if (!gzip_ || bytes.front() != '\x1f') return Broken(name(), "bytes behind its end");
        inflateReset(&stream_);
        ended_ = false;
      }
      const Result<std::size_t> taken = Inflate(bytes);
      if (!taken) return taken.error();
      bytes.remove_prefix(*taken);
    }
    return output_.view();
  }

  Result<void> Finish() override {
    if (begun_ && !ended_) return Broken(name(), "cut short");
    return {};
  }

 private:
  std::string_view name() const { return gzip_ ? "gzip" : "deflate"; }

  // "deflate" is to be in zlib's format, but some servers send it bare (RFC 9110 §8.4.1.2). In
  // zlib's format the first byte's low half is 8; bare, that would be a stored block with padding
  // that is not zero.
  bool Begin(char first) {
    const bool zlib = (static_cast<unsigned char>(first) & 0x0f) == 8;
    const int bits = gzip_ ? MAX_WBITS + 16 : zlib ? MAX_WBITS : -MAX_WBITS;
    begun_ = inflateInit2(&stream_, bits) == Z_OK;
    return begun_;
  }

  Result<std::size_t> Inflate(std::string_view bytes) {
    const std::size_t given = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
    // zlib reads through a pointer that is not const, and leaves the bytes alone.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(given);
    while (true) {
      if (!output_.MakeRoom()) return Broken(name(), "expands too far");
      const std::size_t room = output_.room();
      stream_.next_out = reinterpret_cast<Bytef*>(output_.at());
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_SYNC_FLUSH);
      output_.Took(room - stream_.avail_out);
      if (status == Z_STREAM_END) {
        ended_ = true;
        return given - stream_.avail_in;
      }
      // Z_BUF_ERROR: nothing more can be done with what is here.
      if (status != Z_OK && status != Z_BUF_ERROR) {
        return Broken(name(), stream_.msg != nullptr ? stream_.msg : "not of this format");
      }
      if (stream_.avail_in == 0 && stream_.avail_out != 0) return given;
    }
  }

  const bool gzip_;
  bool begun_ = false;
  bool ended_ = false;
  z_stream stream_{};
  Output output_;
};

class ZstdDecoder final : public ContentDecoder {
 public:
  explicit ZstdDecoder(std::size_t max_output)
      : stream_(ZSTD_createDStream(), &ZSTD_freeDStream), output_(max_output) {}

  Result<std::string_view> Feed(std::string_view bytes) override {
    output_.Clear();
    if (!begun_) {
      if (stream_ == nullptr) return Broken("zstd", "no memory");
      ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
      begun_ = true;
    }
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      if (!output_.MakeRoom()) return Broken("zstd", "expands too far");
      ZSTD_outBuffer out{output_.at(), output_.room(), 0};
      const std::size_t before = in.pos;
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(left) != 0) return Broken("zstd", ZSTD_getErrorName(left));
      output_.Took(out.pos);
      // Without progress, `left` is what a frame not yet begun wants, and says nothing.
      if (in.pos != before || out.pos != 0) between_frames_ = left == 0;
      if (in.pos == in.size && out.pos < out.size) return output_.view();
    }
  }

  Result<void> Finish() override {
    if (!between_frames_) return Broken("zstd", "cut short");
    return {};
  }

 private:
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  bool begun_ = false;
  bool between_frames_ = true;
  Output output_;
};

}  // namespace

Result<std::unique_ptr<ContentDecoder>> ContentDecoder::For(std::string_view coding,
                                                            std::size_t max_output) {
  if (EqualsIgnoreCaseAscii(coding, "gzip") || EqualsIgnoreCaseAscii(coding, "x-gzip")) {
    return std::make_unique<ZlibDecoder>(true, max_output);
  }
  if (EqualsIgnoreCaseAscii(coding, "deflate")) {
    return std::make_unique<ZlibDecoder>(false, max_output);
  }
  if (EqualsIgnoreCaseAscii(coding, "zstd")) return std::make_unique<ZstdDecoder>(max_output);
  return Error{.code = ErrorCode::kUpstream,
               .message = "The provider's answer has a content coding that is not known here.",
               .detail = "content-encoding: " + std::string(coding.substr(0, 64))};
}

}  // namespace triage::providers
