#include "providers/content_decoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace triage::providers {
namespace {

// Window bits as deflateInit2 wants them: 31 = gzip, 15 = zlib, -15 = bare deflate. Every text ends
// in a flush point; the last one ends the body.
std::vector<std::string> Deflate(const std::vector<std::string>& texts, int bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY),
            Z_OK);
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string out(texts[i].size() + 1024, '\0');
    std::string in = texts[i];
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, i + 1 == texts.size() ? Z_FINISH : Z_SYNC_FLUSH);
    out.resize(out.size() - stream.avail_out);
    pieces.push_back(std::move(out));
  }
  deflateEnd(&stream);
  return pieces;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::unique_ptr<ContentDecoder> Decoder(std::string_view coding,
                                        std::size_t limit = ContentDecoder::kMaxOutput) {
  auto decoder = ContentDecoder::For(coding, limit);
  EXPECT_TRUE(decoder.has_value()) << coding;
  return std::move(*decoder);
}

std::string Join(const std::vector<std::string>& pieces) {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  return all;
}

std::string Varied(std::size_t size) {
  std::string text;
  unsigned state = 1;
  while (text.size() < size) {
    state = state * 1103515245 + 12345;
    text += static_cast<char>('a' + (state >> 16) % 26);
  }
  return text;
}

struct Coded {
  std::string name;
  std::string coding;
  std::string bytes;
};

std::vector<Coded> AllCodings(const std::string& text) {
  return {{"gzip", "gzip", Join(Deflate({text}, 31))},
          {"x-gzip", "X-GZip", Join(Deflate({text}, 31))},
          {"zlib", "deflate", Join(Deflate({text}, 15))},
          {"bare deflate", "deflate", Join(Deflate({text}, -15))},
          {"zstd", "zstd", Zstd(text)}};
}

TEST(ContentDecoder, ReadsEveryCodingHoweverItsBytesAreCut) {
  const std::string text = Varied(100'000) + std::string(50'000, 'x');
  for (const Coded& coded : AllCodings(text)) {
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{7}, std::size_t{4096}, text.size()}) {
      auto decoder = Decoder(coded.coding);
      std::string all;
      for (std::size_t at = 0; at < coded.bytes.size(); at += step) {
        auto fed = decoder->Feed(std::string_view(coded.bytes).substr(at, step));
        ASSERT_TRUE(fed.has_value()) << coded.name << " " << step << " " << fed.error().detail;
        all += *fed;
      }
      EXPECT_EQ(all, text) << coded.name << " " << step;
      EXPECT_TRUE(decoder->Finish().has_value()) << coded.name;
    }
  }
}

TEST(ContentDecoder, GivesEachFlushedEventAtOnce) {
  const std::vector<std::string> events = {"data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"};
  auto gzip = Decoder("gzip");
  const std::vector<std::string> pieces = Deflate(events, 31);
  auto zstd = Decoder("zstd");
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(gzip->Feed(pieces[i]).value(), events[i]);
    EXPECT_EQ(zstd->Feed(Zstd(events[i])).value(), events[i]) << "a frame for each event, as OCI";
  }
  EXPECT_TRUE(gzip->Finish().has_value());
  EXPECT_TRUE(zstd->Finish().has_value());
}

TEST(ContentDecoder, GivesEachFlushedBlockOfOneZstdFrameAtOnce) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  auto decoder = Decoder("zstd");
  for (const std::string event : {"data: a\n\n", "data: b\n\n"}) {
    std::string out(1024, '\0');
    ZSTD_inBuffer in{event.data(), event.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    ASSERT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush), 0U);
    EXPECT_EQ(decoder->Feed(std::string_view(out).substr(0, to.pos)).value(), event);
    EXPECT_FALSE(decoder->Finish().has_value()) << "the frame is still open";
  }
  ZSTD_freeCCtx(context);
}

TEST(ContentDecoder, JoinsTheMembersOfAGzipFile) {
  const std::string two = Join(Deflate({"one "}, 31)) + Join(Deflate({"two"}, 31));
  auto decoder = Decoder("gzip");
  EXPECT_EQ(decoder->Feed(two).value(), "one two");
  EXPECT_TRUE(decoder->Finish().has_value());
}

TEST(ContentDecoder, RefusesABodyThatIsCutShort) {
  for (const Coded& coded : AllCodings(Varied(1000))) {
    for (const std::size_t cut : {std::size_t{1}, coded.bytes.size() / 2, coded.bytes.size() - 1}) {
      auto decoder = Decoder(coded.coding);
      ASSERT_TRUE(decoder->Feed(std::string_view(coded.bytes).substr(0, cut)).has_value());
      auto end = decoder->Finish();
      ASSERT_FALSE(end.has_value()) << coded.name << " " << cut;
      EXPECT_EQ(end.error().code, ErrorCode::kUpstream);
    }
  }
}

TEST(ContentDecoder, TakesAnEmptyBodyAsOne) {
  for (const std::string coding : {"gzip", "deflate", "zstd"}) {
    EXPECT_TRUE(Decoder(coding)->Finish().has_value()) << coding;
    auto fed = Decoder(coding);
    EXPECT_EQ(fed->Feed("").value(), "");
    EXPECT_TRUE(fed->Finish().has_value()) << coding;
  }
}

TEST(ContentDecoder, RefusesGarbageAndBytesBehindTheEnd) {
  for (const Coded& coded : AllCodings("text")) {
    EXPECT_FALSE(Decoder(coded.coding)->Feed("<html>502 Bad Gateway</html>").has_value());
    EXPECT_FALSE(Decoder(coded.coding)->Feed(coded.bytes + "more").has_value()) << coded.name;
    std::string broken = Join(Deflate({Varied(5000)}, 31));
    broken[broken.size() - 6] ^= 1;  // in the checksum
    EXPECT_FALSE(Decoder("gzip")->Feed(broken).has_value());
  }
}

TEST(ContentDecoder, RefusesABombWithoutUnpackingIt) {
  for (const Coded& coded : AllCodings(std::string(10'000'000, 'x'))) {
    auto decoder = Decoder(coded.coding, 1 << 20);
    auto fed = decoder->Feed(coded.bytes);
    ASSERT_FALSE(fed.has_value()) << coded.name;
    EXPECT_EQ(fed.error().code, ErrorCode::kUpstream);
    EXPECT_NE(fed.error().detail.find("expands too far"), std::string::npos);
  }
}

TEST(ContentDecoder, TakesOutputUpToTheLimit) {
  for (const Coded& coded : AllCodings(std::string(99'999, 'x'))) {
    EXPECT_EQ(Decoder(coded.coding, 100'000)->Feed(coded.bytes)->size(), 99'999U) << coded.name;
  }
}

TEST(ContentDecoder, RefusesAZstdWindowThatNeedsMuchMemory) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  const std::string text = Varied(1000);
  std::string out(4096, '\0');
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  // Streaming, so that the frame does not tell its size and asks for the whole window.
  ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush);
  ZSTD_freeCCtx(context);
  EXPECT_FALSE(Decoder("zstd")->Feed(std::string_view(out).substr(0, to.pos)).has_value());
}

TEST(ContentDecoder, NamesACodingThatItDoesNotKnow) {
  for (const std::string coding : {"br", "gzip, zstd", "compress", ""}) {
    auto decoder = ContentDecoder::For(coding);
    ASSERT_FALSE(decoder.has_value()) << coding;
    EXPECT_EQ(decoder.error().code, ErrorCode::kUpstream);
    EXPECT_NE(decoder.error().detail.find(coding), std::string::npos);
  }
}

}  // namespace
}  // namespace triage::providers
