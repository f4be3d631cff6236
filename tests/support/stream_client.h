// SPDX-License-Identifier: Apache-2.0
//
// StreamClient: a call of a server-streaming method that is under way. It takes
// a message only when it is asked for one.
//
// Threads: the test's, one at a time; Cancel() is anyone's.
// Life:    it cancels the call, unless that has ended, and waits for its end.
// Example: StreamClient stream(channel, kWatch, request.SerializeAsString());
//          EXPECT_EQ(stream.Next(), "first");
//          EXPECT_EQ(stream.AwaitEnd(), absl::OkStatus());
#ifndef PINION_TESTS_SUPPORT_STREAM_CLIENT_H_
#define PINION_TESTS_SUPPORT_STREAM_CLIENT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/channel_guard.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::testing {

class StreamClient final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamClient(const GuardedChannel& channel, const std::string& method,
               absl::string_view request, const OpenCallOptions& options = {})
      : stub_(channel.channel), guard_(channel.guard) {
    const grpc::Slice slice(request.data(), request.size());
    request_ = grpc::ByteBuffer(&slice, 1);
    if (options.timeout < absl::InfiniteDuration()) {
      context_.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
    }
    for (const auto& [name, value] : options.metadata) {
      context_.AddMetadata(name, value);
    }
    OrderAsGrpcDoes();
    if (guard_ == nullptr) {
      Begin(method);
    } else if (!guard_->Begin([&] { Begin(method); })) {
      guard_ = nullptr;
      OnDone({grpc::StatusCode::UNAVAILABLE, "the server has stopped"});
    }
  }
  ~StreamClient() override {
    Cancel();
    AwaitEnd().IgnoreError();
  }
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;

  // Waits for the next message; none if there is no more before the end.
  std::optional<std::string> Next() {
    std::unique_lock lock(mutex_);
    if (reads_ended_) return std::nullopt;
    read_.reset();
    lock.unlock();
    StartRead(&incoming_);
    lock.lock();
    changed_.wait(lock, [this] { return read_.has_value(); });
    if (!*read_) return std::nullopt;
    grpc::Slice slice;
    EXPECT_TRUE(incoming_.DumpToSingleSlice(&slice).ok());
    return std::string(reinterpret_cast<const char*>(slice.begin()),
                       slice.size());
  }

  void Cancel() { context_.TryCancel(); }

  // Takes what still comes, and waits for the end. The rest is for afterwards.
  const absl::Status& AwaitEnd() {
    while (Next().has_value()) {
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    return status_;
  }

  // What the server said of an error; all unspecified if it said nothing.
  v1::Failure failure() const {
    return FailureFromStatusDetails(details_).value_or(v1::Failure());
  }
  const std::string& details() const { return details_; }

  // Empty if it is not there.
  std::string trailer(const char* name) const {
    const auto& trailers = context_.GetServerTrailingMetadata();
    const auto found = trailers.find(name);
    if (found == trailers.end()) return "";
    return std::string(found->second.data(), found->second.size());
  }

 private:
  void Begin(const std::string& method) {
    stub_.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(),
                                   this);
    AddHold();  // For reads that are begun on other threads, until one fails.
    StartWriteLast(&request_, grpc::WriteOptions());
    StartCall();
  }

  void OnReadDone(bool ok) override {
    OrderAsGrpcDoes();
    std::unique_lock lock(mutex_);
    read_ = ok;
    reads_ended_ = !ok;
    changed_.notify_all();
    lock.unlock();
    if (!ok) RemoveHold();  // The last: the end may come now.
  }

  void OnDone(const grpc::Status& status) override {
    OrderAsGrpcDoes();
    if (guard_ != nullptr) guard_->End();
    std::unique_lock lock(mutex_);
    reads_ended_ = true;
    ended_ = true;
    status_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                           status.error_message());
    details_ = status.error_details();
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer incoming_;

  // Guards the rest. (Not Abseil's, which ThreadSanitizer does not see here.)
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> read_;  // Whether there was a message; none: not yet.
  bool reads_ended_ = false;
  bool ended_ = false;
  absl::Status status_;
  std::string details_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_STREAM_CLIENT_H_
