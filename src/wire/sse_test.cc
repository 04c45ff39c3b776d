#include "wire/sse.h"

#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace triage::wire {
namespace {

using Event = std::tuple<std::string, std::string, bool, bool>;  // name, data, has data, terminated

std::vector<Event> Cut(const std::vector<std::string>& pieces, std::string* bytes = nullptr) {
  SseFramer framer;
  std::vector<Event> events;
  const auto take = [&](const SseEvent& event) {
    events.emplace_back(event.name, event.data, event.has_data, event.terminated);
    if (bytes != nullptr) *bytes += event.bytes;
  };
  for (const std::string& piece : pieces) {
    framer.Feed(piece);
    while (const auto event = framer.Next()) take(*event);
  }
  if (const auto event = framer.Finish()) take(*event);
  return events;
}

// The rules of WHATWG HTML §9.2.6 written as plainly as possible, for whole streams.
std::vector<Event> Oracle(std::string text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\r' || text[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += text[i];
    }
  }
  lines.pop_back();  // an incomplete line
  std::vector<Event> events;
  std::string name;
  std::string data;
  bool has_data = false;
  for (const std::string& line : lines) {
    if (line.empty()) {
      if (has_data) data.pop_back();
      events.emplace_back(name, data, has_data, true);
      name.clear();
      data.clear();
      has_data = false;
      continue;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string field = line.substr(0, colon);
    std::string value = colon == line.size() ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (field == "event") name = value;
    if (field == "data") {
      data += value + "\n";
      has_data = true;
    }
  }
  return events;
}

TEST(SseFramer, CutsEventsAndKeepsAllBytes) {
  const std::string stream = ": hi\n\nevent: a\ndata: 1\n\ndata:2\ndata: 3\nid: 7\n\ndata\n\n";
  std::string bytes;
  const std::vector<Event> expected = {{"", "", false, true},
                                       {"a", "1", true, true},
                                       {"", "2\n3", true, true},
                                       {"", "", true, true}};
  EXPECT_EQ(Cut({stream}, &bytes), expected);
  EXPECT_EQ(bytes, stream);
}

TEST(SseFramer, AgreesWithThePlainRulesForEverySplit) {
  const std::vector<std::string> streams = {
      "data: 1\n\ndata: 2\n\n",
      "data: 1\r\n\r\ndata: 2\r\n\r\n",
      "data: 1\r\rdata: 2\r\r\n",
      "\xEF\xBB\xBF"
      "data: 1\n\n\xEF\xBB\xBF"
      "data: 2\n\n",
      "\n\n\r\n\rdata:  x: y \n\n",
      "event: e\r\ndata: a\r\ndata:\r\ndata: b\r\n\r\n:c\r\n\r\n",
      "dat: 1\ndata : 2\n data: 3\n\n",
  };
  for (const std::string& stream : streams) {
    const std::vector<Event> expected = Oracle(stream);
    std::vector<std::string> bytewise;
    for (char c : stream) bytewise.emplace_back(1, c);
    std::string bytes;
    EXPECT_EQ(Cut(bytewise, &bytes), expected) << stream;
    EXPECT_EQ(bytes, stream);
    for (std::size_t a = 0; a <= stream.size(); ++a) {
      for (std::size_t b = a; b <= stream.size(); ++b) {
        EXPECT_EQ(Cut({stream.substr(0, a), stream.substr(a, b - a), stream.substr(b)}), expected)
            << stream << a << " " << b;
      }
    }
  }
}

TEST(SseFramer, GivesWhatIsLeftAtTheEnd) {
  const std::vector<Event> cut = {{"", "1", true, true}, {"", "2", true, false}};
  EXPECT_EQ(Cut({"data: 1\n\ndata: 2"}), cut);
  EXPECT_EQ(Cut({"data: 1\n\ndata: 2\n"}), cut);
  EXPECT_EQ(Cut({"data: 1\n\ndata: 2\r"}), cut);
  const std::vector<Event> whole = {{"", "1", true, true}};
  EXPECT_EQ(Cut({"data: 1\n\r"}), whole);
  EXPECT_TRUE(Cut({}).empty());
  EXPECT_TRUE(Cut({""}).empty());
}

TEST(SseFramer, SeesAnEventThatIsTooLong) {
  SseFramer framer(100);
  framer.Feed("data: 1\n\n");
  EXPECT_TRUE(framer.Next());
  EXPECT_FALSE(framer.Next());
  EXPECT_FALSE(framer.overflowed());
  const std::string piece(60, 'x');
  framer.Feed(piece);
  EXPECT_FALSE(framer.Next());
  EXPECT_FALSE(framer.overflowed());
  framer.Feed(piece);
  EXPECT_FALSE(framer.Next());
  EXPECT_TRUE(framer.overflowed());
}

TEST(SseFramer, DoesNotCopyWholeEvents) {
  const std::string stream = "data: 1\n\ndata: 2\n\n";
  SseFramer framer;
  framer.Feed(stream);
  EXPECT_EQ(framer.Next()->bytes.data(), stream.data());
  EXPECT_EQ(framer.Next()->bytes.data(), stream.data() + 9);
}

}  // namespace
}  // namespace triage::wire
