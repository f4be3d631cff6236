// SPDX-License-Identifier: Apache-2.0
//
// PINION_POINT: the places where threads may overtake each other, for tests.
//
// Threads: any thread may reach a point. A test sets the hook while no thread
//          does.
// Cost:    none: in a normal build it is nothing at all. Tests that need points
//          are built with them (tests/core/interleaved_test.bzl).
// Example: SetInterleavingHook([&](Point point) {
//            if (point == Point::kAnnounced) lists->Add(0, &late);
//          });
#ifndef PINION_CORE_BASE_INTERLEAVING_H_
#define PINION_CORE_BASE_INTERLEAVING_H_

#include <functional>

namespace pinion {

// In the order in which an item passes them.
enum class Point {
  // Of a producer.
  kLinked,    // What is pushed points at what was on top; the swap is to come.
  kAppended,  // The item is in its list; its task is not woken yet.
  kMarked,    // The task's state says queued; it is not in the inbox yet.
  kPushed,    // The task is in the inbox; its worker may have to be woken.
  kWaking,    // It must be woken: the system call comes next.
  // Of the worker.
  kSorted,     // The inbox's tasks are in the queues of their classes.
  kCleared,    // The state's reasons are taken; the function has not run yet.
  kTaken,      // The list's items are taken.
  kIdle,       // Nothing is ready; the sleep is not announced yet.
  kAnnounced,  // The sleep is announced, with the second look.
  kSleeping,   // The last look before the kernel's own was made.
  kAwake,      // The sleep has ended.
};

#ifdef PINION_INTERLEAVING_POINTS

// Calls `hook` at each point, on the thread that reaches it. An empty hook
// removes the present one.
void SetInterleavingHook(std::function<void(Point)> hook);

namespace internal {
void ReachPoint(Point point);
}  // namespace internal

#define PINION_POINT(point) \
  ::pinion::internal::ReachPoint(::pinion::Point::point)

#else
#define PINION_POINT(point) static_cast<void>(0)
#endif

}  // namespace pinion

#endif  // PINION_CORE_BASE_INTERLEAVING_H_
