#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/codec.h"
#include "wire/json_tree.h"
#include "wire/responses.h"
#include "wire/responses_test_support.h"

namespace triage::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string Refusal(const auto& result) {
  return result ? "accepted" : result.error().message;
}

std::string Stateless(std::string_view body, const KeptResponse* previous = nullptr,
                      std::span<const KeptResponse> referenced = {}) {
  Result<std::string> made = StatelessBody(body, previous, referenced, {});
  EXPECT_TRUE(made.has_value()) << made.error().message;
  return made ? *made : "";
}

// What POST answers a first request with, and what is kept of it.
const std::string kFirstInput = R"([{"role":"user", "content":"Which harbours?"}])";
const std::string kFirstResponse =
    R"({"id":"resp_1","status":"completed","output":[)"
    R"({"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"},)"
    R"({"id":"fc_1","type":"function_call","call_id":"call_1","name":"depth","arguments":"{}"}]})";
const KeptResponse kFirst{.input_items = kFirstInput, .response = kFirstResponse};

TEST(ResponsesControls, AreReadWithTheApisDefaults) {
  ResponsesControls plain = ReadControls(R"({"model":"auto","input":"x"})", {}).value();
  EXPECT_EQ(plain.model, "auto");
  EXPECT_TRUE(plain.store);
  EXPECT_FALSE(plain.background);
  EXPECT_FALSE(plain.stream);
  EXPECT_EQ(plain.previous_response_id, "");
  const ResponsesControls given =
      ReadControls(R"({"background":true,"stream":true,"previous_response_id":"resp_1","input":[
        {"type":"item_reference","id":"msg_1"},{"role":"user","content":"x"},{"id":"rs_2"}]})",
                   {})
          .value();
  EXPECT_TRUE(given.background);
  EXPECT_TRUE(given.stream);
  EXPECT_EQ(given.previous_response_id, "resp_1");
  EXPECT_THAT(given.references, ElementsAre("msg_1", "rs_2"));
  EXPECT_FALSE(ReadControls(R"({"store":false})", {}).value().store);
}

TEST(ResponsesControls, RefuseWhatIsWrong) {
  EXPECT_THAT(Refusal(ReadControls("{", {})), HasSubstr("not valid JSON"));
  EXPECT_THAT(Refusal(ReadControls("[]", {})), HasSubstr("must be a JSON object"));
  EXPECT_EQ(Refusal(ReadControls(R"({"store":1})", {})), "/store: must be true or false.");
  EXPECT_EQ(Refusal(ReadControls(R"({"previous_response_id":1})", {})),
            "/previous_response_id: must be a string.");
  EXPECT_EQ(Refusal(ReadControls(R"({"background":true,"store":false})", {})),
            "/store: must be true with background; leave it out.");
  EXPECT_EQ(Refusal(ReadControls(R"({"input":[{"type":"item_reference"}]})", {})),
            "/input/0/id: is required; give the id of an item.");
  EXPECT_THAT(Refusal(ReadControls("{}", {.max_body_bytes = 1})), HasSubstr("1 are allowed"));
}

TEST(StatelessBody, KeepsTheBytesOfWhatItDoesNotServeItself) {
  EXPECT_EQ(Stateless(R"({"model":"m", "tools":[ {"x":1.50} ], "store":true, "background":null,
                          "input":"Hi \u00e4", "a\"b":[ ]})"),
            R"({"model":"m","tools":[ {"x":1.50} ],"input":"Hi \u00e4","a\"b":[ ],"store":false})");
}

