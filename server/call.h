// SPDX-License-Identifier: Apache-2.0
//
// Call: one request, from its arrival to its one answer.
//
// Threads: its fate and its references are anyone's; what it asks for is fixed
//          when it enters; the answer is written by who won its fate, and read
//          by its transport after Deliver().
// Life:    counted references: one for the transport, until the answer has
//          left, and, once it is admitted, one for its lane, until its node is
//          out of the list and its handler has ended. So what a handler looks
//          at is there even when the call was answered without it.
// Use:     a transport derives from it; lanes know only this.
#ifndef PINION_SERVER_CALL_H_
#define PINION_SERVER_CALL_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/clock.h"
#include "core/task.h"
#include "core/work_item.h"
#include "server/answer.h"
#include "server/credit.h"
#include "server/fate.h"
#include "server/hosted_service.h"

namespace pinion {

class Call : public WorkItem {
 public:
  using Metadata = std::pair<std::string, std::string>;

  void AddRef() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    // Release, with the acquire of the last: it destroys what all have left.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
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

  // What the server holds because of the call, until it is gone: its place and
  // its request; and its answer, which is charged by who gives it.
  void HoldCredit(Credit* credit, int64_t bytes) {
    credit_ = credit;
    charged_bytes_ = bytes;
  }
  void ChargeAnswer() {
    if (credit_ == nullptr) return;
    const auto bytes = static_cast<int64_t>(answer.payload.size());
    credit_->Charge(bytes);
    charged_bytes_ += bytes;
  }
  void ReturnCredit() {
    if (credit_ != nullptr) credit_->Return(1, charged_bytes_);
    credit_ = nullptr;
  }

  // What its transport says of it before it enters, and is fixed from then on.
  // `request` and `metadata` look into what lives as long as the call.
  const HostedMethod* method = nullptr;
  absl::string_view request;  // Serialized.
  absl::Span<const Metadata> metadata;
  std::optional<Moment> deadline;
  bool in_session = false;
  bool wants_timing = false;

  // What is decided when it enters, and fixed from then on.
  bool inside = false;  // The door counts it.
  int worker = -1;      // -1: it was not routed.
  TaskClass task_class = TaskClass::kNormal;
  Moment accepted;

  Fate fate;
  Answer answer;

 protected:
  virtual ~Call() { ReturnCredit(); }

  // Nobody refers to it any more: it ends.
  virtual void OnUnreferenced() { delete this; }

 private:
  std::atomic<uint32_t> references_{1};
  // The door's; null while it holds nothing. The bytes are written by who gives
  // the answer, before Deliver().
  Credit* credit_ = nullptr;
  int64_t charged_bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_H_
