#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/task.h"
#include "jobs/store_thread.h"
#include "net/loop.h"
#include "net/server.h"
#include "pipeline/worker.h"

namespace triage::api {

/// Background responses that are being made, whichever thread makes them. For all threads.
class BackgroundResponses {
 public:
  void Add(const std::string& id, net::Loop& loop, std::shared_ptr<CancelScope> scope);
  void Remove(const std::string& id);
  /// Ends the call to the provider, on its own thread, if there still is one.
  void Cancel(const std::string& id);

 private:
  struct Running {
    net::Loop* loop = nullptr;
    std::shared_ptr<CancelScope> scope;
  };

  std::mutex mutex_;
  std::map<std::string, Running> running_;
};

/// The OpenAI Responses API on one I/O thread: generation, and the responses that are kept (`store`
/// null: none are). What it is given outlives it.
class ResponsesApi {
 public:
  ResponsesApi(net::Loop& loop, pipeline::Worker& worker, jobs::StoreThread* store,
               BackgroundResponses& running)
      : loop_(loop), worker_(worker), store_(store), running_(running) {}

  /// POST /v1/responses.
  Task<void> Create(const net::HttpRequest& request, net::ResponseWriter& writer);

  /// GET and DELETE /v1/responses/{id}, POST …/cancel, GET …/input_items; `rest` is what follows
  /// "/v1/responses/". False, and nothing is sent, for what is no route.
  Task<bool> Serve(std::string_view rest, const net::HttpRequest& request,
                   net::ResponseWriter& writer);

  /// Background responses that this thread is making.
  int active() const { return background_.active(); }

  /// Ends them, because the process does: they become failed responses.
  void Stop();

 private:
  struct Prepared;
  struct Work;

  Task<Result<Prepared>> Prepare(const net::HttpRequest& request);
  Task<void> StartBackground(Prepared prepared, const net::HttpRequest& request,
                             net::ResponseWriter& writer);
  Task<void> RunBackground(std::unique_ptr<Work> work);
  Task<Result<jobs::StoredResponse>> Find(std::string id, std::string owner);
  Task<Result<std::string>> Answer(std::string_view rest, const net::HttpRequest& request);
  Task<Result<std::string>> Delete(std::string id, std::string owner);
  Task<Result<std::string>> Cancel(std::string id, std::string owner);

  net::Loop& loop_;
  pipeline::Worker& worker_;
  jobs::StoreThread* const store_;
  BackgroundResponses& running_;
  TaskGroup background_;
  std::map<std::string, std::shared_ptr<CancelScope>> scopes_;  // of this thread's, by id
  bool stopping_ = false;
};

}  // namespace triage::api