TEST(StatelessBody, PutsTheHistoryInFront) {
  const std::string body =
      Stateless(R"({"model":"m","previous_response_id":"resp_1","instructions":"New ones.",)"
                R"("input":[{"type":"function_call_output","call_id":"call_1","output":"4 m"}]})",
                &kFirst);
  EXPECT_EQ(
      body,
      R"({"model":"m","instructions":"New ones.","input":[)"
      R"({"role":"user", "content":"Which harbours?"},)"
      R"({"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"},)"
      R"({"id":"fc_1","type":"function_call","call_id":"call_1","name":"depth","arguments":"{}"},)"
      R"({"type":"function_call_output","call_id":"call_1","output":"4 m"}],"store":false})");
  const Result<llm::Conversation> read = OpenAiResponsesCodec().ReadRequest(body, {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_THAT(read->messages, SizeIs(4));  // instructions, question, call, result

  // A text becomes an item, a missing input is only the history.
  EXPECT_THAT(Stateless(R"({"model":"m","input":"And now?"})", &kFirst),
              HasSubstr(R"({"role":"user","content":"And now?"}],"store":false})"));
  EXPECT_THAT(Stateless(R"({"model":"m"})", &kFirst), HasSubstr(R"("arguments":"{}"}],"store")"));
}

TEST(StatelessBody, GoesOnOverManyTurns) {
  std::string input_items;
  std::string response;
  for (int turn = 0; turn < 3; ++turn) {
    const KeptResponse kept{.input_items = input_items, .response = response};
    const std::string body =
        Stateless(R"({"model":"m","input":"Question)" + std::to_string(turn) + "\"}",
                  turn == 0 ? nullptr : &kept);
    input_items = InputItems(body);
    llm::Answer answer{.finish = llm::FinishReason::kStop};
    answer.parts.emplace_back(llm::TextPart{.text = "Answer" + std::to_string(turn)});
    response = OpenAiResponsesCodec().WriteAnswer(
        answer, {.id = "ex" + std::to_string(turn), .model = "m"});
  }
  const KeptResponse kept{.input_items = input_items, .response = response};
  const auto read =
      OpenAiResponsesCodec().ReadRequest(Stateless(R"({"model":"m","input":"Last"})", &kept), {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  std::string texts;
  for (const llm::Message& message : read->messages)
    texts += std::get<llm::TextPart>(message.parts.at(0)).text + " ";
  EXPECT_EQ(texts, "Question0 Answer0 Question1 Answer1 Question2 Answer2 Last ");
}

TEST(StatelessBody, ResolvesItemReferences) {
  const KeptResponse others[]{kFirst};
  EXPECT_EQ(Stateless(R"({"input":[{"type":"item_reference","id":"fc_1"},)"
                      R"({"role":"user","content":"x"}]})",
                      nullptr, others),
            R"({"input":[{"id":"fc_1","type":"function_call","call_id":"call_1","name":"depth",)"
            R"("arguments":"{}"},{"role":"user","content":"x"}],"store":false})");
  // What the history has already is not told twice.
  const std::string once =
      Stateless(R"({"input":[{"type":"item_reference","id":"fc_1"}]})", &kFirst, others);
  EXPECT_EQ(once.find("fc_1"), once.rfind("fc_1"));
  EXPECT_EQ(Refusal(StatelessBody(R"({"input":[{"type":"item_reference","id":"msg_9"}]})", nullptr,
                                  others, {})),
            "/input/0: item 'msg_9' is not kept here; send the item itself.");
}

TEST(StatelessBody, LeavesOutReasoningThatOnlyItsProviderCouldLookUp) {
  EXPECT_EQ(Stateless(R"({"input":[{"type":"reasoning","id":"rs_9","summary":[]},)"
                      R"({"type":"function_call","id":"fc_9","call_id":"c","name":"f"}]})"),
            R"({"input":[{"type":"function_call","call_id":"c","name":"f"}],"store":false})");
  EXPECT_THAT(Stateless(R"({"input":[{"type":"reasoning","id":"rs_9","summary":[],)"
                        R"("content":[{"type":"reasoning_text","text":"hm"}]}]})"),
              HasSubstr("rs_9"));
}

TEST(StatelessBody, RefusesWhatIsWrongAndSurvivesBrokenStores) {
  EXPECT_THAT(Refusal(StatelessBody("{", nullptr, {}, {})), HasSubstr("not valid JSON"));
  EXPECT_EQ(Refusal(StatelessBody(R"({"input":7})", nullptr, {}, {})),
            "/input: must be a string or a list of items.");
  const KeptResponse broken{.input_items = "[{", .response = "no"};
  EXPECT_EQ(Stateless(R"({"input":"x"})", &broken),
            R"({"input":[{"role":"user","content":"x"}],"store":false})");
}

TEST(InputItems, AreAlwaysAList) {
  EXPECT_EQ(InputItems(R"({"input":"Hi"})"), R"([{"role":"user","content":"Hi"}])");
  EXPECT_EQ(InputItems(R"({"input":[ {"a":1} ]})"), R"([ {"a":1} ])");
  EXPECT_EQ(InputItems("{}"), "[]");
}

TEST(InputItemList, GoesByPages) {
  const std::string items =
      R"([{"role":"user","content":"a"},{"type":"function_call_output","id":"fco_7","output":"b"},)"
      R"({"role":"assistant","content":"c"},{"type":"reasoning","summary":[]}])";
  const auto ids = [&](const ItemPage& page) {
    JsonTree tree;
    EXPECT_TRUE(tree.Parse(InputItemList(items, "resp_X", page).value()).has_value());
    std::vector<std::string> read;
    for (JsonValue item : tree.root()["data"]) {
      EXPECT_EQ(item["status"].text(), "completed");
      read.push_back(item["id"].string());
    }
    read.push_back(tree.root()["has_more"].boolean().value() ? "more" : "end");
    EXPECT_EQ(tree.root()["first_id"].text(), read.size() > 1 ? read.front() : "");
    return read;
  };
  EXPECT_THAT(ids({.ascending = true}),
              ElementsAre("msg_X_in0", "fco_7", "msg_X_in2", "rs_X_in3", "end"));
  EXPECT_THAT(ids({}), ElementsAre("rs_X_in3", "msg_X_in2", "fco_7", "msg_X_in0", "end"));
  EXPECT_THAT(ids({.limit = 2}), ElementsAre("rs_X_in3", "msg_X_in2", "more"));
  EXPECT_THAT(ids({.limit = 2, .after = "msg_X_in2"}), ElementsAre("fco_7", "msg_X_in0", "end"));
  EXPECT_THAT(ids({.limit = 1, .after = "msg_X_in0"}), ElementsAre("end"));
  EXPECT_THAT(Refusal(InputItemList(items, "resp_X", {.after = "zzz"})), HasSubstr("after: "));
  EXPECT_EQ(InputItemList(R"([{"role":"user","content":"a"}])", "resp_X", {}).value(),
            R"({"object":"list","data":[{"id":"msg_X_in0","type":"message","status":"completed",)"
            R"("role":"user","content":[{"type":"input_text","text":"a"}]}],)"
            R"("first_id":"msg_X_in0","last_id":"msg_X_in0","has_more":false})");
}

TEST(InputItemList, ReadsItsParameters) {
  const ItemPage page = ReadItemPage("5", "asc", "msg_1").value();
  EXPECT_EQ(page.limit, 5);
  EXPECT_TRUE(page.ascending);
  EXPECT_EQ(page.after, "msg_1");
  EXPECT_EQ(ReadItemPage("", "", "").value().limit, 20);
  for (const char* limit : {"0", "101", "-1", "x", "5x", " 5", "99999999999999999999"}) {
    EXPECT_EQ(Refusal(ReadItemPage(limit, "", "")), "limit: must be a whole number from 1 to 100.")
        << limit;
  }
  EXPECT_EQ(Refusal(ReadItemPage("", "up", "")), "order: must be asc or desc.");
}

TEST(KeptResponses, AreWrittenForEachState) {
  const AnswerContext context{.id = "EX",
                              .model = "m",
                              .created = 7,
                              .request = R"({"background":true,"metadata":{"a":"b"}})"};
  const std::string queued = ResponseWithoutAnswer("queued", context);
  const ResponseSummary summary = SummaryOf(queued).value();
  EXPECT_EQ(summary.id, "resp_EX");
  EXPECT_EQ(summary.status, "queued");
  EXPECT_THAT(queued, HasSubstr(R"("background":true)"));
  EXPECT_THAT(queued, HasSubstr(R"("metadata":{"a":"b"})"));
  EXPECT_THAT(queued, HasSubstr(R"("output":[],"usage":null)"));
  EXPECT_EQ(WithStatus(queued, "cancelled"), ResponseWithoutAnswer("cancelled", context));
  const Error error{
      .code = ErrorCode::kUnavailable, .message = "All models failed.", .detail = "secret"};
  const std::string failed = ResponseWithoutAnswer("failed", context, &error);
  EXPECT_THAT(failed,
              HasSubstr(R"("error":{"code":"server_error","message":"All models failed."})"));
  EXPECT_THAT(failed, Not(HasSubstr("secret")));
  EXPECT_FALSE(SummaryOf("{}").has_value());
  EXPECT_FALSE(SummaryOf("no").has_value());
  EXPECT_EQ(DeletedBody("resp_1"), R"({"id":"resp_1","object":"response","deleted":true})");
  EXPECT_EQ(ResponseId("resp_1"), "resp_1");
  EXPECT_THAT(OutputItemIds(kFirstResponse), ElementsAre("rs_1", "fc_1"));
  EXPECT_THAT(OutputItemIds("no"), IsEmpty());
}

}  // namespace
}  // namespace triage::wire
