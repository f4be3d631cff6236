// SPDX-License-Identifier: Apache-2.0
//
// SessionCall: a call in a session. SessionBlock: calls that entered together,
//              in one piece of memory with the bytes that they refer to.
//
// Threads: a block is made on its session's I/O thread. RoutedCall says what
//          holds for its calls. The block and its calls stay until the last of
//          them is destroyed.
// Memory:  the bytes of a block count as its session's and the server's until
//          the block is destroyed: one waiting call keeps all of it.
// Deadlines: a block has one entry with the expirer, at the earliest deadline
//            of its unanswered calls.
// Example: SessionBlock* block =
//              SessionBlock::Make(session, host, bytes, count);
//          SessionCall* call = block->Add();    // count times
//          block->AllAdded();
#ifndef PINION_SERVER_SESSION_SESSION_CALL_H_
#define PINION_SERVER_SESSION_SESSION_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/party/party.h"
#include "pinion/server/security/identity/callers.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/session/call_with_id.h"
#include "pinion/server/session/due_order.h"
#include "pinion/server/session/session_host.h"

namespace pinion {

class CallTrace;
class Session;
class SessionBlock;

// Bytes of a session's client, at an address that does not change.
struct SessionBytes {
  // Room for `size` bytes.
  explicit SessionBytes(size_t size);
  // The bytes of a message. Copies them: gRPC's buffer may be a small part of
  // one read, and would keep all of that alive.
  explicit SessionBytes(const grpc::ByteBuffer& message);

  absl::string_view view() const { return {data.get(), size}; }

  size_t size;
  std::unique_ptr<char[]> data;
};

// The bytes of all blocks of one session. Shared by the session and its blocks.
using SessionMemory = std::shared_ptr<std::atomic<int64_t>>;

class SessionCall final : public CallWithId {
 public:
  explicit SessionCall(SessionBlock& block) : block_(block) {
    in_session = true;
  }
  ~SessionCall() override = default;

  void Deliver() override;
  const void* answered_by() const override;
  AnswerBuffer* MakeAnswerBuffer(uint32_t entries, uint32_t bytes,
                                 int64_t reserved) override;
  size_t MessageSize(const Answer& answer) const override;

  absl::Span<const MetadataEntry> metadata(
      std::vector<MetadataEntry>& room) const override;
  Credit& credit() const override;
  Party* party() const override;
  const Identity* identity() const override;
  CallTrace* trace() const override;
  void LeaveServer() override;

  // Answers it in its handler's place, if it was admitted and is not answered.
  // Any thread may call it.
  void Revoke(RevokeReason reason);

  SessionBlock& block() { return block_; }

 private:
  void OnDelivered() override;
  void OnUnreferenced() override;

