#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

#include "observe/metrics.h"

namespace triage::observe {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");  // proc(5): size resident shared …, in pages
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenFiles() {
  std::error_code failed;
  const std::filesystem::directory_iterator entries("/proc/self/fd", failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(entries), end(entries)));
}

}  // namespace

void AddProcessMetrics(Registry& registry, std::string_view version) {
  using enum Registry::ReadingKind;
  registry.AddReading(kGauge, "process_resident_memory_bytes", "Resident memory size in bytes.", {},
                      ResidentBytes);
  registry.AddReading(kCounter, "process_cpu_seconds_total",
                      "Total user and system CPU time spent in seconds.", {}, CpuSeconds);
  registry.AddReading(kGauge, "process_open_fds", "Number of open file descriptors.", {},
                      OpenFiles);
  const double started =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  registry.AddReading(kGauge, "process_start_time_seconds", "Start of the process in Unix seconds.",
                      {}, [started] { return started; });
  registry.AddReading(kGauge, "triage_build_info", "Always 1; the label tells which Triage runs.",
                      {{"version", std::string(version)}}, [] { return 1.0; });
}

}  // namespace triage::observe
