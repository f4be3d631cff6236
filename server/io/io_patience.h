// SPDX-License-Identifier: Apache-2.0
//
// IoPatience: reports operations that take too long on one I/O thread. All have
//             the same limit, so one timer serves any number.
//
// Threads: its I/O thread only.
// Example: struct Call : IoPatience::Wait { void OnOverdue() override; };
//          patience.Begin(call);
//          ...
//          patience.End(call);              // In time, or OnOverdue() runs.
#ifndef PINION_SERVER_IO_IO_PATIENCE_H_
#define PINION_SERVER_IO_IO_PATIENCE_H_

#include <chrono>

#include "pinion/core/base/linked_list.h"
#include "pinion/core/clock.h"
#include "pinion/server/io/io_operation.h"
#include "pinion/server/io/io_thread.h"

namespace pinion {

class IoPatience {
 public:
  class Wait;

  // Its place among the others.
  class Hook : public ListHook<Wait> {
   public:
    Hook() = default;
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

   private:
    friend class IoPatience;

    Moment begun_;
  };

  // An operation. Must not be destroyed between Begin() and End().
  class Wait : public Hook {
   public:
    // It has taken too long, and counts as ended. May begin and end others, and
    // itself.
    virtual void OnOverdue() = 0;

   protected:
    ~Wait() = default;
  };

  // Each operation may take `max`.
  IoPatience(IoThread& io, std::chrono::nanoseconds max);

  void Begin(Wait& wait);
  // Does nothing if it has ended.
  void End(Wait& wait);

  // Reports none any more, so that the I/O thread's queue can end.
  void Stop();

 private:
  void OnTimer(bool ok);

  const std::chrono::nanoseconds max_;
  const Clock clock_;  // The machine's, like the timer's.
  IoTimer<IoPatience> timer_;
  bool stopped_ = false;
  // In the order of their start, in which they become overdue.
  LinkedQueue<Wait> waits_;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_IO_PATIENCE_H_
