#include "wire/splice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "wire/client_request.h"
#include "wire/embeddings.h"

namespace triage::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Spliced(const llm::Request& request, std::string_view model,
                    const llm::Profile& profile, std::vector<std::string>* warnings = nullptr) {
  SplicedBody spliced;
  SpliceRequest(request, model, profile, spliced);
  std::string out;
  for (std::string_view part : spliced.parts()) out += part;
  EXPECT_EQ(out.size(), spliced.size());
  if (warnings != nullptr) *warnings = spliced.warnings();
  return out;
}

std::string Spliced(std::string body, std::string_view model, const llm::Profile& profile = {},
                    std::vector<std::string>* warnings = nullptr,
                    llm::Dialect dialect = llm::Dialect::kOpenAiChat) {
  llm::Request request;
  const Result<void> read = ReadClientRequest(dialect, body, {}, request);
  EXPECT_TRUE(read) << read.error().message << '\n' << body;
  return Spliced(request, model, profile, warnings);
}

const std::string kMessages = R"("messages":[{"role":"user","content":"x"}])";

TEST(SpliceRequest, ChangesOnlyTheModelWhenNothingStreams) {
  const std::string body =
      "{ \"messages\" : [{\"role\":\"user\",\"content\":\"\\u0041 \\/ ä\"}] "
      ",\n\"model\":\t\"auto\" ,"
      "\"x\":1e2, \"stream_options\":{\"a\":1}}\n";
  std::string expected = body;
  expected.replace(expected.find("\"auto\""), 6, "\"llama \\\"3\\\"\"");
  EXPECT_EQ(Spliced(body, "llama \"3\""), expected);
}

TEST(SpliceRequest, AsksForUsageInEveryStreamAndKeepsAllOtherBytes) {
  const std::string head =
      R"({"stream":true, "messages":[{"role":"user","content":"x"}],"model":"a")";
  const std::string head_out =
      R"("stream":true, "messages":[{"role":"user","content":"x"}],"model":"b")";
  const std::string field = R"({"stream_options":{"include_usage":true},)";
  EXPECT_EQ(Spliced(head + "}", "b"), field + head_out + "}");
  const std::vector<std::pair<std::string, std::string>> options = {
      {"null", R"({"include_usage":true})"},
      {"{}", R"({"include_usage":true})"},
      {"{ }", R"({"include_usage":true })"},
      {R"({"a":[1, 2]})", R"({"include_usage":true,"a":[1, 2]})"},
      {R"({"include_usage" : false , "a":1})", R"({"include_usage" : true , "a":1})"},
      {R"({"a":1,"include_usage":null})", R"({"a":1,"include_usage":true})"},
      {R"({"include_us\u0061ge":false})", R"({"include_us\u0061ge":true})"},
      {R"({"a":1,"include_usage":true})", R"({"a":1,"include_usage":true})"},
  };
  for (const auto& [given, wanted] : options) {
    EXPECT_EQ(Spliced(head + R"(, "stream_options": )" + given + " ,\"z\":0}", "b"),
              "{" + head_out + R"(, "stream_options": )" + wanted + " ,\"z\":0}");
    EXPECT_EQ(Spliced(R"({"stream_options":)" + given + "," + head.substr(1) + "}", "b"),
              R"({"stream_options":)" + wanted + "," + head_out + "}");
  }
}

TEST(SpliceRequest, GivesValidJsonForEveryCase) {
  const std::string out = Spliced(
      R"({"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]})", "groq/ä\n");
  const auto parsed = nlohmann::json::parse(out, nullptr, false);
  ASSERT_TRUE(parsed.is_object());
  EXPECT_EQ(parsed["model"], "groq/ä\n");
  EXPECT_EQ(parsed["stream_options"]["include_usage"], true);
}

TEST(SpliceRequest, LeavesOutWhatIsRefusedWhereverItStands) {
  const llm::Profile profile{.refuses = {"seed", "logit_bias"}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"seed":1,"model":"a",M})", R"({"model":"b",M})"},
      {R"({ "seed" : 1 , "logit_bias":{"5":[1,"}"]} ,"model":"a",M})", R"({ "model":"b",M})"},
      {R"({"model":"a","seed":1,M})", R"({"model":"b",M})"},
      {R"({"model":"a",M,"logit_bias":{}})", R"({"model":"b",M})"},
      {R"({"model":"a",M , "seed":1, "logit_bias":{} })", R"({"model":"b",M })"},
      {R"({"seed":1,"model":"a","logit_bias":{},M,"seed2":1})", R"({"model":"b",M,"seed2":1})"},
      {R"({"se\u0065d":1,"model":"a",M})", R"({"model":"b",M})"},
  };
  const auto with_messages = [](std::string text) {
    return text.replace(text.find("M"), 1, kMessages);
  };
  for (const auto& [given, wanted] : cases) {
    EXPECT_EQ(Spliced(with_messages(given), "b", profile), with_messages(wanted)) << given;
  }
}

