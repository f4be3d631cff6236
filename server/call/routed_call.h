// SPDX-License-Identifier: Apache-2.0
//
// RoutedCall: one request, from its arrival to its one answer.
//
// Threads: any thread may use its fate and its references. Its request is fixed
//          when it enters. The thread that won its fate writes the answer, and
//          its transport reads the answer after Deliver().
// Life:    counted references. The transport has one until the answer has left.
//          Once the call is admitted, its lane has one until the node is out of
//          the list and the handler has ended. So what a handler looks at stays
//          valid even if the call was answered in its place.
// Use:     a transport derives from it; lanes know only this class.
#ifndef PINION_SERVER_CALL_ROUTED_CALL_H_
#define PINION_SERVER_CALL_ROUTED_CALL_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/core/clock.h"
#include "pinion/core/task.h"
#include "pinion/core/work_item.h"
#include "pinion/server/call/deadline.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/holding.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/party/party.h"

namespace pinion {

class AnswerBuffer;
class CallTrace;
class Identity;
class StreamSink;

// The small fields of a call. They come first, where the alignment of a
// WorkItem would leave a hole.
struct CallHead {
  std::atomic<uint32_t> references{1};
  Fate fate;

  // Set by the transport before the call enters, and fixed from then on.
  bool in_session : 1 = false;
  bool wants_timing : 1 = false;
  bool traced : 1 = false;  // It has a trace().
  // Set by the lane that admits it, before others see it: Lanes::Revoke() is
  // allowed.
  bool admitted : 1 = false;
  // Decided when the call enters, and fixed from then on.
  bool inside : 1 = false;  // The door counts it.
  // The door's; until the last reference is gone.
  bool holds_credit : 1 = false;
  TaskClass task_class : 2 = TaskClass::kNormal;
  int16_t worker = -1;  // -1: not routed.
};
static_assert(sizeof(CallHead) == 8);

class RoutedCall : public CallHead, public WorkItem {
 public:
  using MetadataEntry = std::pair<std::string, std::string>;

  void AddRef() { references.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (DropReferences(1)) {
      // Its place is free when its memory is, which may be the party's memory
      // as well. Nothing is written where other threads may look: see
      // SessionBlock::OnDue().
      const Held held = held_now();
      if (held.calls == 0 && held.bytes == 0) return OnUnreferenced();
      Credit& credit_held = credit();
      if (Holding* const party = party_held()) {
        party->Remove(held.calls, held.bytes);
      }
      OnUnreferenced();
      credit_held.Return(held.calls, held.bytes);
    }
  }

  // Drops `count` references of the caller. True if they were the last: the
  // caller must release what the call holds, and destroy it.
  bool DropReferences(uint32_t count) {
    // Acquire: the last sees what all others did before they released it, and
    // nobody can add a reference without having one. Else release, with that.
    return references.load(std::memory_order_acquire) == count ||
           references.fetch_sub(count, std::memory_order_acq_rel) == count;
  }

  // Makes the transport send `answer`. Called once, by the thread that won the
  // fate.
  virtual void Deliver() = 0;

  // By what several answers leave together: the call's session. Null: each
  // answer leaves alone. Never its party, which may have many sessions.
  virtual const void* answered_by() const { return nullptr; }
  // If there is that: a buffer for up to `entries` of the answers to this call
  // and others with the same answered_by(), with `bytes` bytes, for which
  // `reserved` bytes of credit() are reserved. Null if the answer must leave
  // alone.
  virtual AnswerBuffer* MakeAnswerBuffer(uint32_t /*entries*/,
                                         uint32_t /*bytes*/,
                                         int64_t /*reserved*/) {
    return nullptr;
  }
  // The size of the message for `answer`, which is OK. It is at most
  // kMaxBesidePayload larger than the payload if the message carries nothing
  // else.
  static constexpr size_t kMaxBesidePayload = 32;
  virtual size_t MessageSize(const Answer& answer) const {
    return answer.payload.size();
  }

  // The metadata as the client sent it. The result points into memory that
  // lives as long as the call, or into `room`, which is empty or as this call
  // left it.
  virtual absl::Span<const MetadataEntry> metadata(
      std::vector<MetadataEntry>& /*room*/) const {
    return {};
  }

