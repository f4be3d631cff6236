// SPDX-License-Identifier: Apache-2.0
//
// StreamCall: a call of a server-streaming method as a plain gRPC call: one
//             request, and the messages that its handler sends.
//
// Threads: as for GrpcCall; the StreamSink is for its holder.
// Way out: a message is sent → it is counted and delivered → it joins the ready
//          ones → the outbox writes them one by one. After the last one comes
//          the call's answer, without a payload: the end.
// Bound:   the bytes that were sent and have not left; beyond it nothing can be
//          sent. They also count for the server's credit; a SharedMessage
//          counts once for all streams.
// Taken:   if a stream ends without its handler (deadline, cancel, stop), its
//          ready messages are dropped, and the write under way ends.
// Life:    the I/O thread's part ends when the outbox is closed and each
//          counted message was delivered. After that, and when its handler has
//          returned, it is only memory of its holder's and counts nowhere.
#ifndef PINION_SERVER_RPC_STREAM_CALL_H_
#define PINION_SERVER_RPC_STREAM_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/core/work_item.h"
#include "pinion/server/hop.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/payload.h"
#include "pinion/server/internal/shared_message.h"
#include "pinion/server/internal/stream_sink.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/rpc/change_notice.h"
#include "pinion/server/rpc/grpc_call.h"
#include "pinion/server/rpc/pending_bytes.h"

namespace pinion {

struct StreamLimits {
  // The most bytes that one stream may have sent that have not left, and the
  // most of one message.
  int64_t max_bytes = int64_t{4} << 20;
  int64_t max_message_bytes = int64_t{4} << 20;
  // How long the client may take nothing of what is written.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
};

class StreamCall final : public GrpcCall,
                         public StreamSink,
                         private IoEvent,
                         private OutboxOwner {
 public:
  // Waits for one call of `method` on the queue of `io`. `limits` must stay.
  static void Await(const GrpcMethod& method, const StreamLimits& limits,
                    IoThread& io);

  StreamSink* sink() override { return this; }

  absl::Status Send(const google::protobuf::Message& message) override;
  absl::Status SendShared(const SharedMessage& message) override;
  int64_t pending_bytes() const override { return pending_.bytes(); }
  bool writable() const override { return pending_.writable(); }
  bool stopping() const override {
    return stopping_.load(std::memory_order_relaxed);
  }
  void OnChange(Hop hop, absl::AnyInvocable<void()> function) override;
  void IgnoreChanges() override { notice_.Close(); }

 private:
  // A message on its way to the I/O thread, and there until it has left.
  struct Sent final : public IoDelivery {
    Sent(StreamCall& call, int64_t bytes) : call(call), bytes(bytes) {}
    void OnDelivered() override { call.OnSent(this); }

    StreamCall& call;
    const int64_t bytes;  // What it counts for the stream.
    // Empty: the server had no room for it.
    std::variant<std::monostate, Payload, SharedMessage> content;
  };

  StreamCall(const GrpcMethod& method, const StreamLimits& limits,
             IoThread& io);

  void OnEvent(bool ok) override;  // The arrival.
  void OnSent(Sent* sent);
  void OnDelivered() override;  // The answer has arrived.
  void OnStopBegun() override;
  void OnGraceBegun() override;
  void OnPolicyChanged() override;
  void OnTimesChanged() override;
  void OnLateAnswersLeave() override {
    if (std::exchange(held_, false)) End();
  }
  void OnStop() override;

  std::optional<Message> NextMessage() override;
  void DropReady() override;
  std::optional<grpc::Status> TryEnd() override;
  void OnWritten(int64_t added) override;
  void OnClientGone() override { RevokeForClient(); }
  void OnClosed() override { CloseWhenOver(); }

  void OnLeftOpen() override;
  bool credit_is_returned() const override {
    return done_.load(std::memory_order_relaxed) == kAllDone;
  }

  void Begin();
  void OnEntered(std::optional<Answer> refusal) override;
  // Its deadline, or the end of its caller's token, if that comes first.
  Deadline due() const override;
  // Makes a message of `size` bytes if the stream has room for it; otherwise
  // returns the reason.
  absl::StatusOr<Sent*> Count(size_t size);
  absl::Status Reserve(int64_t bytes);
  // Of an attempt to reserve `bytes`.
  absl::Status ToStatus(Credit::Grant grant, int64_t bytes) const;
  absl::Status NoRoom(int64_t bytes) const;
  absl::Status WhyEnded() const;
  void End();
  void Drop(Sent* sent);
  void CloseWhenOver();
  // The last one to call it releases what the server holds for the call.
  void IsDone(uint8_t who);

  // A stop ends the stream as its grace period begins if nobody else would: the
  // handler has returned and has left it open, and its holder has no OnChange()
  // to hear of the stop. Adds `what` to what is known of it; returns whether
  // that is the last of it, and so the caller ends the stream.
  bool StopMustEnd(uint8_t what);
  static constexpr uint8_t kLeftOpen = 1;
  static constexpr uint8_t kGraceBegun = 2;
  static constexpr uint8_t kHasOnChange = 4;

  // The two that use what the server holds: gRPC's part, and, if the stream was
  // left open, the lane.
  static constexpr uint8_t kTransportDone = 1;
  static constexpr uint8_t kLaneDone = 2;
  static constexpr uint8_t kAllDone = kTransportDone | kLaneDone;

  const StreamLimits limits_;  // Its own copy: it may outlive the server.

  // Shared.
  PendingBytes pending_;
  ChangeNotice notice_{*this};
  std::atomic<bool> stopping_{false};  // For the holder to see.
  std::atomic<uint8_t> done_{0};
  // What is known for StopMustEnd(). Relaxed: it guards no other data, and of
  // the threads that add to one word one is the last.
  std::atomic<uint8_t> in_stop_{0};

  // The I/O thread's only.
  grpc::ByteBuffer incoming_;
  // Separate, because a holder may keep the rest long after the end.
  std::unique_ptr<OutboxOf<RawStreamWriter>> outbox_;
  WorkChain ready_;                // Messages to be written.
  std::unique_ptr<Sent> writing_;  // The one being written.
  bool answered_ = false;          // No more will join them.
  bool held_ = false;              // Its answer waits until late answers leave.
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_STREAM_CALL_H_
