#include "prices/text_size.h"

#include <string>

#include <gtest/gtest.h>

namespace triage::prices {
namespace {

TextSize Of(const std::string& text) {
  llm::Request request;
  request.text = text;
  request.turns.push_back({llm::Role::kUser, request.text});
  return Measure(request);
}

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

double BytesPerToken(const std::string& text) {
  return static_cast<double>(text.size()) / static_cast<double>(Of(text).text);
}

TEST(Measure, CountsEnglishAtAboutFourAndAHalfBytesAToken) {
  const std::string text = Repeated(
      "The committee met on a rainy afternoon, and nobody could say afterwards who had first "
      "proposed that the bridge should be painted green. ",
      20);
  EXPECT_EQ(Of(text).script, Script::kProse);
  EXPECT_GT(BytesPerToken(text), 4.0);
  EXPECT_LT(BytesPerToken(text), 4.9);
}

TEST(Measure, CountsJsonAndCodeAsDenser) {
  const std::string json = Repeated(R"({"id":10482,"sku":"AX-77","qty":3,"price":19.99},)", 40);
  EXPECT_EQ(Of(json).script, Script::kDense);
  EXPECT_GT(BytesPerToken(json), 1.9);
  EXPECT_LT(BytesPerToken(json), 3.2);
  const std::string code =
      Repeated("for (int i = 0; i < n; ++i) {\n  sum += values[i] * weights[i];\n}\n", 30);
  EXPECT_EQ(Of(code).script, Script::kDense);
}

TEST(Measure, TellsScriptsApart) {
  EXPECT_EQ(Of(Repeated("日本語の文章を要約してください。", 20)).script, Script::kCjk);
  EXPECT_EQ(Of(Repeated("한국어 문장을 요약해 주세요 ", 20)).script, Script::kCjk);
  EXPECT_EQ(Of(Repeated("Сделай краткое изложение текста ", 20)).script, Script::kOthers);
  EXPECT_EQ(Of(Repeated("لخص هذا النص من فضلك ", 20)).script, Script::kOthers);
  EXPECT_EQ(Of(Repeated("Résumez ce texte s'il vous plaît, très brièvement. ", 20)).script,
            Script::kProse);
}

TEST(Measure, CountsAboutOneTokenForAJapaneseCharacter) {
  const TextSize size = Of(Repeated("要約", 500));
  EXPECT_GT(size.text, 700);
  EXPECT_LT(size.text, 1'200);
}

TEST(Measure, EstimatesALongTextFromASample) {
  const std::string sentence = "A sentence of quite ordinary words, repeated for a long time. ";
  const std::int64_t once = Of(Repeated(sentence, 100)).text;
  const std::int64_t often = Of(Repeated(sentence, 100'000)).text;
  EXPECT_NEAR(static_cast<double>(often) / static_cast<double>(once), 1000.0, 30.0);
}

TEST(Measure, AddsMessagesAndTools) {
  llm::Request request;
  request.text = "hi";
  request.turns.assign(10, {llm::Role::kUser, "hi"});
  EXPECT_EQ(Measure(request).text, 40);
  request.extras.json_bytes = 1'000;
  EXPECT_EQ(Measure(request).text, 380);
  EXPECT_EQ(Measure(request).script, Script::kDense);
  EXPECT_EQ(Measure(request).media, 0);
}

TEST(Measure, CountsMediaByRule) {
  llm::Request request;
  request.extras.images = 3;
  EXPECT_EQ(Measure(request).media, 4'800);
  request.extras = {.documents = 1, .document_bytes = 100'000};
  EXPECT_EQ(Measure(request).media, 2'000);
  request.extras = {.documents = 1, .document_bytes = 1'200'000};
  EXPECT_EQ(Measure(request).media, 8'000);
  request.extras = {.documents = 1, .document_bytes = 1'000'000'000};
  EXPECT_EQ(Measure(request).media, 200'000);
  request.extras = {.documents = 150, .document_bytes = 0};
  EXPECT_EQ(Measure(request).media, 300'000);
}

TEST(Measure, CountsPlainTextAsItCountsTextWithOneForeignLetter) {
  // Two ways through the code; a foreign letter in each piece takes the slower one.
  const std::string plain = Repeated("Order 66: pay $12.50, (soon) [x] {y}. ", 200);
  std::string foreign = plain;
  for (std::size_t at = 0; at < foreign.size(); at += 64) foreign.replace(at, 1, "\xC3\xA9");
  EXPECT_NEAR(static_cast<double>(Of(plain).text) * 1.05, static_cast<double>(Of(foreign).text),
              static_cast<double>(Of(plain).text) * 0.05);
}

TEST(Measure, TakesNothingAndBytesThatAreNoText) {
  EXPECT_EQ(Measure(llm::Request()).text, 0);
  EXPECT_GT(Of(Repeated("\xFF\xFE\x80", 100)).text, 0);
  EXPECT_GT(Of("\xE2").text, 0);
}

}  // namespace
}  // namespace triage::prices
