#include "config/yaml_tree.h"

#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/problem.h"

namespace triage::config {

namespace {

constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;  // far beyond any configuration
constexpr std::size_t kMaxNodes = 100'000;          // bounds what nested aliases expand to

// `${` and `}` are YAML syntax inside flow maps and lists. They go through the parser as control
// characters, which the file itself may not contain, one for one so that columns stay right.
constexpr char kDollar = '\x01';
constexpr char kOpen = '\x02';
constexpr char kClose = '\x03';

std::string MaskReferences(std::string_view text) {
  std::string masked(text);
  for (std::size_t i = 0; i + 1 < masked.size(); ++i) {
    if (masked[i] != '$' || masked[i + 1] != '{') continue;
    std::size_t end = masked.find_first_of("{}\r\n", i + 2);
    if (end == std::string::npos || masked[end] != '}') continue;
    masked[i] = kDollar;
    masked[i + 1] = kOpen;
    masked[end] = kClose;
    i = end;
  }
  return masked;
}

std::string Unmask(std::string text) {
  for (char& c : text) {
    if (c == kDollar) c = '$';
    if (c == kOpen) c = '{';
    if (c == kClose) c = '}';
  }
  return text;
}

bool HasControlCharacters(std::string_view text, Position& at) {
  at = {1, 1};
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) return true;
    ++at.column;
    if (c == '\n') at = {at.line + 1, 1};
  }
  return false;
}

Position At(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

std::size_t CountNodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += CountNodes(item);
  for (const Node::Entry& entry : node.entries) count += CountNodes(entry.value);
  return count;
}

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Problems& problems) : problems_(problems) {}

  Node TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(Node(At(mark)), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    Add(Node(Node::Kind::kScalar, At(mark), Unmask(value)), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      // An alias inside the value that it names.
      problems_.Error(At(mark), "", "an alias (*name) refers to a value that contains it");
      Add(Node(At(mark)), 0);
      return;
    }
    nodes_ += CountNodes(found->second);
    if (nodes_ > kMaxNodes) {
      Overflow(At(mark));
      return;
    }
    Node copy = found->second;
    copy.at = At(mark);
    Add(std::move(copy), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Node(Node::Kind::kList, At(mark)), anchor);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Node(Node::Kind::kMap, At(mark)), anchor);
  }

  void OnSequenceEnd() override { Close(); }

  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Frame(Node its_node, YAML::anchor_t its_anchor)
        : node(std::move(its_node)), anchor(its_anchor) {}

    Node node;
    YAML::anchor_t anchor;
    bool has_key = false;
    bool drop = false;  ///< the value belongs to a bad or repeated key
    Node::Entry pending;
    std::unordered_map<std::string, int> lines;  ///< key → line
  };

  void Open(Node node, YAML::anchor_t anchor) { stack_.emplace_back(std::move(node), anchor); }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Add(std::move(frame.node), frame.anchor);
  }

  void Overflow(Position at) {
    if (!overflowed_) problems_.Error(at, "", fmt::format("more than {} values", kMaxNodes));
    overflowed_ = true;
  }

  void Add(Node node, YAML::anchor_t anchor) {
    if (++nodes_ > kMaxNodes) return Overflow(node.at);
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& top = stack_.back();
    if (top.node.kind == Node::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      AddKey(top, node);
    } else {
      top.has_key = false;
      top.pending.value = std::move(node);
      if (!top.drop) top.node.entries.push_back(std::exchange(top.pending, {}));
    }
  }

  void AddKey(Frame& top, const Node& node) {
    top.has_key = true;
    top.drop = true;
    if (!node.is_scalar()) {
      problems_.Error(node.at, "", "a key must be text", "KEY: VALUE");
      return;
    }
    auto [first, is_new] = top.lines.emplace(node.raw, node.at.line);
    if (!is_new) {
      problems_.Error(
          node.at, "",
          fmt::format("key '{}' is given twice; first on line {}", node.raw, first->second));
      return;
    }
    top.drop = false;
    top.pending.key = node.raw;
    top.pending.at = node.at;
  }

  Problems& problems_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  std::size_t nodes_ = 0;
  bool overflowed_ = false;
};

}  // namespace

Node::Node(Position where) : at(where) {}

Node::Node(Kind its_kind, Position where, std::string its_raw)
    : kind(its_kind), at(where), raw(std::move(its_raw)), text(raw) {}

const Node* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node ParseYaml(std::string_view text, Problems& problems) {
  Node nothing(Node::Kind::kMap, {1, 1});
  if (text.size() > kMaxBytes) {
    problems.Error({}, "", "the file is larger than 4 MiB");
    return nothing;
  }
  Position at;
  if (HasControlCharacters(text, at)) {
    problems.Error(at, "", "the file has a control character here", "plain text in UTF-8");
    return nothing;
  }
  try {
    std::istringstream stream(MaskReferences(text));
    YAML::Parser parser(stream);
    TreeBuilder builder(problems);
    if (!parser.HandleNextDocument(builder)) return nothing;
    Node root = builder.TakeRoot();
    TreeBuilder rest(problems);
    if (parser.HandleNextDocument(rest)) {
      problems.Error(rest.TakeRoot().at, "", "a second YAML document begins here", "one document");
    }
    return root;
  } catch (const YAML::Exception& e) {
    problems.Error(At(e.mark), "", "this is not valid YAML: " + e.msg);
    return nothing;
  }
}

}  // namespace triage::config
