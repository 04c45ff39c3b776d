// Any bytes as JSON: the tree takes what the plain parser takes, but for keys given twice, and
// every value of it has bytes that are the same value again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/json.h"
#include "wire/json_tree.h"

namespace {

using namespace triage;

constexpr int kDepth = 32;

std::size_t CheckValue(wire::JsonValue value, std::string_view text) {
  TRIAGE_CHECK(value.present() && !value.raw().empty());
  TRIAGE_CHECK(!wire::FindJsonProblem(value.raw(), kDepth));
  TRIAGE_CHECK(value.raw().size() <= text.size());
  TRIAGE_CHECK(value.integer().has_value() <= value.number().has_value());
  if (value.is_string())
    TRIAGE_CHECK(!wire::FindJsonProblem(wire::JsonString(value.text()), kDepth));
  std::size_t values = 1;
  std::size_t children = 0;
  for (wire::JsonValue child : value) {
    ++children;
    if (value.is_object()) TRIAGE_CHECK(value[child.key()].raw().data() == child.raw().data());
    values += CheckValue(child, value.raw());
  }
  TRIAGE_CHECK(children == value.size());
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  wire::JsonTree tree;
  const Result<void> parsed = tree.Parse(text, kDepth);
  const auto problem = wire::FindJsonProblem(text, kDepth);
  if (!parsed) {
    TRIAGE_CHECK(!parsed.error().message.empty() && !tree.root().present());
    TRIAGE_CHECK(problem.has_value() || !parsed.error().field.empty());  // a key twice
    return 0;
  }
  TRIAGE_CHECK(!problem);
  CheckValue(tree.root(), text);
  // A tree is read again and again.
  TRIAGE_CHECK(tree.Parse(tree.root().raw(), kDepth).has_value());
  return 0;
}
