// SPDX-License-Identifier: Apache-2.0
//
// UnaryCall: a call that came as a plain unary gRPC call.
//
// Threads: what belongs to gRPC is its I/O thread's; the rest as RoutedCall
// says. Life:    Await() makes one that waits for a call; when a call has come
// it
//          makes its successor. Its part of gRPC goes when the answer has left
//          and gRPC has said that the call is over; the rest when nobody refers
//          to it, which may be later, on a worker.
#ifndef PINION_SERVER_UNARY_CALL_H_
#define PINION_SERVER_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/expirer.h"
#include "server/front_door.h"
#include "server/io_thread.h"
#include "server/raw_service.h"
#include "server/routed_call.h"

namespace pinion {

// One method as gRPC serves it. Fixed while the server runs.
struct UnaryMethod {
  const HostedMethod* method;
  Lanes* lanes;
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  Expirer* expirer;
};

class UnaryCall final : public RoutedCall,
                        private IoDelivery,
                        private IoEvent,
                        private OpenCall,
                        private DeadlineWheel::Item {
 public:
  // Waits for one call of `method` on the queue of `io`.
  static void Await(const UnaryMethod& method, IoThread& io);

  void Deliver() override { io_.Deliver(this); }
  absl::Span<const Metadata> metadata() const override { return metadata_; }
  Credit& credit() const override { return served_.door->credit(); }

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

  UnaryCall(const UnaryMethod& method, IoThread& io);

  // The arrival, and then that the answer has left.
  void OnEvent(bool ok) override;
  void OnOver();
  void OnDelivered() override;
  void OnStop() override { Take(Verdict::kStopped); }
  void Hold() override { AddRef(); }
  void OnDue() override;

  void Arrive();
  void ReadRequest();
  void ReadMetadata();
  std::optional<absl::string_view> Wish(const char* name) const;
  void Take(Verdict verdict);
  void SendAnswer();
  void CloseWhenOver();

  const UnaryMethod& served_;
  IoThread& io_;
  OverEvent over_event_{*this};

  // The I/O thread's.
  std::optional<Rpc> rpc_;
  bool arrived_ = false;
  bool admitted_ = false;
  bool answer_left_ = false;
  bool over_ = false;

  // Fixed when it has arrived.
  grpc::Slice bytes_;  // The whole request; request() looks into it.
  std::vector<Metadata> metadata_;
};

}  // namespace pinion

#endif  // PINION_SERVER_UNARY_CALL_H_
