#include "simulate/compress.h"

#include <array>

#include <zlib.h>
#include <zstd.h>

namespace triage::simulate {

namespace {

constexpr std::size_t kStep = 16 * 1024;

class Gzip final : public Compressor {
 public:
  Gzip() {
    constexpr int kGzipFormat = 15 + 16;  // zlib.h: largest window, gzip instead of zlib around it
    TRIAGE_CHECK(deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, 8,
                              Z_DEFAULT_STRATEGY) == Z_OK);
  }

  ~Gzip() override { deflateEnd(&stream_); }

  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  void Add(std::string_view bytes, std::string& out) override { Run(bytes, Z_SYNC_FLUSH, out); }

  void Finish(std::string& out) override { Run({}, Z_FINISH, out); }

 private:
  void Run(std::string_view bytes, int flush, std::string& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::array<char, kStep> buffer;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream_.avail_out = buffer.size();
      deflate(&stream_, flush);
      out.append(buffer.data(), buffer.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

class Zstd final : public Compressor {
 public:
  void Add(std::string_view bytes, std::string& out) override { Run(bytes, ZSTD_e_flush, out); }

  void Finish(std::string& out) override { Run({}, ZSTD_e_end, out); }

 private:
  void Run(std::string_view bytes, ZSTD_EndDirective directive, std::string& out) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::array<char, kStep> buffer;
    std::size_t left = 0;
    do {
      ZSTD_outBuffer piece{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &piece, &in, directive);
      TRIAGE_CHECK(ZSTD_isError(left) == 0);
      out.append(buffer.data(), piece.pos);
    } while (left > 0);
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};

}  // namespace

Result<Compression> ParseCompression(std::string_view text) {
  for (const Compression each : {Compression::kGzip, Compression::kZstd}) {
    if (text == Name(each)) return each;
  }
  return Error{ErrorCode::kInvalidRequest,
               "'" + std::string(text) + "' is no compression (known: gzip, zstd)"};
}

std::string_view Name(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "";
    case Compression::kGzip: return "gzip";
    case Compression::kZstd: return "zstd";
  }
  return "";
}

std::unique_ptr<Compressor> MakeCompressor(Compression compression) {
  switch (compression) {
    case Compression::kNone: return nullptr;
    case Compression::kGzip: return std::make_unique<Gzip>();
    case Compression::kZstd: return std::make_unique<Zstd>();
  }
  return nullptr;
}

}  // namespace triage::simulate
