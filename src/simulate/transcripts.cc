#include "simulate/transcripts.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "wire/aws_event_stream.h"

namespace triage::simulate {
namespace {

std::string_view ContentTypeOf(std::string_view extension) {
  if (extension == ".json") return "application/json";
  if (extension == ".sse") return "text/event-stream; charset=utf-8";
  if (extension == ".events") return "application/vnd.amazon.eventstream";
  if (extension == ".html") return "text/html";
  return {};
}

int StatusOf(std::string_view name) {
  static constexpr std::string_view kError = "error_";
  int status = 200;
  if (name.starts_with(kError)) {
    const std::string_view digits = name.substr(kError.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), status);
  }
  return status;
}

}  // namespace

Result<std::shared_ptr<const Transcripts>> Transcripts::Load(const std::string& folder) {
  const auto unreadable = [](std::string_view path, std::string_view why) {
    return Error{.code = ErrorCode::kIo, .message = fmt::format("{}: {}", path, why)};
  };
  auto loaded = std::make_shared<Transcripts>();
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    const std::string_view type = ContentTypeOf(entry.path().extension().string());
    if (type.empty() || name.starts_with("request")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (!file) return unreadable(entry.path().string(), "cannot be read");
    if (entry.path().extension() == ".events") bytes = wire::AwsEventsOf(bytes);
    loaded->by_name_[entry.path().lexically_relative(folder).generic_string()] = {
        StatusOf(name), type, std::move(bytes)};
  }
  if (failed) return unreadable(folder, failed.message());
  if (loaded->by_name_.empty()) return unreadable(folder, "has no transcript of an answer in it");
  return std::shared_ptr<const Transcripts>(std::move(loaded));
}

const Transcript* Transcripts::AskedBy(std::string_view text) const {
  static constexpr std::string_view kReplay = "please replay ";
  const std::size_t at = text.find(kReplay);
  if (at == std::string_view::npos) return nullptr;
  const std::string_view rest = text.substr(at + kReplay.size());
  const auto found = by_name_.find(rest.substr(0, rest.find_first_of(" \n")));
  return found == by_name_.end() ? nullptr : &found->second;
}

}  // namespace triage::simulate
