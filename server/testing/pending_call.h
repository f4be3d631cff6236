// SPDX-License-Identifier: Apache-2.0
//
// PendingCall: a call that a test has started, and its answer.
//
// Threads: any thread may wait for it. Copies refer to the same call.
// Errors:  to read the response of a call that failed ends the program, with a
//          line that says which call, the error, its reason, and whether a
//          handler ran. So does a wait that would never end, if it is for a
//          call of a ManualServer.
// Example: PendingCall<AddResponse> add = test.Call(kAdd, request);
//          ...
//          EXPECT_EQ(add.Await()->value(), 3);
#ifndef PINION_SERVER_TESTING_PENDING_CALL_H_
#define PINION_SERVER_TESTING_PENDING_CALL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"

namespace pinion::testing {

// With "/shop.v1.CounterService/Add was answered": "/shop.v1.CounterService/Add
// was answered UNAVAILABLE: the server is stopping; call another (STOPPING,
// EXECUTED_NO)".
std::string DescribeError(absl::string_view what_came,
                          const absl::Status& error);

// The answer of a call: a StatusOr that says more if it has no response.
template <typename Response>
class CallAnswer : public absl::StatusOr<Response> {
 public:
  CallAnswer(std::string method, absl::StatusOr<Response> answer)
      : absl::StatusOr<Response>(std::move(answer)),
        method_(std::move(method)) {}

  const Response& value() const {
    PINION_CHECK(this->ok(),
                 DescribeError(method_ + " was answered", this->status()),
                 "; it has no response to read");
    return absl::StatusOr<Response>::value();
  }
  const Response& operator*() const { return value(); }
  const Response* operator->() const { return &value(); }

 private:
  std::string method_;
};

template <typename Response>
class PendingCall {
 public:
  // A call of `method`, for people.
  explicit PendingCall(absl::string_view method = "a call")
      : state_(std::make_shared<State>(method)) {}

  // Whether the answer has arrived.
  bool answered() const {
    const std::lock_guard lock(state_->mutex);
    return state_->answer.has_value();
  }

  // Waits for the answer.
  const CallAnswer<Response>& Await() const {
    if (state_->before_wait && !answered()) {
      state_->before_wait([this] { return answered(); });
    }
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->answer.has_value(); });
    return *state_->answer;
  }

  // Sets the answer. Call it once.
  void Answer(absl::StatusOr<Response> answer) const {
    const std::lock_guard lock(state_->mutex);
    state_->answer.emplace(state_->method, std::move(answer));
    state_->changed.notify_all();
  }

  // Makes Await() call `function` before it waits. Call it at most once, on the
  // thread that has begun the call, before others know of it. `function` may
  // wait as well, as long as `answered` returns false.
  void BeforeWait(
      std::function<void(absl::FunctionRef<bool()> answered)> function) const {
    state_->before_wait = std::move(function);
  }

 private:
  struct State {
    explicit State(absl::string_view method) : method(method) {}

    const std::string method;
    std::function<void(absl::FunctionRef<bool()> answered)> before_wait;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<CallAnswer<Response>> answer;
  };

  std::shared_ptr<State> state_;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_PENDING_CALL_H_
