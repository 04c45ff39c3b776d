#include "simulate/transcripts.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"
#include "wire/aws_event_stream.h"

namespace triage::simulate {
namespace {

using testing::HasSubstr;

class TranscriptsTest : public testing::Test {
 protected:
  void Put(const std::string& name, std::string_view bytes) {
    std::ofstream(dir_.File(name), std::ios::binary) << bytes;
  }

  std::string Folder() const { return dir_.path().string(); }

  TempDir dir_;
};

TEST_F(TranscriptsTest, GiveAFileByteForByteInItsFormToWhoeverAsksForIt) {
  Put("answer.json", "{}");
  std::filesystem::create_directory(dir_.path() / "sub");
  Put("sub/stream.sse", "data: a\r\n\r\n");
  Put("cut.events", "messageStart {}\n");
  Put("error_529_busy.json", "{\"type\":\"error\"}");
  Put("request_full.json", "{}");
  Put("notes.txt", "none");
  const auto loaded = Transcripts::Load(Folder());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Transcripts& transcripts = **loaded;
  EXPECT_EQ(transcripts.size(), 4U);
  const Transcript* stream = transcripts.AskedBy("Now please replay sub/stream.sse and no more");
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->bytes, "data: a\r\n\r\n");
  EXPECT_EQ(stream->status, 200);
  EXPECT_THAT(stream->content_type, HasSubstr("event-stream"));
  EXPECT_EQ(transcripts.AskedBy("please replay cut.events")->bytes,
            wire::AwsEventsOf("messageStart {}\n"));
  EXPECT_EQ(transcripts.AskedBy("please replay error_529_busy.json")->status, 529);
  for (const std::string_view nothing :
       {"", "please replay ", "please replay nothing.json", "please replay request_full.json",
        "please replay notes.txt", "replay answer.json", "please replay stream.sse"}) {
    EXPECT_EQ(transcripts.AskedBy(nothing), nullptr) << nothing;
  }
}

TEST_F(TranscriptsTest, AreRefusedWhereThereAreNone) {
  EXPECT_THAT(Transcripts::Load(Folder()).error().message, HasSubstr("no transcript"));
  EXPECT_THAT(Transcripts::Load(dir_.File("nowhere")).error().message, HasSubstr("nowhere"));
}

}  // namespace
}  // namespace triage::simulate
