#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/codec.h"

// What the OpenAI Responses API has beyond a Codec: answers that are kept, and requests that go on
// from them. Providers are always asked with the whole history and store:false, so that any
// provider can serve any turn; what is kept is kept by Triage.

namespace triage::wire {

/// What a body asks of the gateway itself rather than of a model.
struct ResponsesControls {
  std::string model;
  std::string previous_response_id;  ///< empty = none
  bool background = false;
  bool store = true;  ///< the API's default
  bool stream = false;
  /// Ids that items of type item_reference stand for, in order.
  std::vector<std::string> references;
};

/// Error kInvalidRequest (kTooLarge) as Codec::ReadRequest; background without store is one.
Result<ResponsesControls> ReadControls(std::string_view body, const ReadLimits& limits);

/// A response as it is kept: JSON texts.
struct KeptResponse {
  std::string_view input_items;  ///< array: what InputItems gave
  std::string_view response;     ///< the response object
};

/// The body with everything in it that a model must see and nothing that only the gateway serves:
/// the input items and output items of `previous` in front of its own, item references replaced by
/// the output items of `referenced` that have their ids, `store` false, without `background` and
/// `previous_response_id`, without reasoning items that only their provider's store could resolve.
/// Instructions of `previous` do not carry over. All other values keep their bytes and order.
/// Error kInvalidRequest for a reference that is in none of `referenced` and not in `previous`.
Result<std::string> StatelessBody(std::string_view body, const KeptResponse* previous,
                                  std::span<const KeptResponse> referenced,
                                  const ReadLimits& limits);

/// The input of a body that StatelessBody gave, as a JSON array of items. "[]" when there is none.
std::string InputItems(std::string_view stateless_body);

/// Ids of the output items of a response object, for look-ups by item_reference.
std::vector<std::string> OutputItemIds(std::string_view response);

struct ItemPage {
  std::int64_t limit = 20;  ///< 1..100
  bool ascending = false;
  std::string after = {};  ///< an item's id; empty = from the start
};

/// Reads the query parameters limit, order and after; empty texts are absent ones. Error
/// kInvalidRequest.
Result<ItemPage> ReadItemPage(std::string_view limit, std::string_view order,
                              std::string_view after);

/// Answer of GET /v1/responses/{id}/input_items. Items that came without an id get one that stays
/// the same as long as the response is kept. Error kInvalidRequest when `after` is no item.
Result<std::string> InputItemList(std::string_view input_items, std::string_view response_id,
                                  const ItemPage& page);

/// A response object that has no answer (yet): status queued, in_progress, cancelled, or failed
/// with `error`. `context.id` may be a response id or an exchange id.
std::string ResponseWithoutAnswer(std::string_view status, const AnswerContext& context,
                                  const Error* error = nullptr);

/// "resp_" and the exchange's id: what WriteAnswer and streams call an answer that has no id of
/// this dialect.
std::string ResponseId(std::string_view exchange_id);

/// `response` with `status`, all else kept: a response that was cancelled.
std::string WithStatus(std::string_view response, std::string_view status);
/// `response` with another id: one that was made in the background is called as it was announced.
std::string WithId(std::string_view response, std::string_view id);

/// The response object of a stream's event (`response.completed` and its like); empty when there is
/// none.
std::string ResponseOfEvent(std::string_view data);

struct ResponseSummary {
  std::string id;
  std::string status;
};

/// What a response object says of itself; from any source that is stored. Error kUpstream when it
/// is none.
Result<ResponseSummary> SummaryOf(std::string_view response);

/// Answer of DELETE /v1/responses/{id}.
std::string DeletedBody(std::string_view id);

/// The errors of those routes, in the API's words: no such response (404), a previous response that
/// is not there (400, code previous_response_not_found), one that cannot be cancelled (400).
Error NoSuchResponse(std::string_view id);
Error NoSuchPreviousResponse(std::string_view id);
Error NotCancellable(std::string_view id);

}  // namespace triage::wire
