#include "net/resolver.h"

#include <cstring>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "net/deadline_wheel.h"

namespace triage::net {
namespace {

using boost::asio::ip::tcp;

Address ToAddress(const tcp::endpoint& endpoint) {
  Address address;
  address.length = static_cast<socklen_t>(endpoint.size());
  std::memcpy(&address.storage, endpoint.data(), endpoint.size());
  return address;
}

/// Awaits a look-up. The system's own call cannot be cancelled, so a wait that ends early leaves
/// the look-up to finish into a state that nobody reads.
class LookUp {
 public:
  LookUp(Loop& loop, const std::string& host, std::uint16_t port, std::chrono::milliseconds limit,
         CancelScope& cancel)
      : loop_(loop),
        host_(host),
        port_(port),
        limit_(limit),
        cancel_(cancel),
        deadline_([](void* self) { static_cast<LookUp*>(self)->Finish(ErrorCode::kTimeout); },
                  this) {}

  bool await_ready() const { return cancel_.cancelled(); }

  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    shared_ = std::make_shared<Shared>(loop_, this);
    cancel_.SetWaiter([](void* self) { static_cast<LookUp*>(self)->Finish(ErrorCode::kCancelled); },
                      this);
    if (limit_.count() > 0) loop_.wheel().Arm(deadline_, limit_);
    shared_->resolver.async_resolve(
        host_, std::to_string(port_),
        [shared = shared_](const boost::system::error_code& error,
                           const tcp::resolver::results_type& results) {
          if (shared->waiter == nullptr) return;
          if (!error) {
            for (const auto& entry : results)
              shared->waiter->addresses_.push_back(ToAddress(entry.endpoint()));
          }
          shared->waiter->Finish(std::nullopt);
        });
  }

  Result<std::vector<Address>> await_resume() {
    if (cancel_.cancelled() || failed_ == ErrorCode::kCancelled) {
      return Error{.code = ErrorCode::kCancelled, .message = "cancelled"};
    }
    if (failed_)
      return Error{.code = *failed_, .message = "timed out", .detail = "DNS look-up of " + host_};
    if (addresses_.empty()) {
      return Error{.code = ErrorCode::kUnavailable,
                   .message = "no address",
                   .detail = "no address for " + host_};
    }
    return std::move(addresses_);
  }

 private:
  struct Shared {
    Shared(Loop& loop, LookUp* owner) : resolver(loop.context()), waiter(owner) {}

    tcp::resolver resolver;
    LookUp* waiter;
  };

  void Finish(std::optional<ErrorCode> failed) {
    if (shared_ == nullptr || shared_->waiter == nullptr) return;
    shared_->waiter = nullptr;
    deadline_.Disarm();
    cancel_.ClearWaiter();
    failed_ = failed;
    boost::asio::post(loop_.context(), [handle = handle_] { handle.resume(); });
  }

  Loop& loop_;
  const std::string& host_;
  std::uint16_t port_;
  std::chrono::milliseconds limit_;
  CancelScope& cancel_;
  std::shared_ptr<Shared> shared_;
  std::coroutine_handle<> handle_;
  std::vector<Address> addresses_;
  std::optional<ErrorCode> failed_;
  DeadlineWheel::Entry deadline_;
};

}  // namespace

Task<Result<std::vector<Address>>> Resolver::Resolve(const std::string& host, std::uint16_t port,
                                                     std::chrono::milliseconds limit,
                                                     CancelScope& cancel) {
  boost::system::error_code not_numeric;
  const auto numeric = boost::asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector<Address>{ToAddress(tcp::endpoint(numeric, port))};

  const auto key = std::make_pair(host, port);
  if (auto found = known_.find(key);
      found != known_.end() && std::chrono::steady_clock::now() < found->second.until) {
    co_return found->second.addresses;
  }
  LookUp look_up(loop_, host, port, limit, cancel);
  Result<std::vector<Address>> fresh = co_await look_up;
  if (fresh) {
    known_[key] = {.addresses = *fresh, .until = std::chrono::steady_clock::now() + lifetime_};
    co_return std::move(fresh);
  }
  if (auto old = known_.find(key);
      old != known_.end() && fresh.error().code != ErrorCode::kCancelled) {
    co_return old->second.addresses;
  }
  co_return std::move(fresh);
}

}  // namespace triage::net
