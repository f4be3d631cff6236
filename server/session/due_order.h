// SPDX-License-Identifier: Apache-2.0
//
// DueOrder: the order in which the calls of a block come due.
//
// Threads: the thread that arranges it hands it to the expirer, which does the
//          rest.
// Cost:    arranging takes one look at each call and, if later calls are due
//          earlier, a heap of two bytes for each. Taking the next one takes one
//          look, or a few in a heap. No call is ever looked at again.
// Example: order.Arrange(count, [&](size_t i) { return DeadlineOf(i); });
//          while (auto next = order.Next(deadline_of, waits)) {
//            if (*deadline_of(*next) > now) return Arm(*deadline_of(*next));
//            Expire(*next);               // It does not wait any more.
//          }
#ifndef PINION_SERVER_SESSION_DUE_ORDER_H_
#define PINION_SERVER_SESSION_DUE_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "pinion/core/base/check.h"
#include "pinion/server/call/deadline.h"

namespace pinion {

class DueOrder {
 public:
  static constexpr size_t kMaxCalls = std::numeric_limits<uint16_t>::max();

  // For the calls 0 to `count` - 1. `deadline_of(i)` has no value for a call
  // that never comes due, and always returns the same.
  template <typename DeadlineOf>
  void Arrange(size_t count, const DeadlineOf& deadline_of) {
    PINION_CHECK(count <= kMaxCalls, "a block of ", count, " calls");
    count_ = count;
    std::optional<Moment> latest;
    for (size_t i = 0; i < count; ++i) {
      const Deadline deadline = deadline_of(i);
      if (!deadline.has_value()) continue;
      if (latest.has_value() && *deadline < *latest) {
        return MakeHeap(deadline_of);
      }
      latest = *deadline;
    }
  }

  // The first call to come due of those for which `waits(i)`; skips the others
  // forever. None if no call is left.
  template <typename DeadlineOf, typename Waits>
  std::optional<size_t> Next(const DeadlineOf& deadline_of,
                             const Waits& waits) {
    while (!empty()) {
      const size_t next = Front();
      if (deadline_of(next).has_value() && waits(next)) return next;
      Pop(deadline_of);
    }
    return std::nullopt;
  }

 private:
  template <typename DeadlineOf>
  void Pop(const DeadlineOf& deadline_of) {
    if (is_heap_) {
      std::pop_heap(heap_.begin(), heap_.end(), LaterOf(deadline_of));
      heap_.pop_back();
    } else {
      ++first_;
    }
  }

  bool empty() const { return is_heap_ ? heap_.empty() : first_ == count_; }
  size_t Front() const { return is_heap_ ? heap_.front() : first_; }

  // Whether the first call comes due later than the second.
  template <typename DeadlineOf>
  static auto LaterOf(const DeadlineOf& deadline_of) {
    return [&deadline_of](uint16_t a, uint16_t b) {
      return *deadline_of(a) > *deadline_of(b);
    };
  }

  template <typename DeadlineOf>
  void MakeHeap(const DeadlineOf& deadline_of) {
    is_heap_ = true;
    for (size_t i = 0; i < count_; ++i) {
      if (deadline_of(i).has_value()) {
        heap_.push_back(static_cast<uint16_t>(i));
      }
    }
    std::make_heap(heap_.begin(), heap_.end(), LaterOf(deadline_of));
  }

  // The order of arrival, while calls also come due in that order, as they do
  // if all have the same timeout. The calls from `first_` on are left.
  size_t count_ = 0;
  size_t first_ = 0;

  bool is_heap_ = false;
  std::vector<uint16_t> heap_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_DUE_ORDER_H_
