#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/task.h"
#include "jobs/store_thread.h"
#include "net/loop.h"

namespace triage::api {

/// Has the store's own thread run `job`, and comes back to `loop`, whose thread this is. `bytes`:
/// of text that the job holds. Error kUnavailable when too much is queued.
template <class T>
Task<Result<T>> OnStore(net::Loop& loop, jobs::StoreThread& store,
                        std::function<Result<T>(jobs::ResponseStore&)> job, std::int64_t bytes) {
  struct Awaiter {
    net::Loop& loop;
    jobs::StoreThread& store;
    std::function<Result<T>(jobs::ResponseStore&)>& job;
    std::int64_t bytes;
    std::optional<Result<T>> result;

    bool await_ready() const { return false; }

    bool await_suspend(std::coroutine_handle<> handle) {
      return store.Post(
          [this, handle](jobs::ResponseStore& open) {
            result.emplace(job(open));
            loop.Post([handle] { handle.resume(); });
          },
          bytes);
    }

    Result<T> await_resume() {
      if (result) return std::move(*result);
      return Error{.code = ErrorCode::kUnavailable,
                   .message = "too many responses are waiting to be stored; try again"};
    }
  };

  Awaiter awaiter{loop, store, job, bytes, std::nullopt};
  Result<T> result = co_await awaiter;
  co_return result;
}

}  // namespace triage::api
