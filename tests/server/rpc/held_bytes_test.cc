// SPDX-License-Identifier: Apache-2.0
//
// What the server holds for a unary call or a stream counts among its bytes,
// and among its client's: the metadata, too, and no more memory than is
// counted.
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/stream_client.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr int64_t kToken = 7000;
// With its name, and 32 bytes for the entry.
constexpr int64_t kCounted = kToken + 7 + 32;
// More than the metadata that gRPC adds, the small request and the answer.
constexpr int64_t kRest = 1024;

OpenCallOptions WithToken() {
  return {.metadata = {{"x-token", std::string(kToken, 't')}}};
}

// Tells its client that it runs, and stays open.
struct KeepShard {
  void Do(const test::Thing&, Stream<test::Thing> stream) {
    EXPECT_TRUE(stream.Send(test::Thing()).ok());
    kept.emplace(std::move(stream));
  }
  std::optional<Stream<test::Thing>> kept;
};

class HeldBytesTest : public LaneTest {
 protected:
  HeldBytesTest() { gate_.Open(); }

  void HostMore(Server& server) override {
    server.Host<KeepShard>("pinion.test.GoodService")
        .On("Streaming", &KeepShard::Do);
  }
  int64_t Held() { return server().Snapshot().held_bytes; }
  void AwaitNothingHeld() {
    while (Held() != 0) std::this_thread::yield();
  }
};

INSTANTIATE_TEST_SUITE_P(, HeldBytesTest, ::testing::Bool(), TransportName);

TEST_P(HeldBytesTest, TheMetadataOfACallCountsUntilItIsAnswered) {
  Start({.workers = 1});
  HeldWorker held(channel());
  const int64_t before = Held();
  OpenCall add(channel(), kAdd, AddOf("a"), WithToken());
  AwaitWaiting(1);
  EXPECT_THAT(Held() - before, AllOf(Ge(kCounted), Le(kCounted + kRest)));
  held.Release();
  EXPECT_TRUE(add.Await().ok()) << add.Await();
  AwaitNothingHeld();
}

TEST_P(HeldBytesTest, TheMetadataOfAStreamCountsUntilItHasEnded) {
  Start({.workers = 1});
  test::Thing large;
  large.set_name("a");
  large.add_tags(std::string(4 * kRest, 't'));
  StreamClient stream(channel(), "/pinion.test.GoodService/Streaming",
                      large.SerializeAsString(), WithToken());
  EXPECT_TRUE(stream.Next().has_value());
  // The request does not count any more once its handler has left it open.
  while (Held() > kCounted + kRest) std::this_thread::yield();
  EXPECT_GE(Held(), kCounted);
  stream.Cancel();
  AwaitNothingHeld();
}

TEST_P(HeldBytesTest, AConnectionsMetadataCannotTakeTheBytesOfOthers) {
  if (!GetParam()) return;  // In-process they are nobody's.
  Start({.workers = 1, .server_bytes = 64 << 10, .max_message_bytes = 1024});
  HeldWorker held(test().InProcessChannel());
  Gate failed;
  failed.Open();
  OpenCallOptions options = WithToken();
  options.failed = &failed;
  constexpr int kCalls = 8;
  std::deque<OpenCall> greedy;
  for (int i = 0; i < kCalls; ++i) {
    greedy.emplace_back(channel(), kAdd, AddOf("a"), options);
  }
  // Four of them take about half of the bytes.
  failed.AwaitArrivals(kCalls - 4);
  OpenCall other(test().InProcessChannel(), kAdd, AddOf("a"), WithToken());
  AwaitHeld(4 + 1);
  held.Release();
  EXPECT_TRUE(other.Await().ok()) << other.Await();
  int refused = 0;
  for (OpenCall& add : greedy) {
    if (add.Await().ok()) continue;
    ++refused;
    ExpectFailure(add, absl::StatusCode::kResourceExhausted,
                  v1::REASON_SHARE_FULL, v1::EXECUTED_NO);
  }
  EXPECT_EQ(refused, kCalls - 4);
  AwaitNothingHeld();
}

// A unary call as gRPC's client makes it, step by step.
class SteppedCall {
 public:
  SteppedCall(const std::shared_ptr<grpc::Channel>& channel,
              const std::string& method)
      : stub_(channel), call_(stub_.PrepareCall(&context_, method, &queue_)) {
    call_->StartCall(this);
    AwaitStep();
  }
  ~SteppedCall() {
    queue_.Shutdown();
    void* step;
    bool ok;
    while (queue_.Next(&step, &ok)) {
    }
  }

  // Sends `request`, and forgets it once gRPC has.
  void Send(const grpc::Slice& request) {
    call_->Write(grpc::ByteBuffer(&request, 1), this);
    AwaitStep();
    call_->WritesDone(this);
    AwaitStep();
  }
  grpc::Status Await() {
    grpc::ByteBuffer response;
    call_->Read(&response, this);
    AwaitStep();
    grpc::Status status;
    call_->Finish(&status, this);
    AwaitStep();
    return status;
  }

 private:
  void AwaitStep() {
    void* step;
    bool ok;
    EXPECT_TRUE(queue_.Next(&step, &ok) && ok);
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

// As the few bytes of a request would keep all of what gRPC has read at once.
TEST_P(HeldBytesTest, AWaitingRequestKeepsNoneOfTheMemoryThatItCameIn) {
  if (GetParam()) return;  // In-process the memory is seen from here.
  Start({.workers = 1});
  HeldWorker held(channel());
  std::string request = AddOf(std::string(1000, 'a'));
  Gate released;
  released.Open();
  SteppedCall add(channel().channel, kAdd);
  add.Send(grpc::Slice(
      request.data(), request.size(),
      [](void* gate) { static_cast<Gate*>(gate)->Pass(); }, &released));
  AwaitWaiting(1);
  released.AwaitArrivals(1);  // Or for ever.
  request.assign(request.size(), '?');
  held.Release();
  EXPECT_TRUE(add.Await().ok());
  EXPECT_EQ(adds_begun(), 1);
}

}  // namespace
}  // namespace pinion
