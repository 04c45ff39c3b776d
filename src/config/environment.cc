#include "config/environment.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace triage::config {

namespace {

bool IsVariableName(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, allowed);
}

}  // namespace

EnvLookup ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

bool Environment::Substitute(Node& scalar, const std::string& path, Problems& problems) const {
  const std::string& raw = scalar.raw;
  std::string text;
  bool fine = true;
  std::size_t i = 0;
  while (i < raw.size()) {
    std::string_view rest = std::string_view(raw).substr(i);
    if (rest.starts_with("$${")) {
      text += "${";
      i += 3;
      continue;
    }
    if (!rest.starts_with("${")) {
      text += raw[i++];
      continue;
    }
    std::size_t end = rest.find('}');
    std::string_view inside = rest.substr(2, end == std::string_view::npos ? 0 : end - 2);
    std::size_t split = inside.find(":-");
    std::string_view name = inside.substr(0, split);
    if (end == std::string_view::npos || !IsVariableName(name)) {
      problems.Error(scalar.at, path, "'${' does not begin a reference to an environment variable",
                     "${NAME} or ${NAME:-default}; $${ stands for the text ${");
      return false;
    }
    scalar.from_env = true;
    std::optional<std::string> value = lookup_(name);
    if (value && !value->empty()) {
      text += *value;
    } else if (split != std::string_view::npos) {
      text += inside.substr(split + 2);
    } else {
      problems.Error(
          scalar.at, path,
          fmt::format("environment variable {} is {}", name, value ? "empty" : "not set"),
          "it to be set, or a default: ${" + std::string(name) + ":-…}");
      fine = false;
    }
    i += end + 1;
  }
  scalar.text = std::move(text);
  return fine;
}

}  // namespace triage::config
