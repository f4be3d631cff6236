// SPDX-License-Identifier: Apache-2.0
//
// PendingCall: a call that a test has started, and its answer.
//
// Threads: any thread may wait for it. Copies refer to the same call.
// Example: PendingCall<AddResponse> add = test.Call(kAdd, request);
//          ...
//          EXPECT_EQ(add.Await()->value(), 3);
#ifndef PINION_SERVER_TESTING_PENDING_CALL_H_
#define PINION_SERVER_TESTING_PENDING_CALL_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"

namespace pinion::testing {

template <typename Response>
class PendingCall {
 public:
  // Whether the answer has arrived.
  bool answered() const {
    const std::lock_guard lock(state_->mutex);
    return state_->answer.has_value();
  }

  // Waits for the answer.
  const absl::StatusOr<Response>& Await() const {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->answer.has_value(); });
    return *state_->answer;
  }

  // Sets the answer. Call it once.
  void Answer(absl::StatusOr<Response> answer) const {
    const std::lock_guard lock(state_->mutex);
    state_->answer = std::move(answer);
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<absl::StatusOr<Response>> answer;
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_PENDING_CALL_H_
