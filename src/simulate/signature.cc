#include "simulate/signature.h"

#include <cstdint>

#include <openssl/evp.h>

#include "simulate/latency.h"

namespace triage::simulate {

std::string Base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::string SignatureOf(llm::Dialect dialect, std::string_view text) {
  std::string bytes;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    const std::uint64_t hash = StableHash(i, llm::Name(dialect), text);
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(hash >> shift & 0xff);
  }
  return Base64(bytes);
}

}  // namespace triage::simulate
