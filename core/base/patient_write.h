// SPDX-License-Identifier: Apache-2.0
//
// WriteWithin: writes to a descriptor that may not accept data: a pipe that
//              nobody reads or whose reader is gone, a terminal that is held.
//
// Threads: any thread. Raises no SIGPIPE.
// Limits:  it asks poll() first, for at most 4 KiB at a time, which pipes,
//          sockets and terminals then accept at once. A file always says that
//          it accepts more, so a hanging disk makes it wait; and so does a pipe
//          to which another process writes at the same moment.
// Example: WriteWithin(STDOUT_FILENO, "listening\n", std::chrono::seconds(1));
#ifndef PINION_CORE_BASE_PATIENT_WRITE_H_
#define PINION_CORE_BASE_PATIENT_WRITE_H_

#include <chrono>

#include "absl/strings/string_view.h"

namespace pinion {

// Writes `text` to `descriptor`, and waits up to `patience` for room. False if
// some of it was not written.
bool WriteWithin(int descriptor, absl::string_view text,
                 std::chrono::nanoseconds patience);

}  // namespace pinion

#endif  // PINION_CORE_BASE_PATIENT_WRITE_H_
