// Times what deciding costs inside the process: features of a prompt, then the learned router; or,
// with --detect, what the detectors see in it.
// Prints one JSON object.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <malloc.h>

#include "bench/src/sockets.h"
#include "bench/src/stats.h"
#include "detect/detectors.h"
#include "learn/features.h"
#include "learn/router.h"

namespace {

std::uint64_t allocations = 0;

}  // namespace

// Every allocation of this program is counted; the array and nothrow forms call this one.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace triage::bench {
namespace {

int Main(int argc, char** argv) {
  CLI::App app{"Times features and learned router on one prompt; prints one JSON object."};
  std::string router_path;
  std::string prompt_path;
  std::size_t count = 1000;
  app.add_option("--router", router_path, "artifact")->required();
  app.add_option("--prompt", prompt_path, "file with the text of the user's turn")->required();
  bool detecting = false;
  app.add_option("--count", count, "decisions");
  app.add_flag("--detect", detecting, "the detectors instead of features and router");
  CLI11_PARSE(app, argc, argv);

  const auto router = learn::Router::Load(router_path);
  if (!router) {
    fmt::print(stderr, "{}: {}\n", router_path, router.error().message);
    return 1;
  }
  std::ifstream file(prompt_path, std::ios::binary);
  const std::string prompt(std::istreambuf_iterator<char>(file), {});
  if (prompt.empty()) {
    fmt::print(stderr, "{}: cannot be read or is empty\n", prompt_path);
    return 1;
  }

  learn::Features features;
  const std::vector<llm::Turn> turns{{.role = llm::Role::kUser, .text = prompt}};
  const llm::Needs needs;
  const llm::Context context;
  const auto decide = [&] {
    if (detecting) return detect::Detectors::BuiltIn().Read(turns, needs).found.empty() ? 1.0F : 0;
    features.Extract(turns, needs, context, 0);
    return (*router)->Predict(features).sufficiency[0];
  };
  std::vector<std::uint64_t> times(count);
  float sufficiency = decide();  // touches every page once
  const auto allocated = allocations;
  const auto heap = mallinfo2().uordblks;
  for (auto& time : times) {
    const auto start = NowNs();
    sufficiency = decide();
    time = NowNs() - start;
  }
  const auto grown = mallinfo2().uordblks - heap;
  const auto made = allocations - allocated;
  const Summary summary = Summarize(times);
  fmt::print(
      R"({{"bytes":{},"features":{},"sufficiency":{:.4f},"decisions":{},"p50_us":{:.2f},"p99_us":{:.2f},)"
      R"("allocations_per_decision":{:.2f},"heap_growth_bytes":{}}})"
      "\n",
      prompt.size(), features.words().size() + features.chars().size(), sufficiency, count,
      static_cast<double>(summary.p50) / 1000.0, static_cast<double>(summary.p99) / 1000.0,
      static_cast<double>(made) / static_cast<double>(count), grown);
  return 0;
}

}  // namespace
}  // namespace triage::bench

int main(int argc, char** argv) {
  return triage::bench::Main(argc, argv);
}
