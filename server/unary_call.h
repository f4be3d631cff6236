// SPDX-License-Identifier: Apache-2.0
//
// UnaryCall: a call that came as a plain unary gRPC call.
//
// Threads: its I/O thread's, but for the time between admission and Deliver(),
//          when it is its worker's.
// Life:    Await() makes one that waits for a call; when a call has come it
//          makes its successor; it deletes itself when its answer has left.
// Links:   of its two WorkItems the Call's is for its lane's list, the
//          IoDelivery's for its I/O thread's inbox.
#ifndef PINION_SERVER_UNARY_CALL_H_
#define PINION_SERVER_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <optional>

#include "absl/strings/string_view.h"
#include "server/call.h"
#include "server/front_door.h"
#include "server/io_thread.h"
#include "server/raw_service.h"

namespace pinion {

// One method as gRPC serves it. Fixed while the server runs.
struct UnaryMethod {
  const Method* method;
  Lanes* lanes;
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
};

class UnaryCall final : public Call,
                        private IoDelivery,
                        private IoEvent,
                        private OpenCall {
 public:
  // Waits for one call of `method` on the queue of `io`.
  static void Await(const UnaryMethod& method, IoThread& io);

  void Deliver() override { io_.Deliver(this); }
  void SendAnswer() override;

 private:
  enum class Step { kAwaiting, kOpen, kAnswering };

  UnaryCall(const UnaryMethod& method, IoThread& io);

  void OnDelivered() override { SendAnswer(); }
  void OnEvent(bool ok) override;
  void OnStop() override {}  // Its worker answers it.
  void Arrive();
  std::optional<absl::string_view> Metadata(const char* name) const;

  const UnaryMethod& served_;
  IoThread& io_;
  Step step_ = Step::kAwaiting;
  grpc::ServerContext context_;
  grpc::ByteBuffer buffer_;
  grpc::Slice bytes_;  // The whole request; `request` looks into it.
  RawWriter writer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_UNARY_CALL_H_
