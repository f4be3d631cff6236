// SPDX-License-Identifier: Apache-2.0
//
// AsyncEcho: a place for one Echo call at a time, by a completion queue.
//
// Threads: one at a time; Begin() and what follows its tag may differ.
// Example: AsyncEcho echo;
//          echo.Begin({.worker = 1}, end, connections.Next(), queue, &echo);
//          ... queue.Next(&tag, &ok) ... echo.Check()
#ifndef PINION_TESTS_BENCH_ECHO_ASYNC_ECHO_H_
#define PINION_TESTS_BENCH_ECHO_ASYNC_ECHO_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "pinion/echo/v1/echo.grpc.pb.h"

namespace pinion::bench {

// What a call asks for, and brings.
struct EchoAsk {
  std::optional<int> worker = std::nullopt;  // None: any.
  uint32_t spin_us = 0;
  uint32_t block_us = 0;
  size_t payload_bytes = 64;
};

// For calls without a deadline.
inline constexpr int64_t kNoDeadline = INT64_MAX;

// What is sent: a payload with an EchoStamp.
echo::v1::EchoRequest StampedRequest(const EchoAsk& ask, int64_t deadline_ns);

class AsyncEcho {
 public:
  // Sends a StampedRequest(); `tag` comes out of `queue` when
  // it has ended, and then it may be begun again. The deadline is a time of
  // MonotonicNanos().
  void Begin(const EchoAsk& ask, int64_t deadline_ns,
             echo::v1::EchoService::Stub& stub, grpc::CompletionQueue& queue,
             void* tag);

  // Has an open call end soon.
  void Cancel();

  // The rest is for after the tag came.

  const grpc::Status& status() const { return status_; }

  // INTERNAL if the call failed, or brought another payload than was sent.
  absl::Status Check() const;

 private:
  echo::v1::EchoRequest request_;
  echo::v1::EchoResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  // Lives in the context's call, so it goes first.
  std::unique_ptr<grpc::ClientAsyncResponseReader<echo::v1::EchoResponse>>
      reader_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ASYNC_ECHO_H_
