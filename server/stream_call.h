// SPDX-License-Identifier: Apache-2.0
//
// StreamCall: a call of a server-streaming method, as a plain gRPC call: one
//             request, and as many messages as its handler sends.
//
// Threads: as GrpcCall says; what is a StreamSink's is its holder's.
// Way out: a message is sent → it is counted, and delivered → it joins what is
//          ready → the outbox writes one after the other. Behind the last comes
//          the call's answer, which has no payload: the end.
// Bound:   what was sent and has not left; beyond it nothing can be sent. It is
//          charged to the server's credit, too.
// Taken:   of a stream that ends without its handler (deadline, cancel, stop),
//          what is ready is dropped; the write under way ends by itself.
// Life:    the I/O thread's part goes when the outbox is closed and each
//          message that was counted has been delivered.
#ifndef PINION_SERVER_STREAM_CALL_H_
#define PINION_SERVER_STREAM_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/work_item.h"
#include "server/change_notice.h"
#include "server/grpc_call.h"
#include "server/hop.h"
#include "server/io_thread.h"
#include "server/outbox.h"
#include "server/payload.h"
#include "server/pending_bytes.h"
#include "server/raw_service.h"
#include "server/stream_sink.h"

namespace pinion {

struct StreamLimits {
  // How many bytes one stream may have sent that have not left, and how many a
  // message may have.
  int64_t most_bytes = int64_t{4} << 20;
  int64_t most_message_bytes = int64_t{4} << 20;
  // How long the client may take nothing of what is written.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
};

class StreamCall final : public GrpcCall,
                         public StreamSink,
                         private IoEvent,
                         private OutboxOwner {
 public:
  // Waits for one call of `method` on the queue of `io`. `limits` stay.
  static void Await(const GrpcMethod& method, const StreamLimits& limits,
                    IoThread& io);

  StreamSink* sink() override { return this; }

  absl::Status Send(const google::protobuf::Message& message) override;
  int64_t pending_bytes() const override { return pending_.bytes(); }
  bool writable() const override { return pending_.writable(); }
  bool stopping() const override {
    return stopping_.load(std::memory_order_relaxed);
  }
  void OnChange(Hop hop, absl::AnyInvocable<void()> function) override;
  void IgnoreChanges() override { notice_.Close(); }

 private:
  // A message on its way to the I/O thread, and while it is ready there.
  struct Sent final : public IoDelivery {
    Sent(StreamCall& call, int64_t bytes) : call(call), bytes(bytes) {}
    void OnDelivered() override { call.OnSent(this); }

    StreamCall& call;
    const int64_t bytes;             // What it counts.
    std::optional<Payload> payload;  // None: the server had no room for it.
  };

  StreamCall(const GrpcMethod& method, const StreamLimits& limits,
             IoThread& io);

  void OnEvent(bool ok) override;  // The arrival.
  void OnSent(Sent* sent);
  void OnDelivered() override;  // The answer is there.
  void OnStopBegun() override;
  void OnStop() override;

  std::optional<Message> NextMessage() override;
  void DropReady() override;
  std::optional<grpc::Status> TryEnd() override;
  void OnWritten(int64_t added) override;
  void OnClientGone() override { TakeBack(); }
  void OnClosed() override { CloseWhenOver(); }

  void Begin();
  absl::Status Reserve(int64_t bytes);
  absl::Status WhyEnded() const;
  void End();
  void Drop(Sent* sent);
  void CloseWhenOver();

  const StreamLimits limits_;  // Its own: it may outlive the server.

  // Shared.
  PendingBytes pending_;
  ChangeNotice notice_{*this};
  std::atomic<bool> stopping_{false};  // For the holder to see.

  // The I/O thread's.
  grpc::ByteBuffer incoming_;
  std::optional<OutboxOf<RawStreamWriter>> outbox_;
  WorkChain ready_;        // Messages to be written.
  bool answered_ = false;  // No more will join them.
};

}  // namespace pinion

#endif  // PINION_SERVER_STREAM_CALL_H_