  // The receiver of a stream's messages; null if the call is not a stream.
  virtual StreamSink* sink() { return nullptr; }

  // Called by the worker of a stream that its handler has left open: from now
  // on nothing reads the request's bytes.
  virtual void OnLeftOpen() {}

  // The credit of the door by which it enters.
  virtual Credit& credit() const = 0;

  // The client that is answerable for the call; null if it cannot be told from
  // others. The call then shares no limit with other calls.
  virtual Party* party() const { return nullptr; }
  // Who makes the call, as far as that is proven; null if nobody has asked.
  // Fixed when it enters; lives as long as the call.
  virtual const Identity* identity() const { return nullptr; }
  // Its span, if it is `traced`. Fixed when it enters; lives as long as the
  // call.
  virtual CallTrace* trace() const { return nullptr; }
  // What the party holds of credit().
  Holding* party_held() const {
    Party* const its = party();
    return its != nullptr ? &its->held() : nullptr;
  }

  // Records what the server holds for the call until the call is destroyed: its
  // place and its request, which the door has reserved.
  void HoldCredit() { holds_credit = true; }
  // The same for its answer, with the room reserved for it. Called by the
  // thread that answers, before Deliver().
  void HoldAnswer(int64_t bytes) {
    answer_bytes_ = static_cast<uint32_t>(bytes);
  }
  // For the transport, after Deliver(): it releases the answer's bytes from now
  // on.
  int64_t TakeAnswerBytes() { return std::exchange(answer_bytes_, 0); }

  // The bytes reserved with its place: its request and its metadata. A
  // session's calls hold theirs together; see FrontDoor::EnterAll().
  int64_t own_bytes() const {
    return in_session ? 0 : request_size_ + metadata_bytes();
  }

  // Called when the server is destroyed before the call: the server then holds
  // nothing for it. Called before the holder releases the call, under a lock
  // that both take.
  virtual void LeaveServer() { ReturnCredit(); }

  // For a call that did not enter after all.
  void ReturnCredit() {
    const Held held = held_now();
    if (held.calls > 0 || held.bytes > 0) {
      credit().Return(held.calls, held.bytes, party_held());
    }
    holds_credit = false;
    answer_bytes_ = 0;
  }

  // The serialized request. It points into memory that lives as long as the
  // call. Fixed before the call enters, like its method.
  absl::string_view request() const { return {request_, request_size_}; }
  void set_request(absl::string_view request) {
    request_ = request.data();
    request_size_ = static_cast<uint32_t>(request.size());
  }

  // Fixed before the call enters.
  const ServedMethod* served = nullptr;
  const HostedMethod& method() const { return served->method; }

  Deadline deadline;  // Fixed when the call enters.
  Moment accepted;
  Answer answer;

 protected:
  virtual ~RoutedCall() = default;

  // Whether everything that the server held for the call was released before
  // the call is destroyed. The remaining references then cost only memory.
  virtual bool credit_is_returned() const { return false; }

  // The first part of that: the request's bytes are released.
  void ReturnRequestBytes() {
    if (holds_credit) credit().Return(0, request_size_, party_held());
  }
  // The rest of it, for a call whose answer has no reserved room: a stream.
  void ReturnRest() {
    if (holds_credit) credit().Return(1, metadata_bytes(), party_held());
  }

  // What its metadata counts among own_bytes(). Fixed before the call enters.
  virtual int64_t metadata_bytes() const { return 0; }

  // Called when the last reference is gone.
  virtual void OnUnreferenced() { delete this; }

 private:
  struct Held {
    int64_t calls;
    int64_t bytes;
  };
  // The part of the credit that is held for the call.
  Held held_now() const {
    if (!holds_credit || credit_is_returned()) return {0, answer_bytes_};
    return {1, own_bytes() + answer_bytes_};
  }

  const char* request_ = nullptr;
  uint32_t request_size_ = 0;
  // The room reserved for its answer. Written by the thread that answers,
  // before Deliver(); the transport's from then on.
  uint32_t answer_bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_ROUTED_CALL_H_
