// SPDX-License-Identifier: Apache-2.0
//
// GrpcCall: a call that came as one of gRPC's own: what unary calls and server
//           streams have in common, which is all but the way out.
//
// Threads: what belongs to gRPC is its I/O thread's; the rest as RoutedCall
//          says.
// Life:    a transport derives from it, and has gRPC's part. That goes when
//          the transport has said Close(); the rest when nobody refers to it,
//          which may be later, on a worker.
#ifndef PINION_SERVER_GRPC_CALL_H_
#define PINION_SERVER_GRPC_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/expirer.h"
#include "server/front_door.h"
#include "server/io_thread.h"
#include "server/lanes.h"
#include "server/raw_service.h"
#include "server/routed_call.h"

namespace pinion {

// One method as gRPC serves it. Fixed while the server runs.
struct GrpcMethod {
  const HostedMethod* method;
  Lanes* lanes;
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  Expirer* expirer;
};

class GrpcCall : public RoutedCall,
                 protected IoDelivery,
                 protected OpenCall,
                 private DeadlineWheel::Item {
 public:
  void Deliver() override { io_.Deliver(this); }
  absl::Span<const Metadata> metadata() const override { return metadata_; }
  Credit& credit() const override { return served_.door->credit(); }

 protected:
  GrpcCall(const GrpcMethod& method, IoThread& io);

  // It has arrived, with `request`, which is emptied. Lets it enter, or returns
  // the refusal, which is its answer.
  std::optional<Answer> Arrive(const grpc::ServerContext& context,
                               grpc::ByteBuffer& request);

  // Answers it in the place of its handler, if it was let in and has no answer.
  void Take(Verdict verdict);
  // The same, as its client has cancelled it or gRPC has cut it off.
  void TakeBack();

  // Its answer is there: the deadline is none of its concern any more.
  void DisarmDeadline();

  // Says what `answer` has beside its payload in trailers of `context`. Returns
  // its status.
  grpc::Status EndOf(const Answer& answer, grpc::ServerContext& context) const;

  // An answer may take long to leave; it need not keep its request, unless a
  // worker still has it.
  void LetGoOfRequest() {
    if (!fate.taken()) bytes_ = grpc::Slice();
  }

  // gRPC's part is gone, and with it the transport's reference.
  void Close();

  const GrpcMethod& served_;
  IoThread& io_;

 private:
  void Hold() override { AddRef(); }
  void OnDue() override;

  void ReadRequest(grpc::ByteBuffer& request);
  void ReadMetadata(const grpc::ServerContext& context);

  // The I/O thread's.
  bool admitted_ = false;

  // Fixed when it has arrived.
  grpc::Slice bytes_;  // The whole request; request() looks into it.
  std::vector<Metadata> metadata_;
};

}  // namespace pinion

#endif  // PINION_SERVER_GRPC_CALL_H_
