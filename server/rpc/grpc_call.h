// SPDX-License-Identifier: Apache-2.0
//
// GrpcCall: a call that arrived as a gRPC call of its own. It has everything
//           that unary calls and server streams share, which is all but the way
//           out.
//
// Threads: its gRPC part belongs to its I/O thread; RoutedCall says what holds
//          for the rest.
// Life:    a transport derives from it and has gRPC's part, which ends when the
//          transport has called Close(). The rest ends with the last reference,
//          perhaps later and on a worker.
#ifndef PINION_SERVER_RPC_GRPC_CALL_H_
#define PINION_SERVER_RPC_GRPC_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/party/party.h"

namespace pinion {

// One method as gRPC serves it. Fixed while the server runs.
struct GrpcMethod {
  const ServedMethod* served;
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  Expirer* expirer;
  size_t max_request_bytes;
};

class GrpcCall : public RoutedCall,
                 protected IoDelivery,
                 protected OpenCall,
                 private DeadlineWheel::Item {
 public:
  void Deliver() override { io_.Deliver(this); }
  absl::Span<const MetadataEntry> metadata(
      std::vector<MetadataEntry>&) const override {
    return metadata_;
  }
  Credit& credit() const override { return host_.door->credit(); }
  Party* party() const override { return party_.get(); }

 protected:
  GrpcCall(const GrpcMethod& method, IoThread& io);

  // The call has arrived with `request`, which is emptied. Lets it enter, or
  // returns the refusal, which is its answer.
  std::optional<Answer> Arrive(const grpc::ServerContext& context,
                               grpc::ByteBuffer& request);

  // Answers it in its handler's place, if it was admitted and has no answer.
  void Revoke(RevokeReason reason);
  // The same, because its client has cancelled it or gRPC has ended it.
  void RevokeForClient();

  // Its answer has arrived: it needs no deadline any more.
  void DisarmDeadline();

  // Puts everything but the payload of `answer` into trailers of `context`.
  // Returns its status.
  grpc::Status StatusWithTrailers(const Answer& answer,
                                  grpc::ServerContext& context) const;

  int64_t metadata_bytes() const override { return metadata_bytes_; }

  // Releases the request, unless a worker still uses it: an answer may take
  // long to leave.
  void LetGoOfRequest() {
    if (!fate.revoked()) bytes_ = grpc::Slice();
  }

  // The same, called by its worker, which will never read the request again.
  // Its size stays.
  void DropRequest() {
    bytes_ = grpc::Slice();
    ReturnRequestBytes();
  }

  // Whether the answer of a refused call must wait until late answers leave. A
  // call within the process does not: gRPC ends it as its server shuts down.
  bool answer_is_held() const {
    return io_.holds_late_answers() && has_connection_;
  }

  // gRPC's part is over; releases the transport's reference.
  void Close();

  const GrpcMethod& host_;
  IoThread& io_;

 private:
  void Hold() override { AddRef(); }
  void OnDue() override;

  // Lets it enter by what its metadata asks for, or returns the refusal.
  std::optional<Answer> Enter(const grpc::ServerContext& context);
  // Why it may not even ask to enter; none: it may. Counts it as open.
  std::optional<Answer> RefuseAtOnce(const grpc::ServerContext& context,
                                     const grpc::ByteBuffer& request);
  void ReadRequest(grpc::ByteBuffer& request);
  void ReadMetadata(const grpc::ServerContext& context);

  // Fixed after the arrival.
  grpc::Slice bytes_;             // The request's bytes; request() points here.
  std::shared_ptr<Party> party_;  // Null: the client is unknown.
  // All that the client sent: gRPC holds it as long as the call is open. Of
  // this, what the handler may see.
  uint32_t metadata_bytes_ = 0;
  std::vector<MetadataEntry> metadata_;
  bool has_connection_ = false;  // Otherwise it comes from this process.
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_GRPC_CALL_H_
