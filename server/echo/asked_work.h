// SPDX-License-Identifier: Apache-2.0
//
// DoAskedWork: keeps the calling thread as busy as an echo request asks; see
//              echo.proto.
//
// Threads: any thread; it does the work itself.
// Example: absl::Status done =
//              DoAskedWork(request.spin_us(), request.block_us(),
//                          [&] { return context.cancelled(); });
#ifndef PINION_SERVER_ECHO_ASKED_WORK_H_
#define PINION_SERVER_ECHO_ASKED_WORK_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace pinion::echo {

// Spends `spin_us` microseconds of CPU time, then blocks for `block_us`. It
// checks `cancelled` all the while, and returns CANCELLED when nobody awaits
// the answer any more: at once while it spins, within 5 ms while it blocks.
// Returns INVALID_ARGUMENT without any work if one of the two is too large.
absl::Status DoAskedWork(uint32_t spin_us, uint32_t block_us,
                         absl::FunctionRef<bool()> cancelled);

}  // namespace pinion::echo

#endif  // PINION_SERVER_ECHO_ASKED_WORK_H_