TEST(SpliceRequest, SaysWhatWasLeftOutUnlessItSaidNothing) {
  std::vector<std::string> warnings;
  Spliced(R"({"model":"a","seed":null,"logprobs":true,"top_logprobs":2,)" + kMessages + "}", "b",
          {.refuses = {"logprobs", "top_logprobs", "seed"}}, &warnings);
  EXPECT_THAT(warnings, ElementsAre("logprobs", "top_logprobs"));
  Spliced(R"({"model":"a",)" + kMessages + "}", "b", {.refuses = {"logprobs"}}, &warnings);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(SpliceRequest, LeavesOutWhatIsNotAmongTheAcceptedAndNothingEssential) {
  std::vector<std::string> warnings;
  const std::string body = Spliced(
      R"({"model":"a","user":"u","max_tokens":3,"stream":true,"top_p":1,)" + kMessages + "}", "b",
      {.accepts = {"top_p"}}, &warnings);
  EXPECT_EQ(body, R"({"stream_options":{"include_usage":true},"model":"b","max_tokens":3,)"
                  R"("stream":true,"top_p":1,)" +
                      kMessages + "}");
  EXPECT_THAT(warnings, ElementsAre("user"));
}

TEST(SpliceRequest, NamesTheLimitOfTokensAsTheEndpointDoes) {
  const auto spliced = [](const std::string& limits, std::string field) {
    std::vector<std::string> warnings;
    const std::string body = Spliced(R"({"model":"a",)" + limits + kMessages + "}", "b",
                                     {.max_tokens_field = std::move(field)}, &warnings);
    EXPECT_THAT(warnings, IsEmpty());
    const std::size_t from = std::string_view(R"({"model":"b",)").size();
    return body.substr(from, body.find(kMessages) - from);
  };
  const std::string older = R"("max_tokens" : 5,)";
  const std::string newer = R"("max_completion_tokens" : 6,)";
  EXPECT_EQ(spliced(older, "max_completion_tokens"), R"("max_completion_tokens" : 5,)");
  EXPECT_EQ(spliced(newer, "max_completion_tokens"), newer);
  EXPECT_EQ(spliced(newer, "max_tokens"), R"("max_tokens" : 6,)");
  EXPECT_EQ(spliced(newer, "limit"), R"("limit" : 6,)");
  EXPECT_EQ(spliced(older + newer, "max_tokens"), R"("max_tokens" : 6,)");
  EXPECT_EQ(spliced(newer + older, "max_completion_tokens"), newer);
  EXPECT_EQ(spliced(older + R"("max_completion_tokens":null,)", "max_completion_tokens"),
            R"("max_completion_tokens" : 5,)");
  EXPECT_EQ(spliced(R"("max_tokens":null,)", "max_completion_tokens"), "");
  EXPECT_EQ(spliced(older, ""), older);
}

TEST(SpliceRequest, LowersTheTemperatureAndSaysSo) {
  std::vector<std::string> warnings;
  const std::string head = R"({"model":"a","temperature": 1.90 ,)" + kMessages + "}";
  EXPECT_EQ(Spliced(head, "b", {.max_temperature = 1.5}, &warnings),
            R"({"model":"b","temperature": 1.5 ,)" + kMessages + "}");
  EXPECT_THAT(warnings, ElementsAre("temperature lowered to 1.5"));
  EXPECT_EQ(Spliced(head, "a", {.max_temperature = 1.9}, &warnings), head);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(SpliceRequest, ReplacesOnlyTheRoleOfDevelopers) {
  const std::string body =
      R"({"model":"a","messages":[{"role" : "developer","content":"a \"developer\""},)"
      R"({"content":"developer","role":"user"},{"role":"dev\u0065loper","content":""}]})";
  std::string wanted = body;
  wanted.replace(wanted.find(R"("developer","c)"), 11, R"("system")");
  wanted.replace(wanted.find(R"("dev\u0065loper")"), 16, R"("system")");
  EXPECT_EQ(Spliced(body, "a", {.developer_role = false}), wanted);
  EXPECT_EQ(Spliced(body, "a"), body);
}

TEST(SpliceRequest, SendsNoStreamOptionsToAnEndpointThatDoesNotKnowThem) {
  std::vector<std::string> warnings;
  const std::string plain = R"({"model":"a","stream":true,)" + kMessages + "}";
  EXPECT_EQ(Spliced(plain, "a", {.stream_usage = false}, &warnings), plain);
  EXPECT_EQ(Spliced(plain, "a", {.refuses = {"stream_options"}}, &warnings), plain);
  EXPECT_THAT(warnings, IsEmpty());
  const std::string asked =
      R"({"stream_options":{"include_usage":true},"model":"a","stream":true,)" + kMessages + "}";
  EXPECT_EQ(Spliced(asked, "a", {.stream_usage = false}, &warnings), plain);
  EXPECT_THAT(warnings, ElementsAre("stream_options"));
}

TEST(SpliceRequest, MakesAllChangesAtOnce) {
  std::vector<std::string> warnings;
  const std::string body = Spliced(
      R"({"seed":1,"max_tokens":9,"messages":[{"role":"developer","content":"x"}],)"
      R"("temperature":2,"x":"kept","user":"u","stream":true,"model":"a","logprobs":false})",
      "b",
      {.max_tokens_field = "max_completion_tokens",
       .refuses = {"seed", "user", "logprobs"},
       .developer_role = false,
       .max_temperature = 1},
      &warnings);
  EXPECT_EQ(body, R"({"stream_options":{"include_usage":true},"max_completion_tokens":9,)"
                  R"("messages":[{"role":"system","content":"x"}],"temperature":1,"x":"kept",)"
                  R"("stream":true,"model":"b"})");
  EXPECT_THAT(warnings, ElementsAre("seed", "temperature lowered to 1", "user", "logprobs"));
}

TEST(SpliceRequest, ServesOtherDialectsAndEmbeddingsToo) {
  std::vector<std::string> warnings;
  EXPECT_EQ(Spliced(R"({"max_tokens":5,"top_k":3,)" + kMessages + R"(, "model":"a"})", "b",
                    {.max_tokens_field = "max_completion_tokens", .refuses = {"top_k"}}, &warnings,
                    llm::Dialect::kAnthropic),
            R"({"max_tokens":5,)" + kMessages + R"(, "model":"b"})");
  EXPECT_THAT(warnings, ElementsAre("top_k"));

  llm::Request request;
  ASSERT_TRUE(ReadEmbeddingsRequest(R"({"input":["a","b"],"user":"u","dimensions":8,"model":"a"})",
                                    {}, request));
  EXPECT_EQ(Spliced(request, "b", {.refuses = {"user"}, .accepts = {"temperature"}}, &warnings),
            R"({"input":["a","b"],"dimensions":8,"model":"b"})");
  EXPECT_THAT(warnings, ElementsAre("user"));
}

/// Random bodies and profiles: what is sent is the client's object with just the changes asked for.
TEST(SpliceRequest, GivesTheObjectThatTheProfileAsksForFromAnyBody) {
  using Json = nlohmann::ordered_json;
  static constexpr std::string_view kFields[] = {"seed",   "user",       "temperature",
                                                 "stop",   "max_tokens", "max_completion_tokens",
                                                 "stream", "logit_bias", "stream_options"};
  static constexpr std::string_view kBlanks[] = {"", " ", "\n\t", ""};
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    const auto blank = [&] { return std::string(kBlanks[random.Below(4)]); };
    std::vector<std::string> members = {R"("model" : "a")", kMessages};
    for (const std::string_view field : kFields) {
      if (random.Below(2) == 0) continue;
      std::string value = "3";
      if (field == "user") value = R"("a,\"}")";
      if (field == "stop") value = R"(["{",")" + std::string(random.Below(9), 'x') + "\"]";
      if (field == "stream") value = "true";
      if (field == "temperature") value = "1.25";
      if (field == "logit_bias") value = R"({"5": {"a":[]}})";
      if (field == "stream_options") value = R"({ "include_obfuscation":false})";
      members.push_back('"' + std::string(field) + '"' + blank() + ":" + blank() + value);
    }
    for (std::size_t i = members.size(); i > 1; --i)
      std::swap(members[i - 1], members[random.Below(i)]);
    std::string body = blank() + "{";
    for (std::size_t i = 0; i < members.size(); ++i)
      body += (i == 0 ? "" : ",") + blank() + members[i] + blank();
    body += "}" + blank();

    llm::Profile profile;
    for (const std::string_view field : {"seed", "user", "temperature", "stop", "logit_bias"}) {
      if (random.Below(3) == 0) profile.refuses.emplace_back(field);
    }
    if (random.Below(2) == 0) profile.max_tokens_field = "max_tokens";
    if (random.Below(2) == 0) profile.max_temperature = 1;
    profile.stream_usage = random.Below(2) == 0;

    Json wanted = Json::parse(body);
    wanted["model"] = "b";
    for (const std::string& field : profile.refuses) wanted.erase(field);
    if (profile.max_tokens_field == "max_tokens" && wanted.contains("max_completion_tokens")) {
      wanted["max_tokens"] = wanted["max_completion_tokens"];
      wanted.erase("max_completion_tokens");
    }
    if (profile.max_temperature < 2 && wanted.contains("temperature")) wanted["temperature"] = 1;
    if (!profile.stream_usage) {
      wanted.erase("stream_options");
    } else if (wanted.contains("stream")) {
      wanted["stream_options"]["include_usage"] = true;
    }
    const std::string sent = Spliced(body, "b", profile);
    const Json got = Json::parse(sent, nullptr, false);
    // Compared without their order, which the tests above look at.
    EXPECT_EQ(nlohmann::json(got), nlohmann::json(wanted)) << body << '\n' << sent;
  }
}

}  // namespace
}  // namespace triage::wire
