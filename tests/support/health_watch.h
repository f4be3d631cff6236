// SPDX-License-Identifier: Apache-2.0
//
// HealthWatch: a Watch of grpc.health.v1.Health that is under way, and what the
// messages of that service are.
//
// Threads: one at a time.
// Life:    it takes the watch back, unless that has ended, and waits for it.
// Example: HealthWatch watch(channel, HealthRequest("shop.v1.CartService"));
//          EXPECT_EQ(watch.Next(), HealthStatus::kServing);
#ifndef PINION_TESTS_SUPPORT_HEALTH_WATCH_H_
#define PINION_TESTS_SUPPORT_HEALTH_WATCH_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/proto/wire/health_message.h"
#include "pinion/server/health.h"

namespace pinion::testing {

// A HealthCheckRequest.
inline std::string HealthRequest(const std::string& name) {
  return std::string({'\x0a', static_cast<char>(name.size())}) + name;
}

// The status in a HealthCheckResponse.
inline HealthStatus StatusIn(const std::string& response) {
  EXPECT_EQ(response.size(), 2u);
  EXPECT_EQ(response[0], '\x08');
  return static_cast<HealthStatus>(response[1]);
}

// A Watch that is under way.
class HealthWatch {
 public:
  HealthWatch(std::shared_ptr<grpc::Channel> channel,
              const std::string& request)
      : stub_(std::move(channel)),
        stream_(stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch",
                                  &queue_)) {
    stream_->StartCall(nullptr);
    Await();
    const grpc::Slice slice(request);
    stream_->WriteLast(grpc::ByteBuffer(&slice, 1), {}, nullptr);
    Await();
  }
  ~HealthWatch() {
    Cancel();
    while (Next().has_value()) {
    }
    if (!finished_) Finish();
    queue_.Shutdown();
    EXPECT_FALSE(Await());
  }

  // Waits for the next status; nothing if there is none before the end.
  std::optional<HealthStatus> Next() {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, nullptr);
    if (!Await()) return std::nullopt;
    grpc::Slice slice;
    EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
    return StatusIn({slice.begin(), slice.end()});
  }

  // How it ended; once, when there is no next status.
  grpc::Status Finish() {
    finished_ = true;
    grpc::Status status;
    stream_->Finish(&status, nullptr);
    Await();
    return status;
  }

  void Cancel() { context_.TryCancel(); }

 private:
  bool Await() {
    void* tag;
    bool ok;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool finished_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_HEALTH_WATCH_H_
