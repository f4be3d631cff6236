// SPDX-License-Identifier: Apache-2.0
//
// RoutedCall: one request, from its arrival to its one answer.
//
// Threads: its fate and its references are anyone's; what it asks for is fixed
//          when it enters; the answer is written by who won its fate, and read
//          by its transport after Deliver().
// Life:    counted references: one for the transport, until the answer has
//          left, and, once it is admitted, one for its lane, until its node is
//          out of the list and its handler has ended. So what a handler looks
//          at is there even when the call was answered without it.
// Use:     a transport derives from it; lanes know only this.
#ifndef PINION_SERVER_ROUTED_CALL_H_
#define PINION_SERVER_ROUTED_CALL_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/clock.h"
#include "core/task.h"
#include "core/work_item.h"
#include "server/answer.h"
#include "server/credit.h"
#include "server/deadline.h"
#include "server/fate.h"
#include "server/hosted_service.h"

namespace pinion {

class StreamSink;

// What of a call is small. It stands first, where the alignment of a WorkItem
// would leave a hole.
struct CallHead {
  std::atomic<uint32_t> references{1};
  Fate fate;

  // What its transport says of it before it enters, and is fixed from then on.
  bool in_session : 1 = false;
  bool wants_timing : 1 = false;
  // What is decided when it enters, and fixed from then on.
  bool admitted : 1 = false;      // Of a session's: it may be taken.
  bool inside : 1 = false;        // The door counts it.
  bool holds_credit : 1 = false;  // Of the door; until nobody refers to it.
  TaskClass task_class : 3 = TaskClass::kNormal;  // Of signed numbers.
  int16_t worker = -1;                            // -1: it was not routed.
};
static_assert(sizeof(CallHead) == 8);

class RoutedCall : public CallHead, public WorkItem {
 public:
  using Metadata = std::pair<std::string, std::string>;

  void AddRef() { references.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    // Release, with the acquire of the last: it destroys what all have left.
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      // Nothing is written where others may look: see SessionBlock::OnDue().
      if (holds_credit) credit().Return(1, charged_bytes_);
      OnUnreferenced();
    }
  }

  // Has the transport send `answer`. By who won the fate, once.
  virtual void Deliver() = 0;

  // How large a message `answer`, which is OK, makes; at most so much more than
  // its payload if it is that alone.
  static constexpr size_t kMostBesidePayload = 32;
  virtual size_t MessageSize(const Answer& answer) const {
    return answer.payload.size();
  }

  // As the client sent it; looks into what lives as long as the call.
  virtual absl::Span<const Metadata> metadata() const { return {}; }

  // Where the messages of a stream go; null if it is none.
  virtual StreamSink* sink() { return nullptr; }

  // The door's by which it enters.
  virtual Credit& credit() const = 0;

  // What the server holds because of the call, until it is gone: its place and
  // its request, which were reserved; and its answer, which is charged by who
  // gives it.
  void HoldCredit() {
    holds_credit = true;
    charged_bytes_ = request_size_;
  }
  void ChargeAnswer() {
    if (!holds_credit) return;
    credit().Charge(static_cast<int64_t>(answer.payload.size()));
    // Two messages at most; each has less than 2 GiB.
    charged_bytes_ += static_cast<uint32_t>(answer.payload.size());
  }
  // Of a call that did not enter after all.
  void ReturnCredit() {
    if (holds_credit) credit().Return(1, charged_bytes_);
    holds_credit = false;
  }

  // Serialized; looks into what lives as long as the call. Fixed before it
  // enters, as its method is.
  absl::string_view request() const { return {request_, request_size_}; }
  void set_request(absl::string_view request) {
    request_ = request.data();
    request_size_ = static_cast<uint32_t>(request.size());
  }

  const HostedMethod* method = nullptr;
  Deadline deadline;  // Fixed when it enters, too.
  Moment accepted;
  Answer answer;

 protected:
  virtual ~RoutedCall() = default;

  // Nobody refers to it any more: it ends.
  virtual void OnUnreferenced() { delete this; }

 private:
  const char* request_ = nullptr;
  uint32_t request_size_ = 0;
  // Of the credit that it holds. Written by who gives the answer, before
  // Deliver().
  uint32_t charged_bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_ROUTED_CALL_H_
