// SPDX-License-Identifier: Apache-2.0
//
// AnswerBuffer: OK answers of one worker to calls of one client, in the form in
//               which they go over the wire, on their way to the client's I/O
//               thread.
//
// Threads: a worker makes it, adds, releases and closes. The I/O thread takes
//          what is released, also while the worker adds more.
// Order:   the I/O thread takes the answers in the order in which they were
//          added.
// Release: an answer that was added stays with the worker, and its call runs
//          on, until Release(): the call may still be answered otherwise, at
//          its deadline, by a cancel or by a stop, and its answer is then left
//          out. So answers can wait for a condition, such as the end of the
//          batch. Drop() gives them up.
// Notices: the first release after a look of the I/O thread tells it to look.
//          So one notice is enough for what is released until then.
// Life:    deleted by whoever is last: the worker in Close(), or the I/O thread
//          when it has taken everything of a closed one.
// Why:     an answer of its own would cost each call memory, a copy, and a push
//          to the I/O thread.
// Example: uint8_t* at = buffer->Add(call, response.GetCachedSize());
//          response.SerializeWithCachedSizesToArray(at);
//          buffer->Release([](RoutedCall& call) { return call.Finish(); });
//          ...
//          buffer->Close();
#ifndef PINION_SERVER_CALL_ANSWER_BUFFER_H_
#define PINION_SERVER_CALL_ANSWER_BUFFER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call/routed_call.h"

namespace pinion {

class AnswerBuffer {
 public:
  // The largest response that it takes. A larger one is not copied again, so it
  // leaves on its own.
  static constexpr size_t kMaxResponse = 2048;
  // What an answer takes at most beside its response.
  static constexpr size_t kMaxHead = 24;

  // What a buffer takes beside its entries and bytes, at most.
  static constexpr int64_t kObjectBytes = 160;

  struct Entry {
    RoutedCall* call;  // Null: it was answered otherwise.
    uint32_t end;      // Where its bytes end, and the next one's begin.
  };

  AnswerBuffer(const AnswerBuffer&) = delete;
  AnswerBuffer& operator=(const AnswerBuffer&) = delete;

  // The memory of a buffer.
  static int64_t BytesOf(uint32_t entries, uint32_t bytes) {
    return kObjectBytes + static_cast<int64_t>(entries * sizeof(Entry)) + bytes;
  }

  // ---- For the worker ----

  // Whether it takes one more answer, with a response of so many bytes.
  bool HasRoomFor(size_t response_bytes) const {
    return added_ < max_entries_ &&
           used_ + kMaxHead + response_bytes <= max_bytes_;
  }
  // Adds the answer of `call`, whose response has `size` bytes, for which there
  // must be room. Returns where the caller must write these before it does
  // anything else. Takes over the worker's reference to the call.
  uint8_t* Add(RoutedCall& call, size_t size) {
    PINION_DCHECK(HasRoomFor(size), "an answer without room");
    uint8_t* const at = WriteHead(call, size, bytes_ + used_);
    used_ = static_cast<uint32_t>(at - bytes_ + size);
    entries_[added_++] = {&call, used_};
    return at;
  }
  // Whether answers wait to be released.
  bool holds() const { return added_ > released_; }
  // The call of the first of them.
  const RoutedCall* first_held() const { return entries_[released_].call; }
  // Releases what was added. `finish(call)` answers the call with it; false if
  // the call is answered already, and is `finish`'s.
  template <typename Finish>
  void Release(const Finish& finish) {
    uint32_t live = released_;  // The end of the last that is left.
    for (uint32_t i = released_; i < added_; ++i) {
      RoutedCall& call = *std::exchange(entries_[i].call, nullptr);
      if (!finish(call)) continue;
      entries_[i].call = &call;
      live = i + 1;
    }
    Shorten(live);
    if (live > released_) Publish();
  }
  // Drops what was added and not released, and calls `on_dropped(call)` for
  // each: the call, with the worker's reference, is the caller's again.
  template <typename OnDropped>
  void Drop(const OnDropped& on_dropped) {
    for (uint32_t i = released_; i < added_; ++i) on_dropped(*entries_[i].call);
    Shorten(released_);
  }
  // No more answers come, and none waits. The worker must not use it again.
  void Close() {
    PINION_DCHECK(!holds(), "answers are lost with their buffer");
    // Release, with the acquire of whoever deletes it.
    const uint32_t was = word_.fetch_or(kClosed, std::memory_order_acq_rel);
    if ((was & kIdle) != 0) delete this;
  }

