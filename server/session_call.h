// SPDX-License-Identifier: Apache-2.0
//
// SessionCall: a call that came within a session; SessionBlock: the calls of
//              one message of it, in one piece of memory, with what they look
//              into.
//
// Threads: a block is made on its session's I/O thread; its calls are as
//          RoutedCall says. Both stay until the last call of the block is gone.
// Deadlines: a block has one entry with the expirer, at the earliest deadline
//          of its calls that have no answer yet.
// Example: SessionBlock* block = SessionBlock::Make(session, bytes, count);
//          SessionCall* call = block->Add();    // count times at most
//          block->AllAdded();
#ifndef PINION_SERVER_SESSION_CALL_H_
#define PINION_SERVER_SESSION_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/wire/session_answer.h"
#include "server/expirer.h"
#include "server/io_thread.h"
#include "server/routed_call.h"

namespace pinion {

class Session;
class SessionBlock;
struct SessionHost;

// A message as it came, at a place that does not change.
struct SessionBytes {
  // Copies: what gRPC has may be a small part of what it read at once, and
  // would hold all of that.
  explicit SessionBytes(const grpc::ByteBuffer& message);

  absl::string_view view() const { return {data.get(), size}; }

  size_t size;
  std::unique_ptr<char[]> data;
};

class SessionCall final : public RoutedCall, public IoDelivery {
 public:
  explicit SessionCall(SessionBlock& block) : block_(block) {
    in_session = true;
  }
  ~SessionCall() override = default;

  void Deliver() override;
  size_t MessageSize(const Answer& answer) const override;

  // `answer` as the client is told it; looks into it, and into `trailing`.
  OutgoingAnswer Outgoing(const Answer& answer,
                          std::vector<MetadataView>& trailing) const;

  absl::Span<const Metadata> metadata() const override;
  Credit& credit() const override;

  SessionBlock& block() { return block_; }

  // The client's.
  uint64_t id() const { return room_; }
  void set_id(uint64_t id) { room_ = id; }

 private:
  void OnDelivered() override;
  void OnUnreferenced() override;

  SessionBlock& block_;
};

// What waits by the hundred thousand is small; what is rare stands elsewhere.
static_assert(sizeof(SessionCall) <= 128);

// Aligned as what stands behind it.
class alignas(alignof(SessionCall)) SessionBlock final
    : private DeadlineWheel::Item {
 public:
  // A block of `session` with room for `calls` calls, which look into `bytes`.
  static SessionBlock* Make(Session& session, const SessionHost& host,
                            SessionBytes bytes, size_t calls);

  // The next call.
  SessionCall* Add() { return new (At(size_++)) SessionCall(*this); }
  // Before any of the calls enters or goes: they are all. Once.
  void AllAdded() {
    references_.fetch_add(static_cast<uint32_t>(size_),
                          std::memory_order_relaxed);
  }

  size_t size() const { return size_; }
  SessionCall& call(size_t index) { return *At(index); }
  Session& session() { return session_; }
  int64_t bytes() const { return static_cast<int64_t>(bytes_.size); }

  const SessionHost& host() const { return host_; }

  // The metadata of the call that was added last; before it enters.
  void SetMetadata(std::vector<RoutedCall::Metadata> metadata) {
    metadata_.emplace(&call(size_ - 1), std::move(metadata));
  }
  absl::Span<const RoutedCall::Metadata> MetadataOf(
      const SessionCall& call) const {
    const auto found = metadata_.find(&call);
    if (found == metadata_.end()) return {};
    return found->second;
  }

  // The block is there as long as one of its calls, or who made it.
  void AddRef() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref();

  // On the I/O thread, the rest.

  // Has the expirer answer those that were admitted, each at its deadline.
  void ArmDeadline(int wheel);
  // One of the calls has its answer.
  void Answered();
  // The answer of one of the calls is in a message. True for the last.
  bool Closed() { return ++closed_ == size_; }

 private:
  SessionBlock(Session& session, const SessionHost& host, SessionBytes bytes)
      : session_(session), host_(host), bytes_(std::move(bytes)) {}
  ~SessionBlock() = default;

  SessionCall* At(size_t index) {
    return reinterpret_cast<SessionCall*>(this + 1) + index;
  }
  void Hold() override {}  // What is armed has a reference.
  void OnDue() override;
  void Arm(Moment at);
  std::optional<Moment> EarliestDeadline();

  Session& session_;
  const SessionHost& host_;
  const SessionBytes bytes_;
  // Of the calls that have any; fixed before they enter.
  std::map<const SessionCall*, std::vector<RoutedCall::Metadata>> metadata_;
  std::atomic<uint32_t> references_{1};
  size_t size_ = 0;

  // Fixed by ArmDeadline().
  Expirer* expirer_ = nullptr;  // The host's; null before.
  int wheel_ = 0;

  // The I/O thread's.
  size_t answered_ = 0;
  size_t closed_ = 0;
  // Written by the I/O thread, read by the expirer.
  std::atomic<bool> all_answered_{false};
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_CALL_H_
