// SPDX-License-Identifier: Apache-2.0
//
// The handwritten stream: echoes in messages of as many as are ready, both
// ways. It knows one method, and neither routes nor refuses nor counts.
//
// Threads: the server for as long as the process lives; the way as CallWay.
// Example: {"handwritten_stream", StartBatchedEcho}
//          BatchedEchoWay way(child->address(), 64);
#ifndef PINION_TESTS_BENCH_ECHO_BATCHED_ECHO_H_
#define PINION_TESTS_BENCH_ECHO_BATCHED_ECHO_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pinion/tests/bench/echo/echo_payload.h"
#include "pinion/tests/bench/support/call_loop.h"
#include "tests/bench/echo/batched_echo.grpc.pb.h"

namespace pinion::bench {

// Serves it by a callback handler that answers inline; returns the address.
std::string StartBatchedEcho();

class BatchedEchoWay final
    : public CallWay,
      private grpc::ClientBidiReactor<EchoBatch, EchoBatch> {
 public:
  // Payloads of so many bytes.
  explicit BatchedEchoWay(const std::string& address, size_t payload_bytes);
  ~BatchedEchoWay() override;  // Breaks the stream, and waits for its end.

  void Begin(CallSlot& slot) override;

 private:
  CallSlot* SlotOf(uint64_t id);
  void WriteNext();
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const EchoPayloads payloads_;
  std::unique_ptr<BatchedEchoService::Stub> stub_;
  grpc::ClientContext context_;
  EchoBatch incoming_;
  EchoBatch outgoing_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  EchoBatch next_;
  std::vector<CallSlot*> slots_;  // By their index.
  bool writing_ = false;
  bool over_ = false;
  bool done_ = false;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_BATCHED_ECHO_H_
