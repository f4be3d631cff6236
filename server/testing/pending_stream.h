// SPDX-License-Identifier: Apache-2.0
//
// PendingStream: a server stream that a test has opened, and what it has
//                received. It takes each message when it comes; a test of a
//                slow client opens a client().Stream() instead.
//
// Threads: any thread may wait for it. Copies refer to the same stream.
// Life:    it cancels the stream when the last copy is destroyed.
// Errors:  to read a message that did not come, because the stream has ended,
//          ends the program, with a line that says which stream, and how it
//          ended.
// Example: PendingStream<WatchResponse> watch = test.Stream(kWatch, request);
//          test.RunUntilIdle();
//          EXPECT_EQ(watch.Next()->value(), "3");
//          watch.Cancel();
#ifndef PINION_SERVER_TESTING_PENDING_STREAM_H_
#define PINION_SERVER_TESTING_PENDING_STREAM_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/stream_reader.h"
#include "pinion/core/base/check.h"
#include "pinion/server/testing/pending_call.h"

namespace pinion::testing {

// A message, or how the stream has ended instead.
template <typename Response>
class NextMessage {
 public:
  NextMessage(Response message) : message_(std::move(message)) {}
  NextMessage(std::string method, absl::Status end)
      : method_(std::move(method)), end_(std::move(end)) {}

  bool has_value() const { return message_.has_value(); }
  explicit operator bool() const { return has_value(); }

  const Response& value() const {
    PINION_CHECK(has_value(), DescribeError(method_ + " ended with", end_),
                 "; it has no further message to read");
    return *message_;
  }
  const Response& operator*() const { return value(); }
  const Response* operator->() const { return &value(); }

 private:
  std::optional<Response> message_;
  std::string method_;
  absl::Status end_;
};

template <typename Response>
class PendingStream {
 public:
  // `method` is the stream's, for people. `came`, if given, runs on one of
  // gRPC's threads when a message has come, or the end.
  PendingStream(absl::string_view method, StreamReader<Response> reader,
                std::function<void(bool end)> came = {})
      : state_(std::make_shared<State>(method, std::move(reader),
                                       std::move(came))) {
    TakeNext(state_);
  }

  // Waits for the next message. It has no value if the stream has ended.
  NextMessage<Response> Next() const {
    const auto came = [this] {
      return !state_->messages.empty() || state_->status.has_value();
    };
    Await("Next()", came);
    const std::lock_guard lock(state_->mutex);
    if (state_->messages.empty()) return {state_->method, *state_->status};
    Response next = std::move(state_->messages.front());
    state_->messages.pop_front();
    return next;
  }

  // How many messages have come that Next() has not returned.
  size_t received() const {
    const std::lock_guard lock(state_->mutex);
    return state_->messages.size();
  }

  // Whether the end has come; messages may be left.
  bool ended() const {
    const std::lock_guard lock(state_->mutex);
    return state_->status.has_value();
  }

  // Waits for the end. Next() still returns the messages that came before.
  const absl::Status& AwaitEnd() const {
    Await("AwaitEnd()", [this] { return state_->status.has_value(); });
    return *state_->status;
  }

  // Cancels the stream, as a client that leaves. The server hears of it later:
  // ManualServer::AwaitOpenStreams() waits until it has.
  void Cancel() const { state_->reader.Cancel(); }

  // Makes Next() and AwaitEnd() call `function`, with their name, before they
  // wait. As PendingCall::BeforeWait().
  using WaitFunction = std::function<void(absl::string_view wait,
                                          absl::FunctionRef<bool()> came)>;
  void BeforeWait(WaitFunction function) const {
    state_->before_wait = std::move(function);
  }

 private:
  struct State {
    State(absl::string_view name, StreamReader<Response> opened,
          std::function<void(bool end)> on_news)
        : method(name), reader(std::move(opened)), came(std::move(on_news)) {}

    const std::string method;
    StreamReader<Response> reader;
    const std::function<void(bool end)> came;
    WaitFunction before_wait;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Response> messages;
    std::optional<absl::Status> status;
  };

  // Waits until `came`, which is called with the mutex held.
  template <typename Came>
  void Await(absl::string_view wait, Came came) const {
    if (state_->before_wait) {
      state_->before_wait(wait, [&] {
        const std::lock_guard lock(state_->mutex);
        return came();
      });
    }
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, came);
  }

  static void TakeNext(const std::shared_ptr<State>& state) {
    state->reader.StartNext(
        [weak = std::weak_ptr(state)](std::optional<Response> message) {
          // If nobody is left, the stream is cancelled.
          if (const auto state = weak.lock()) Take(state, std::move(message));
        });
  }
  static void Take(const std::shared_ptr<State>& state,
                   std::optional<Response> message) {
    const bool more = message.has_value();
    {
      const std::lock_guard lock(state->mutex);
      if (more) {
        state->messages.push_back(*std::move(message));
      } else {
        state->status = state->reader.status();
      }
      state->changed.notify_all();
    }
    if (state->came) state->came(/*end=*/!more);
    if (more) TakeNext(state);
  }

  std::shared_ptr<State> state_;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_PENDING_STREAM_H_