  // ---- For the I/O thread ----

  // Called once for each notice: shows what was released until now. Returns how
  // many answers are new.
  uint32_t Look() {
    // Acquire, with the release in Publish().
    const uint32_t was = word_.fetch_and(~kTold, std::memory_order_acq_rel);
    return CountOf(was) - std::exchange(seen_, CountOf(was));
  }
  // The answers that were seen and are not taken, and where the bytes of the
  // first begin.
  absl::Span<const Entry> seen() const {
    return {entries_ + taken_, seen_ - taken_};
  }
  size_t seen_begin() const { return EndOf(taken_); }
  size_t seen_bytes() const { return EndOf(seen_) - EndOf(taken_); }
  absl::string_view bytes(size_t begin, size_t end) const {
    return {reinterpret_cast<const char*>(bytes_) + begin, end - begin};
  }
  // The first `count` of the seen answers are taken. Returns how many bytes of
  // the reserved room belong to them; the caller returns these in time. If that
  // was all, the buffer may be gone from now on.
  int64_t Take(size_t count) {
    const size_t begin = EndOf(taken_);
    taken_ += static_cast<uint32_t>(count);
    const auto bytes = static_cast<int64_t>(EndOf(taken_) - begin);
    reserved_ -= bytes;
    if (taken_ == seen_) RestOrDelete();
    return bytes;
  }

 protected:
  // With room for `max_entries` entries and `max_bytes` bytes, at these
  // addresses, and `reserved` bytes of the server's credit for all of it.
  AnswerBuffer(Entry* entries, uint32_t max_entries, uint8_t* bytes,
               uint32_t max_bytes, int64_t reserved)
      : entries_(entries),
        bytes_(bytes),
        max_entries_(max_entries),
        max_bytes_(max_bytes),
        reserved_(reserved) {}
  // Gives back what is left of the reserved room.
  virtual ~AnswerBuffer() = default;
  int64_t reserved() const { return reserved_; }

 private:
  // The word: bits, and how many answers are released.
  static constexpr uint32_t kTold = 1;    // A notice is under way.
  static constexpr uint32_t kClosed = 2;  // The worker is done with it,
  static constexpr uint32_t kIdle = 4;    // and so is the I/O thread, for now.
  static constexpr uint32_t kOne = 8;
  static uint32_t CountOf(uint32_t word) { return word / kOne; }

  // Writes what comes before the response. Returns where it ended.
  virtual uint8_t* WriteHead(const RoutedCall& call, size_t size,
                             uint8_t* at) const = 0;
  // Makes the I/O thread call Look().
  virtual void Notify() = 0;

  size_t EndOf(uint32_t entries) const {
    return entries == 0 ? 0 : entries_[entries - 1].end;
  }

  // Forgets the entries from `count` on.
  void Shorten(uint32_t count) {
    added_ = count;
    used_ = static_cast<uint32_t>(EndOf(count));
  }

  void Publish() {
    const uint32_t more = added_ - released_;
    released_ = added_;
    // Release, with the acquire in Look().
    const uint32_t was =
        word_.fetch_add(more * kOne, std::memory_order_acq_rel);
    if ((was & kTold) != 0) return;
    // Nobody else changes the word now: the I/O thread was not told to look,
    // and RestOrDelete() sees that more has come.
    word_.fetch_add(kTold - (was & kIdle), std::memory_order_relaxed);
    Notify();
  }

  void RestOrDelete() {
    uint32_t word = word_.load(std::memory_order_acquire);
    do {
      // A notice is under way, or will be.
      if ((word & kTold) != 0 || CountOf(word) != taken_) return;
      if ((word & kClosed) != 0) return Delete();
      // Release, with the acquire in Close().
    } while (!word_.compare_exchange_weak(word, word | kIdle,
                                          std::memory_order_acq_rel,
                                          std::memory_order_acquire));
  }
  void Delete() { delete this; }

  // Fixed at construction.
  Entry* const entries_;
  uint8_t* const bytes_;
  const uint32_t max_entries_;
  const uint32_t max_bytes_;

  // The worker's.
  uint32_t added_ = 0;
  uint32_t released_ = 0;
  uint32_t used_ = 0;

  // Shared.
  std::atomic<uint32_t> word_{kIdle};

  // The I/O thread's; the worker's once the I/O thread is idle.
  uint32_t seen_ = 0;
  uint32_t taken_ = 0;
  int64_t reserved_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_ANSWER_BUFFER_H_
