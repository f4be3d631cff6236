// SPDX-License-Identifier: Apache-2.0
//
// CallbackBatch: what the callbacks of a stream's answers start on the thread
//                that runs them. That thread submits it from time to time: it
//                makes one message, and the link is locked once for all.
//
// Threads: the one that receives the stream's answers. Calls are reserved and
//          submitted under the owner's lock; StartReserved() and Recycle() need
//          no lock.
// Why:     a call that has been answered leaves its slot to the batch, for the
//          next one that a callback starts. So a full loop neither looks for
//          free slots nor gives any back, and its memory is still warm.
// Example: CallbackBatch batch;
//          const CallbackBatch::Scope scope(batch, this);
//          { MutexLock lock(mutex_); ... batch.Reserve(calls_.Add()); }
//          call.done(reply);     // It starts calls:
//              CallbackBatch* batch = CallbackBatch::Of(this);
//              if (batch != nullptr) call = batch->StartReserved(method);
//          batch.Recycle(call);
//          { MutexLock lock(mutex_); ... batch.started() ... }
#ifndef PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_
#define PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/client/internal/call_table.h"
#include "pinion/client/internal/method_names.h"
#include "pinion/client/internal/recent_time.h"

namespace pinion::client_internal {

class CallbackBatch {
 public:
  // While it exists, this thread runs callbacks of `owner`, and what they start
  // goes into the batch.
  class Scope {
   public:
    Scope(CallbackBatch& batch, const void* owner)
        : before_(std::exchange(current, &batch)) {
      batch.owner_ = owner;
    }
    ~Scope() { current = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallbackBatch* const before_;
  };

  CallbackBatch() = default;
  CallbackBatch(const CallbackBatch&) = delete;
  CallbackBatch& operator=(const CallbackBatch&) = delete;

  // This thread's, if it runs callbacks of `owner`; else null.
  static CallbackBatch* Of(const void* owner) {
    CallbackBatch* const batch = current;
    return batch != nullptr && batch->owner_ == owner ? batch : nullptr;
  }

  // Makes a method known, whose calls may then be started. Its name must not
  // move. The one that was made known before most others is forgotten.
  void Learn(uint32_t index, absl::string_view name) {
    for (const Known& known : known_) {
      if (known.index == index) return;
    }
    last_ = next_++ % kMaxKnown;
    known_[last_] = {name, index};
  }

  // Reserves a new call, which may then be started without the lock.
  void Reserve(ClientCall& call) {
    call.state = CallState::kReserved;
    reserved_.push_back(&call);
  }
  // Reserves a call of this thread that is over, once its callback has
  // returned: CallTable::Reuse() has made it kReserved.
  void Recycle(ClientCall& call) {
    if (call.extras != nullptr) call.extras = nullptr;
    call.payload.Trim();
    reserved_.push_back(&call);
  }
  // A reserved call, which counts as started, for the caller to fill; null if
  // there is none, or the method is not known.
  ClientCall* StartReserved(absl::string_view method) {
    if (reserved_.empty()) return nullptr;
    const uint32_t index = IndexOf(method);
    if (index == 0) return nullptr;
    ClientCall* const call = reserved_.back();
    reserved_.pop_back();
    started_.push_back(call);
    call->method = index;
    return call;
  }

  // Reserved calls that were not started, and those that were, in order. The
  // owner takes them.
  std::vector<ClientCall*>& reserved() { return reserved_; }
  std::vector<ClientCall*>& started() { return started_; }

  // For the deadlines of calls that start.
  RecentTime& time() { return time_; }

  // Begins to count the calls that are started without being reserved, for lack
  // of them; counts one; whether there is any call that has yet to be sent.
  void CountLacking() { lacking_ = 0; }
  void CountOne() { lacking_ = std::min(kMostLacking, 2 * lacking_ + 1); }
  bool has_more() const { return lacking_ > 0 || !started_.empty(); }
  // So many more calls should be reserved: the more were lacking, the more a
  // callback seems to start.
  size_t lacking() const { return lacking_; }

 private:
  struct Known {
    absl::string_view name;
    uint32_t index = 0;  // 0: none.
  };
  static constexpr size_t kMaxKnown = 8;
  static constexpr size_t kMostLacking = 63;

  // 0: it is not known.
  uint32_t IndexOf(absl::string_view method) {
    // Mostly it is that of the call before.
    if (SameName(known_[last_].name, method)) return known_[last_].index;
    for (size_t i = 0; i < kMaxKnown; ++i) {
      if (!SameName(known_[i].name, method)) continue;
      last_ = i;
      return known_[i].index;
    }
    return 0;
  }

  // This thread's; null: it runs no callbacks.
  static inline thread_local CallbackBatch* current = nullptr;

  const void* owner_ = nullptr;
  std::array<Known, kMaxKnown> known_;
  size_t next_ = 0;  // Where the next method goes.
  size_t last_ = 0;  // The one that was started last.
  std::vector<ClientCall*> reserved_;
  std::vector<ClientCall*> started_;
  RecentTime time_;
  size_t lacking_ = 0;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CALLBACK_BATCH_H_
