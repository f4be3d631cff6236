// SPDX-License-Identifier: Apache-2.0
//
// UnaryCall: a call that came as a plain unary gRPC call.
//
// Threads: as GrpcCall says.
// Life:    Await() makes one that waits for a call; when a call has come it
//          makes its successor. Its part of gRPC goes when the answer has left
//          and gRPC has said that the call is over.
#ifndef PINION_SERVER_UNARY_CALL_H_
#define PINION_SERVER_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>

#include "server/grpc_call.h"
#include "server/io_thread.h"
#include "server/raw_service.h"

namespace pinion {

class UnaryCall final : public GrpcCall, private IoEvent {
 public:
  // Waits for one call of `method` on the queue of `io`.
  static void Await(const GrpcMethod& method, IoThread& io);

 private:
  // What gRPC needs of a call until it is over.
  struct Rpc {
    Rpc() : writer(&context) {}

    grpc::ServerContext context;
    grpc::ByteBuffer request;
    RawWriter writer;
  };

  // gRPC's word that the call is over: answered, or cancelled, or cut off.
  class OverEvent final : public IoEvent {
   public:
    explicit OverEvent(UnaryCall& call) : call_(call) {}
    void OnEvent(bool) override { call_.OnOver(); }

   private:
    UnaryCall& call_;
  };

  UnaryCall(const GrpcMethod& method, IoThread& io);

  // The arrival, and then that the answer has left.
  void OnEvent(bool ok) override;
  void OnOver();
  void OnDelivered() override;
  void OnStop() override { Take(Verdict::kStopped); }

  void Begin();
  void SendAnswer();
  void CloseWhenOver();

  OverEvent over_event_{*this};

  // The I/O thread's.
  std::optional<Rpc> rpc_;
  bool arrived_ = false;
  bool answer_left_ = false;
  bool over_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_UNARY_CALL_H_
