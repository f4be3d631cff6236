// SPDX-License-Identifier: Apache-2.0
//
// CallbackBatch: what the callbacks of a link start on the thread that runs
//                them. That thread submits it when they have returned: it makes
//                one message, and the link is locked once for all.
//
// Threads: the one that makes it, and for which it is the batch until it is
//          destroyed. Calls are reserved and handled under the owner's lock;
//          StartReserved() needs no lock.
// Example: CallbackBatch batch(this);
//          { MutexLock lock(mutex_); ... batch.Reserve(calls_.Add()); }
//          call.done(reply);     // It starts calls:
//              CallbackBatch* batch = CallbackBatch::Of(this);
//              if (batch != nullptr) call = batch->StartReserved(method);
//          { MutexLock lock(mutex_); ... batch.started() ... batch.Clear(); }
#ifndef PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_
#define PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {

class CallbackBatch {
 public:
  explicit CallbackBatch(const void* owner)
      : owner_(owner), before_(std::exchange(current, this)) {}
  ~CallbackBatch() { current = before_; }
  CallbackBatch(const CallbackBatch&) = delete;
  CallbackBatch& operator=(const CallbackBatch&) = delete;

  // This thread's, if it runs callbacks of `owner`; else null.
  static CallbackBatch* Of(const void* owner) {
    CallbackBatch* const batch = current;
    return batch != nullptr && batch->owner_ == owner ? batch : nullptr;
  }

  // The method of the calls that are reserved. Its name must not move.
  void SetMethod(uint32_t index, absl::string_view name) {
    method_index_ = index;
    method_ = name;
  }
  // Reserves a new call, which may then be started without the lock.
  void Reserve(ClientCall& call) {
    call.state = CallState::kReserved;
    reserved_.push_back(&call);
  }
  // A reserved call, which counts as started, for the caller to fill; null if
  // there is none for the method.
  ClientCall* StartReserved(absl::string_view method) {
    if (reserved_.empty() || method_ != method) return nullptr;
    ClientCall* const call = reserved_.back();
    reserved_.pop_back();
    started_.push_back(call);
    call->method = method_index_;
    return call;
  }

  // Reserved calls that were not started, and those that were, in order.
  const std::vector<ClientCall*>& reserved() const { return reserved_; }
  const std::vector<ClientCall*>& started() const { return started_; }
  // Forgets both; their memory stays for the next ones.
  void Clear() {
    reserved_.clear();
    started_.clear();
  }

  // Whether calls were started that were not reserved, and have yet to be sent.
  bool has_more() const { return has_more_; }
  void set_has_more(bool has_more) { has_more_ = has_more; }

 private:
  // This thread's; null: it runs no callbacks.
  static inline thread_local CallbackBatch* current = nullptr;

  const void* const owner_;
  CallbackBatch* const before_;
  absl::string_view method_;
  uint32_t method_index_ = 0;
  std::vector<ClientCall*> reserved_;
  std::vector<ClientCall*> started_;
  bool has_more_ = false;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_
