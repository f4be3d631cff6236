// SPDX-License-Identifier: Apache-2.0
//
// PINION_POINT: the places where threads may overtake each other, for tests.
//
// Threads: anyone reaches points; a test sets the hook while no one does.
// Cost:    none: in a build for use it is nothing at all. Tests that need
//          points are built with them (tests/core/interleaved_test.bzl).
// Example: SetInterleavingHook([&](Point point) {
//            if (point == Point::kAnnounced) lists->Add(0, &late);
//          });
#ifndef PINION_CORE_INTERLEAVING_H_
#define PINION_CORE_INTERLEAVING_H_

#include <functional>

namespace pinion {

// In the order in which an item passes them.
enum class Point {
  // A producer's.
  kAppended,  // The item is in its list; its task has yet to be woken.
  kMarked,    // The task's state says queued; it is not in the inbox yet.
  kPushed,    // The task is in the inbox; its worker may have to be woken.
  // The worker's.
  kSorted,     // What was in the inbox is in the lines of its classes.
  kCleared,    // The state's reasons are taken; the function has yet to run.
  kTaken,      // The list's items are taken.
  kIdle,       // Nothing is ready; the sleep has yet to be announced.
  kAnnounced,  // The sleep is announced, with the second look.
  kSleeping,   // The last look before the kernel's own was made.
  kAwake,      // The sleep has ended.
};

#ifdef PINION_INTERLEAVING_POINTS

// Has `hook` called at each point, on the thread that reaches it; an empty one
// takes it away.
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

#endif  // PINION_CORE_INTERLEAVING_H_
