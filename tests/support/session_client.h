// SPDX-License-Identifier: Apache-2.0
//
// SessionClient: a session, with all that its stream shows. Its messages are
// written and read by protobuf, so that what the server does by hand is checked
// against it.
//
// Threads: anyone; what comes is kept until it is asked for.
// Life:    it breaks the stream, unless that has ended, and waits for its end.
// Example: SessionClient session(channel);
//          v1::OpenRequest request;
//          *request.add_calls() = ...;          // id 7
//          session.Send(request);
//          EXPECT_EQ(session.Await(7).code(), 0);
#ifndef PINION_TESTS_SUPPORT_SESSION_CLIENT_H_
#define PINION_TESTS_SUPPORT_SESSION_CLIENT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/client/channel_guard.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/v1/session.pb.h"

namespace pinion::testing {

class SessionClient final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // What of the stream is taken at first. The rest stays with gRPC.
  enum class Takes { kAll, kHello, kNothing };

  using Metadata = std::vector<std::pair<std::string, std::string>>;

  explicit SessionClient(const GuardedChannel& channel,
                         Takes takes = Takes::kAll,
                         const Metadata& metadata = {})
      : stub_(channel.channel),
        guard_(channel.guard),
        taking_(takes == Takes::kAll) {
    for (const auto& [name, value] : metadata) {
      context_.AddMetadata(name, value);
    }
    const auto begin = [&] { Begin(takes != Takes::kNothing); };
    if (guard_ == nullptr) {
      begin();
    } else if (!guard_->Begin(begin)) {
      guard_ = nullptr;
      End({grpc::StatusCode::UNAVAILABLE, "the server has stopped"});
    }
  }
  ~SessionClient() override {
    Break();
    AwaitEnd().IgnoreError();
  }
  SessionClient(const SessionClient&) = delete;
  SessionClient& operator=(const SessionClient&) = delete;

  // Sends a message behind those that were sent before; waits for nothing.
  void Send(const v1::OpenRequest& request) {
    SendBytes(request.SerializeAsString());
  }
  void SendBytes(absl::string_view bytes) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    OrderAsGrpcDoes();
    std::unique_lock lock(mutex_);
    unsent_.emplace_back(&slice, 1);
    WriteNext();
  }

  // Says that no message will follow.
  void EndSends() {
    std::unique_lock lock(mutex_);
    sends_ended_ = true;
    WriteNext();
  }

  // Breaks the stream off.
  void Break() {
    context_.TryCancel();
    TakeAll();
  }

  // From now on takes what comes.
  void TakeAll() {
    std::unique_lock lock(mutex_);
    if (std::exchange(taking_, true) || stream_ended_ || reading_) return;
    Read();
  }

  // Waits for the next answer to a call of that id.
  v1::SessionAnswer Await(uint64_t id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || Has(id); });
    if (!Has(id)) {
      ADD_FAILURE() << "the stream ended without an answer of " << id << ": "
                    << status_;
      return {};
    }
    return Pop(id);
  }

  // The same, if it has come already.
  std::optional<v1::SessionAnswer> Poll(uint64_t id) {
    std::unique_lock lock(mutex_);
    if (!Has(id)) return std::nullopt;
    return Pop(id);
  }

  // Waits until `count` answers have come since the stream began.
  void AwaitAnswers(uint64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || answers_come_ >= count; });
    EXPECT_GE(answers_come_, count) << "the stream ended: " << status_;
  }

  // How many have come.
  uint64_t answers_come() {
    std::unique_lock lock(mutex_);
    return answers_come_;
  }

  // The ids of those that have come, in their order.
  std::vector<uint64_t> ids_come() {
    std::unique_lock lock(mutex_);
    return ids_come_;
  }

  // Waits for the server's hello.
  v1::ServerHello AwaitHello() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || hello_.has_value(); });
    return hello_.value_or(v1::ServerHello());
  }

  // Waits for the next Drain.
  v1::Drain AwaitDrain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || !drains_.empty(); });
    if (drains_.empty()) {
      ADD_FAILURE() << "the stream ended without a Drain: " << status_;
      return {};
    }
    v1::Drain drain = std::move(drains_.front());
    drains_.pop_front();
    return drain;
  }

  // Waits for the end of the stream.
  absl::Status AwaitEnd() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_; });
    return status_;
  }

 private:
  void Begin(bool reads) {
    stub_.PrepareBidiStreamingCall(&context_, "/pinion.v1.SessionService/Open",
                                   grpc::StubOptions(), this);
    AddHold();  // For what is begun on other threads, until a read fails.
    if (reads) Read();
    StartCall();
  }

  // The rest: with the lock held, or on a thread of gRPC's.
  void Read() {
    reading_ = true;
    StartRead(&incoming_);
  }

  void WriteNext() {
    if (writing_ || stream_ended_) return;
    if (!unsent_.empty()) {
      writing_ = true;
      StartWrite(&unsent_.front());
    } else if (sends_ended_ && !std::exchange(writes_done_, true)) {
      StartWritesDone();
    }
  }

  void OnWriteDone(bool) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    unsent_.pop_front();
    WriteNext();
  }

  void OnReadDone(bool ok) override {
    OrderAsGrpcDoes();
    std::unique_lock lock(mutex_);
    reading_ = false;
    if (ok) {
      Keep();
      if (taking_) Read();
    } else {
      stream_ended_ = true;
      RemoveHold();
    }
  }

  void OnDone(const grpc::Status& status) override { End(status); }

  void End(const grpc::Status& status) {
    if (guard_ != nullptr) guard_->End();
    std::unique_lock lock(mutex_);
    stream_ended_ = true;
    ended_ = true;
    status_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                           status.error_message());
    changed_.notify_all();
  }

  void Keep() {
    grpc::Slice slice;
    ASSERT_TRUE(incoming_.DumpToSingleSlice(&slice).ok());
    v1::OpenResponse response;
    ASSERT_TRUE(
        response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    if (response.has_hello()) {
      max_message_bytes_ = response.hello().max_message_bytes();
    }
    EXPECT_LE(slice.size(), max_message_bytes_);
    EXPECT_EQ(response.has_hello(), !hello_.has_value())
        << "the hello comes in the first message and in no other";
    if (!hello_.has_value()) hello_ = response.hello();
    if (response.has_drain()) drains_.push_back(response.drain());
    for (v1::SessionAnswer& answer : *response.mutable_answers()) {
      ++answers_come_;
      const uint64_t id = answer.id();
      ids_come_.push_back(id);
      answers_.emplace(id, std::move(answer));
    }
    changed_.notify_all();
  }

  bool Has(uint64_t id) const { return answers_.contains(id); }
  v1::SessionAnswer Pop(uint64_t id) {
    const auto first = answers_.lower_bound(id);
    v1::SessionAnswer answer = std::move(first->second);
    answers_.erase(first);
    return answer;
  }

  grpc::GenericStub stub_;
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<grpc::ByteBuffer> unsent_;  // The first: under way, if `writing_`.
  bool writing_ = false;
  bool sends_ended_ = false;
  bool writes_done_ = false;
  bool taking_;
  bool reading_ = false;       // A read is under way.
  bool stream_ended_ = false;  // Nothing more is to be begun.
  bool ended_ = false;
  absl::Status status_;
  std::optional<v1::ServerHello> hello_;
  uint64_t max_message_bytes_ = 0;  // As the hello says.
  std::deque<v1::Drain> drains_;
  std::multimap<uint64_t, v1::SessionAnswer> answers_;  // Those not asked for.
  uint64_t answers_come_ = 0;
  std::vector<uint64_t> ids_come_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SESSION_CLIENT_H_
