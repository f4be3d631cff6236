// SPDX-License-Identifier: Apache-2.0
//
// TimerQueue: the timers of one worker, by the time when they are due.
//
// Threads: its worker only.
// Cost:    arming, moving and disarming take time that grows with the logarithm
//          of the number of armed timers; looking at the next one takes
//          constant time. Each armed timer takes 16 bytes, and no step is
//          delayed by making room for more.
// Example: timers.Arm(timer, clock.Now() + span);
//          while (Timer* timer = timers.PopDue(clock.Now())) Fire(*timer);
//
// A heap with four children for each entry: half as deep as one with two, and
// the children share a cache line (after D. B. Johnson, "Priority queues with
// update and finding minimum spanning trees", 1975).
#ifndef PINION_CORE_TIMER_QUEUE_H_
#define PINION_CORE_TIMER_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "pinion/core/chunked_vector.h"
#include "pinion/core/clock.h"

namespace pinion {

// The base class of timers. Disarm it before you destroy it.
class Timer {
 public:
  bool armed() const { return index_ != kNowhere; }

 private:
  friend class TimerQueue;
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();
  uint32_t index_ = kNowhere;  // Its place in the heap.
};

class TimerQueue {
 public:
  // Arms `timer` for `at`, whether it was armed before or not. All armed timers
  // must lie within the 292 years that moments can compare.
  void Arm(Timer& timer, Moment at) {
    if (!timer.armed()) {
      heap_.push_back({});
      SiftUp(heap_.size() - 1, {.at = at, .timer = &timer});
    } else if (at < heap_[timer.index_].at) {
      SiftUp(timer.index_, {.at = at, .timer = &timer});
    } else {
      SiftDown(timer.index_, {.at = at, .timer = &timer});
    }
  }

  // Disarms `timer`, if it is armed.
  void Disarm(Timer& timer) {
    if (!timer.armed()) return;
    const size_t hole = timer.index_;
    timer.index_ = Timer::kNowhere;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (hole == heap_.size()) return;
    if (hole > 0 && last.at < heap_[Parent(hole)].at) {
      SiftUp(hole, last);
    } else {
      SiftDown(hole, last);
    }
  }

  // Call it when a timer was copied to another place in memory.
  void Moved(Timer& timer) {
    if (timer.armed()) heap_[timer.index_].timer = &timer;
  }

  // Takes the timer that has been due the longest; null if none is due at
  // `now`.
  Timer* PopDue(Moment now) {
    if (empty() || heap_[0].at > now) return nullptr;
    Timer* timer = heap_[0].timer;
    Disarm(*timer);
    return timer;
  }

  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }

  // When the next timer is due.
  std::optional<Moment> Next() const {
    if (empty()) return std::nullopt;
    return heap_[0].at;
  }

 private:
  struct Entry {
    Moment at;
    Timer* timer;
  };
  static constexpr size_t kChildren = 4;

  static size_t Parent(size_t index) { return (index - 1) / kChildren; }

  void Put(size_t index, const Entry& entry) {
    heap_[index] = entry;
    entry.timer->index_ = static_cast<uint32_t>(index);
  }

  // Puts `entry` at `hole` or above, where no parent is due later.
  void SiftUp(size_t hole, const Entry& entry) {
    while (hole > 0 && entry.at < heap_[Parent(hole)].at) {
      Put(hole, heap_[Parent(hole)]);
      hole = Parent(hole);
    }
    Put(hole, entry);
  }

  // Puts `entry` at `hole` or below, where no child is due earlier.
  void SiftDown(size_t hole, const Entry& entry) {
    for (;;) {
      size_t first = hole * kChildren + 1;
      const size_t end = std::min(first + kChildren, heap_.size());
      if (first >= end) break;
      for (size_t child = first + 1; child < end; ++child) {
        if (heap_[child].at < heap_[first].at) first = child;
      }
      if (heap_[first].at >= entry.at) break;
      Put(hole, heap_[first]);
      hole = first;
    }
    Put(hole, entry);
  }

  ChunkedVector<Entry> heap_;
};

}  // namespace pinion

#endif  // PINION_CORE_TIMER_QUEUE_H_
