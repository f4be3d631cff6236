// SPDX-License-Identifier: Apache-2.0
//
// TimerQueue: the timers of one worker, by when they are due.
//
// Threads: its worker's alone.
// Cost:    arming, moving and disarming take the logarithm of how many are
//          armed; looking at the next takes nothing. 16 bytes for each armed.
// Example: timers.Arm(timer, clock.Now() + span);
//          while (Timer* timer = timers.PopDue(clock.Now())) Fire(*timer);
//
// A heap with four children to each entry: half as deep as one with two, and
// the children share a cache line (after D. B. Johnson, "Priority queues with
// update and finding minimum spanning trees", 1975).
#ifndef PINION_CORE_TIMER_QUEUE_H_
#define PINION_CORE_TIMER_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/clock.h"

namespace pinion {

// What can be armed; derive from it. It must be disarmed before it goes.
class Timer {
 public:
  bool armed() const { return index_ != kNowhere; }

 private:
  friend class TimerQueue;
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();
  uint32_t index_ = kNowhere;  // Where in the heap it is.
};

class TimerQueue {
 public:
  // Has `timer` due at `at`, whether it was armed before or not. All armed
  // timers lie within the 292 years that moments can tell apart.
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

  // Takes `timer` out, if it is in.
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

  // Takes the timer out that is due the longest; null if none is due at `now`.
  Timer* PopDue(Moment now) {
    if (empty() || heap_.front().at > now) return nullptr;
    Timer* timer = heap_.front().timer;
    Disarm(*timer);
    return timer;
  }

  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }

  // When the first is due.
  std::optional<Moment> Next() const {
    if (empty()) return std::nullopt;
    return heap_.front().at;
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

  std::vector<Entry> heap_;
};

}  // namespace pinion

#endif  // PINION_CORE_TIMER_QUEUE_H_
