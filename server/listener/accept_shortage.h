// SPDX-License-Identifier: Apache-2.0
//
// What a loop that accepts connections does when the process or the machine is
// short of something.
//
// Threads: plain functions and numbers; any thread.
// Example: if (IsShortage(errno)) paused_until_ = clock_.Now() + kAcceptPause;
#ifndef PINION_SERVER_LISTENER_ACCEPT_SHORTAGE_H_
#define PINION_SERVER_LISTENER_ACCEPT_SHORTAGE_H_

#include <cerrno>
#include <chrono>

namespace pinion {

// How long it does not accept. A client hardly notices this wait, and a process
// that is short of files for a day does not notice the 20 looks a second.
inline constexpr std::chrono::milliseconds kAcceptPause{50};

// Whether accept() says so by this error. The kernel does even if no connection
// waits.
inline bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_ACCEPT_SHORTAGE_H_
