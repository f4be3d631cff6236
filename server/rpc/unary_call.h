// SPDX-License-Identifier: Apache-2.0
//
// UnaryCall: a call that arrived as a plain unary gRPC call.
//
// Threads: as for GrpcCall.
// Bound:   if a client does not read the answer, the server breaks the call
//          after the write timeout. Until then the answer counts for its
//          party's share.
// Life:    Await() makes one that waits for a call. When a call has arrived, it
//          makes its successor. Its gRPC part ends when the answer has left and
//          gRPC has said that the call is over.
#ifndef PINION_SERVER_RPC_UNARY_CALL_H_
#define PINION_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <utility>

#include "pinion/server/io/io_patience.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/rpc/grpc_call.h"

namespace pinion {

class UnaryCall final : public GrpcCall,
                        private IoEvent,
                        private IoPatience::Wait {
 public:
  // Waits for one call of `method` on the queue of `io`.
  static void Await(const GrpcMethod& method, IoThread& io);

 private:
  // What gRPC needs for a call until it is over.
  struct Rpc {
    Rpc() : writer(&context) {}

    grpc::ServerContext context;
    grpc::ByteBuffer request;
    RawWriter writer;
  };

  // gRPC's notice that the call is over: answered, cancelled or broken.
  class OverEvent final : public IoEvent {
   public:
    explicit OverEvent(UnaryCall& call) : call_(call) {}
    void OnEvent(bool) override { call_.OnOver(); }

   private:
    UnaryCall& call_;
  };

  UnaryCall(const GrpcMethod& method, IoThread& io);

  // The arrival, and later the notice that the answer has left.
  void OnEvent(bool ok) override;
  void OnOver();
  void OnDelivered() override;
  // The client does not read the answer. The notice that the call is over does
  // the rest.
  void OnOverdue() override { rpc_->context.TryCancel(); }
  void OnStop() override { Revoke(RevokeReason::kStopped); }
  void OnLateAnswersLeave() override {
    if (std::exchange(held_, false)) SendAnswer();
  }

  void OnEntered(std::optional<Answer> refusal) override;
  void SendAnswer();
  void CloseWhenOver();

  OverEvent over_event_{*this};

  // The I/O thread's only.
  std::optional<Rpc> rpc_;
  bool arrived_ = false;
  bool held_ = false;  // Its answer waits until late answers leave.
  bool answer_left_ = false;
  bool over_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_UNARY_CALL_H_
