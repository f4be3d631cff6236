// SPDX-License-Identifier: Apache-2.0
//
// ThreadStacks: the stack of another thread of this process, as the names of
//               its functions.
//
// Threads: any thread may call Take(), but for a thread in a signal handler.
//          One stack is taken at a time; other callers wait for their turn.
// Example: absl::Status prepared = ThreadStacks::Prepare();  // Once, early.
//          absl::StatusOr<std::vector<std::string>> stack =
//              ThreadStacks::Take(worker_thread_id);
//
// Take() sends SIGURG to the thread. Its handler walks the stack there, with
// glibc's backtrace(), into memory that exists already; it allocates nothing
// and takes no lock. The caller then looks up the names of the functions. The
// thread loses 30 to 80 microseconds.
//
// Why SIGURG: a process that does not use it ignores it, so a signal that
//          comes when nobody handles it any more does nothing. Few programs
//          use it, and debuggers let it pass.
// Handlers: Prepare() leaves a handler for SIGURG that the program has set
//          alone: then there are no stacks, and the error says so. If the
//          program sets one later, Take() sends nothing and says that. Ours
//          ignores each SIGURG that no Take() has sent, as the process does
//          without it. It stays until the process ends.
// Interrupted calls: the signal interrupts a system call that the thread waits
//          in. The kernel restarts most of them (SA_RESTART). Others return
//          EINTR, as after any signal: nanosleep(), poll(), epoll_wait(),
//          select(), pause(), sem_timedwait(), and reads and writes of sockets
//          with a timeout. See signal(7).
// Sanitizers: ThreadSanitizer delivers a signal when its thread blocks or takes
//          its next atomic step, so a thread that only computes does not answer
//          there.
#ifndef PINION_CORE_STACKS_THREAD_STACKS_H_
#define PINION_CORE_STACKS_THREAD_STACKS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pinion {

class ThreadStacks {
 public:
  // How long Take() waits for the thread: long enough for one that waits for a
  // CPU on a busy machine. Then it gives up.
  static constexpr std::chrono::milliseconds kPatience{100};

  // Sets the handler, and loads what the first walk needs. Later calls return
  // what the first has returned. FAILED_PRECONDITION if the program has a
  // handler for SIGURG.
  static absl::Status Prepare();

  // The functions on the stack of `thread`, a gettid() of this process; the
  // innermost first, at most 64. One without a name is told by its module and
  // its address there, for addr2line: "libfoo.so.1+0x1234". Prepares first.
  //
  // Errors: NOT_FOUND        there is no such thread (any more).
  //         DEADLINE_EXCEEDED it did not answer within `patience`; the message
  //                          says why.
  //         UNAVAILABLE      a thread that was asked before has begun to answer
  //                          and has not ended, because it has no CPU.
  //         FAILED_PRECONDITION as Prepare(), or the handler was replaced.
  static absl::StatusOr<std::vector<std::string>> Take(
      pid_t thread, std::chrono::nanoseconds patience = kPatience);
};

}  // namespace pinion

#endif  // PINION_CORE_STACKS_THREAD_STACKS_H_
