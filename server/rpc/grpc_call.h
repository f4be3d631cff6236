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
#include "pinion/server/party/party_limits.h"
#include "pinion/server/security/identity/callers.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/tracing/tracer.h"

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
  const Identity* identity() const override { return identity_.get(); }
  CallTrace* trace() const override { return trace_.get(); }

 protected:
  GrpcCall(const GrpcMethod& method, IoThread& io);

  // The call has arrived with `request`, which is emptied. Finds out whose it
  // is, lets it enter or refuses it, and calls OnEntered(): at once, or later
  // if a token must be checked. `context` lives until the call has its answer.
  void Arrive(const grpc::ServerContext& context, grpc::ByteBuffer& request);
  // It has entered, or was refused, and the refusal is its answer. Called once.
  virtual void OnEntered(std::optional<Answer> refusal) = 0;

  // The time at which it is answered in its handler's place at the latest.
  virtual Deadline due() const { return deadline; }

  // Answers it in its handler's place, if it was admitted and has no answer.
  void Revoke(RevokeReason reason);
  // The same, because its client has cancelled it or gRPC has ended it.
  void RevokeForClient();

  // Whether the present policy lets it go on.
  bool MayGoOn(const grpc::ServerContext& context) const;

  // Its answer has arrived: it needs no deadline any more.
  void DisarmDeadline();
  const SharedIdentity& caller() const { return identity_; }

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
  struct Asked;

  void Hold() override { AddRef(); }
  void OnDue() override;

  // Why its client may not make it, by the policy and the limits; none: it may.
  std::optional<Answer> RefuseCaller(const grpc::ServerContext& context);
  // Why it may not even ask to enter; none: it may. Counts it as open.
  std::optional<Answer> RefuseAtOnce();
  // What is wrong with its size, and puts that of its metadata down; none:
  // nothing is.
  std::optional<Answer> RefuseSize(const grpc::ServerContext& context,
                                   const grpc::ByteBuffer& request);
  // Finds out who the caller is. None: that is known now, or a verdict is
  // awaited; see `awaited_`.
  std::optional<Answer> FindCaller(const grpc::ServerContext& context,
                                   absl::string_view peer);
  // The same, by what a token says.
  std::optional<Answer> TakeCaller(Caller caller);
  // Holds what a call holds that waits for the verdict; none: it may wait.
  std::optional<Answer> BeginToWait();
  void OnVerdict(const grpc::ServerContext& context, Caller caller);
  void OnExpiredAwaiting();
  // Nothing is awaited any more.
  void EndToWait();

  // Begins its span and lets it enter by what its metadata asks for, or returns
  // the refusal.
  std::optional<Answer> Enter(const grpc::ServerContext& context,
                              const Asked& asked);
  void EnterNow(const grpc::ServerContext& context, const Asked& asked);
  // Releases what it has, and is refused.
  void Refuse(Answer refusal);
  void ReadRequest(grpc::ByteBuffer& request);
  void ReadMetadata(const grpc::ServerContext& context, const Asked& asked);
  // Begins its span, if it is traced.
  void BeginTrace(const grpc::ServerContext& context, Tracer& tracer);
  // Ends it, if there is one: the door has refused the call.
  void EndTraceRefused(const Answer& refusal);

  // Fixed after the arrival.
  grpc::Slice bytes_;             // The request's bytes; request() points here.
  std::shared_ptr<Party> party_;  // Null: the client is unknown.
  std::shared_ptr<LimitedParty> limited_;  // Null: no limits.
  OpenOfParty open_stream_;            // If it is a stream, until it is closed.
  std::shared_ptr<Party> connection_;  // On which it is open; null: none's.
  SharedIdentity identity_;            // Null: nobody asks who it is.
  std::unique_ptr<CallTrace> trace_;   // Null: it is not traced.
  // All that the client sent: gRPC holds it as long as the call is open. Of
  // this, what the handler may see.
  uint32_t metadata_bytes_ = 0;
  std::vector<MetadataEntry> metadata_;
  bool has_connection_ = false;  // Otherwise it comes from this process.

  // While a token is checked: by whom the verdict finds this call; null once it
  // was answered otherwise. The I/O thread's only.
  std::shared_ptr<GrpcCall*> awaited_;
  // Its mistake, which is told once it is known that the caller may make it.
  std::unique_ptr<Answer> mistake_;
  int64_t waiting_bytes_ = 0;  // Reserved meanwhile, for connection_.
  // The I/O thread's while nothing is armed; it changes only then.
  bool expires_awaiting_ = false;
  bool armed_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_GRPC_CALL_H_