  SessionBlock& block_;
};

// Calls that wait by the hundred thousand must be small; rare fields are
// elsewhere.
static_assert(sizeof(SessionCall) <= 128);

// Aligned like the calls behind it.
class alignas(alignof(SessionCall)) SessionBlock final
    : private DeadlineWheel::Item {
 public:
  // Makes a block with room for `calls` calls, some of them with metadata,
  // which refer to `bytes`.
  static SessionBlock* Make(Session& session, const SessionHost& host,
                            std::shared_ptr<Party> party, SessionMemory memory,
                            SessionBytes bytes, size_t calls,
                            size_t with_metadata);

  // The size of such a block without the bytes.
  static int64_t BytesOf(size_t calls, size_t with_metadata) {
    return static_cast<int64_t>(sizeof(SessionBlock) +
                                calls * sizeof(SessionCall) +
                                with_metadata * sizeof(CallMetadata));
  }

  // Adds the next call.
  SessionCall* Add() { return new (At(size_++)) SessionCall(*this); }
  // Says that all calls are added. Call it once, before any of them enters or
  // is destroyed.
  void AllAdded();
  // Says that the server's credit is reserved for bytes().
  void SetReserved() { reserved_ = true; }

  size_t size() const { return size_; }
  SessionCall& call(size_t index) { return *At(index); }
  // Is there as long as a call of the block that it awaits.
  Session& session() { return session_; }
  // The session's; it lives as long as the server.
  IoThread& io() const { return io_; }
  // Releases what was reserved for it, before it is destroyed.
  void ReturnReserved();

  // Its size, once all calls are added.
  int64_t bytes() const { return held_bytes_; }

  const SessionHost& host() const { return host_; }
  Party& party() const { return *party_; }
  const std::shared_ptr<Party>& shared_party() const { return party_; }

  // Gives the last added call its metadata, which is read from `serialized`, a
  // SessionCall that lives as long as the block. Before the call enters.
  void SetMetadata(absl::string_view serialized) {
    metadata_.emplace_back(&call(size_ - 1), serialized);
  }
  // Empty if it has none.
  absl::string_view MetadataOf(const SessionCall& call) const;

  // Who makes its calls; null: nobody asks. Before the calls enter.
  void SetCaller(SharedIdentity caller) { caller_ = std::move(caller); }
  // The same for the last added call, which has a token of its own.
  void SetCallerOf(const SessionCall& call, SharedIdentity caller) {
    if (own_callers_ == nullptr) own_callers_ = std::make_unique<OwnCallers>();
    own_callers_->emplace_back(&call, std::move(caller));
  }
  const Identity* CallerOf(const SessionCall& call) const;

  // Gives the last added call its span. Before the calls enter.
  void SetTraceOf(SessionCall& call, std::unique_ptr<CallTrace> trace);
  // Null: it is not traced.
  CallTrace* TraceOf(const SessionCall& call) const;

  // The block lives as long as one of its calls, or its maker's reference.
  void AddRef() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref(uint32_t count = 1);

  // The rest is for the I/O thread.

  // Makes the expirer answer each admitted call at its deadline.
  void ArmDeadline(int wheel);
  // `count` of the calls have their answers.
  void Answered(uint32_t count = 1);

 private:
  // A call, and where its metadata is.
  using CallMetadata = std::pair<const SessionCall*, absl::string_view>;
  // Calls with a token of their own, in the order in which they were added.
  using OwnCallers = std::vector<std::pair<const SessionCall*, SharedIdentity>>;
  // Those that are traced, in the same order.
  using Traces =
      std::vector<std::pair<const SessionCall*, std::unique_ptr<CallTrace>>>;

  SessionBlock(Session& session, const SessionHost& host,
               std::shared_ptr<Party> party, SessionMemory memory,
               SessionBytes bytes);
  ~SessionBlock();

  SessionCall* At(size_t index) {
    return reinterpret_cast<SessionCall*>(this + 1) + index;
  }
  void Hold() override {}  // An armed block has a reference.
  void OnDue() override;
  void Arm(Moment at);
  // The unanswered call that comes due next.
  SessionCall* NextDue();
  // None for a call that did not enter.
  Deadline DeadlineOf(size_t index);

  Session& session_;
  IoThread& io_;
  const SessionHost& host_;
  // The session may be destroyed before it.
  const std::shared_ptr<Party> party_;
  const SessionMemory memory_;
  const SessionBytes bytes_;
  std::vector<CallMetadata> metadata_;       // Fixed before they enter.
  SharedIdentity caller_;                    // The same.
  std::unique_ptr<OwnCallers> own_callers_;  // Null: none has its own.
  std::unique_ptr<Traces> traces_;           // Null: none is traced.
  std::atomic<uint32_t> references_{1};
  uint32_t size_ = 0;
  bool reserved_ = false;
  int64_t held_bytes_ = 0;

  // Fixed by ArmDeadline().
  Expirer* expirer_ = nullptr;  // The host's; null before.
  int wheel_ = 0;

  // Arranged before the block is armed; the expirer's from then on.
  DueOrder due_;

  // The I/O thread's only.
  uint32_t answered_ = 0;
  // Written by the I/O thread, read by the expirer.
  std::atomic<bool> all_answered_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_CALL_H_
