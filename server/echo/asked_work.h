// SPDX-License-Identifier: Apache-2.0
//
// DoAskedWork: keeps the calling thread as busy as an echo request asks for;
// see echo.proto.
//
// Threads: anyone; the calling thread is the one that works.
// Example: absl::Status done =
//              DoAskedWork(request.spin_us(), request.block_us());
#ifndef PINION_SERVER_ECHO_ASKED_WORK_H_
#define PINION_SERVER_ECHO_ASKED_WORK_H_

#include <cstdint>

#include "absl/status/status.h"

namespace pinion::echo {

// Spends `spin_us` microseconds of CPU time, then blocks for `block_us`.
// INVALID_ARGUMENT, and no work, if one is more than may be asked.
absl::Status DoAskedWork(uint32_t spin_us, uint32_t block_us);

}  // namespace pinion::echo

#endif  // PINION_SERVER_ECHO_ASKED_WORK_H_
