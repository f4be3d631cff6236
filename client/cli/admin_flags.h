// SPDX-License-Identifier: Apache-2.0
//
// The flags of the commands that ask a server's admin socket. An invalid value
// ends the program with one line and code 2.
//
// Threads: the main thread, after ParseCommandLine().
// Example: request.set_limit(LimitFlag(128));
#ifndef PINION_CLIENT_CLI_ADMIN_FLAGS_H_
#define PINION_CLIENT_CLI_ADMIN_FLAGS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace pinion::cli {

// --admin
std::string AdminFlag();
// --service
std::string ServiceFlag();
// --limit: 1 to `most`; 0 for as many as the command shows by itself.
uint32_t LimitFlag(uint32_t most);
// --interval
absl::Duration IntervalFlag();
// --once
bool OnceFlag();

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_FLAGS_H_
