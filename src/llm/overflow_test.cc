#include "llm/overflow.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace triage::llm {
namespace {

struct Said {
  std::string message;
  std::int64_t limit = 0;
  std::int64_t tokens = 0;
};

TEST(ReadOverflow, KnowsTheSentencesOfProvidersAndTheirNumbers) {
  const std::vector<Said> all = {
      {"This model's maximum context length is 8192 tokens. However, your messages resulted in "
       "8227 "
       "tokens. Please reduce the length of the messages.",
       8192, 8227},
      {"This model's maximum context length is 131072 tokens. However, you requested 139162 tokens "
       "(130970 in the messages, 8192 in the completion). Please reduce the length of the messages "
       "or completion.",
       131072, 130970},
      {"This model's maximum context length is 262144 tokens. However, you requested 128000 output "
       "tokens and your prompt contains at least 134145 input tokens, for a total of at least "
       "262145 tokens.",
       262144, 0},
      {"This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 "
       "tokens (42832 of text input).",
       32768, 42832},
      {"Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in "
       "477469 "
       "tokens. Please reduce the length of the messages.",
       272000, 477469},
      {"Your input exceeds the context window of this model. Please adjust your input and try "
       "again."},
      {"prompt is too long: 200049 tokens > 200000 maximum", 200000, 200049},
      {"The model returned the following errors: prompt is too long: 200049 tokens > 200000 "
       "maximum",
       200000, 200049},
      {"input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease "
       "input "
       "length or `max_tokens` and try again",
       200000, 178959},
      {"Input is too long for requested model."},
      {"The input token count (2845475) exceeds the maximum number of tokens allowed (1048576).",
       1048576, 2845475},
      {"The input token count exceeds the maximum number of tokens allowed 1048576.", 1048576, 0},
      {"too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - "
       "received 6354. Try using a shorter prompt or a smaller max_tokens value.",
       2048, 6354},
      {"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 80125 "
       "`inputs` tokens and 4096 `max_new_tokens`",
       4097, 80125},
      {"This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
       131072, 537812},
      {"Please reduce the length of the messages or completion."},
      {"Please reduce the length of the messages or completion. Current length is 9000 while limit "
       "is 8192",
       8192, 9000},
      {"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
       "context length",
       32768, 40000},
      {"The prompt is too long: 140000, model maximum context length: 131071", 131071, 140000},
      {"The decoder prompt (length 21535) is longer than the maximum model length of 16384. Make "
       "sure that `max_model_len` is no smaller than the number of text tokens.",
       16384, 21535},
      {"The prompt (total length 25938) is too long to fit into the model (context length 4096).",
       4096, 25938},
      {"The input (10000 tokens) is longer than the model's context length (8192 tokens).", 8192,
       10000},
      {"Your input is too long. Max input length is 4096 tokens, but you supplied 5441 tokens.",
       4096, 5441},
      {"the request exceeds the available context size. try increasing the context size or enable "
       "context shift"},
      {"request (14429 tokens) exceeds the available context size (8192 tokens), try increasing it",
       8192, 14429},
      {"Requested tokens (2285) exceed context window of 2048", 2048, 2285},
      {"Trying to keep the first 10136 tokens when context the overflows. However, the model is "
       "loaded with context length of only 7866 tokens, which is not enough.",
       7866, 10136},
      {"the input length exceeds the context length"},
      {"Your request exceeded model token limit: 131072", 131072, 0}};
  for (const Said& said : all) {
    SCOPED_TRACE(said.message);
    const auto read = ReadOverflow("", said.message);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->limit, said.limit);
    EXPECT_EQ(read->tokens, said.tokens);
  }
}

TEST(ReadOverflow, GoesByTheCodeWhereTheWordsAreUnknown) {
  EXPECT_TRUE(ReadOverflow("context_length_exceeded", "Contexte trop long."));
  EXPECT_TRUE(ReadOverflow("exceed_context_size_error", ""));
  EXPECT_FALSE(ReadOverflow("invalid_request_error", "Contexte trop long."));
  EXPECT_FALSE(ReadOverflow("", ""));
}

TEST(ReadOverflow, LeavesOtherRefusalsAlone) {
  // Too much in a minute, too long an answer, too many bytes: another window would not help.
  for (const char* message :
       {"Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested "
        "7000",
        "Too many tokens, please wait before trying again.",
        "The maximum tokens you requested exceeds the model limit of 32768",
        "max_tokens is too large: 6000. This model supports at most 4096 completion tokens",
        "Request exceeds the maximum size", "messages: at least one message is required"}) {
    EXPECT_FALSE(ReadOverflow("invalid_request_error", message)) << message;
  }
}

TEST(ReadOverflow, TakesNumbersWithSeparatorsAndNoneThatAreNoCountOfTokens) {
  EXPECT_EQ(ReadOverflow("", "prompt is too long: 1,200,049 tokens > 1,000,000 maximum")->limit,
            1'000'000);
  EXPECT_EQ(ReadOverflow("", "prompt is too long: 99999999999999999999 tokens > x")->tokens, 0);
  EXPECT_EQ(ReadOverflow("", "prompt is too long: 9, 10 tokens > ")->tokens, 9);
}

}  // namespace
}  // namespace triage::llm
