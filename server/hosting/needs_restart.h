// SPDX-License-Identifier: Apache-2.0
//
// NeedsRestart: which options of a running server differ from the ones it was
//               made with, and cannot change while it runs.
//
// Threads: any thread.
// Rule:    each option is either here or in Server::Reload(). The .cc counts
//          the members of the structs, so a new one that is in neither does not
//          compile.
// Example: const auto names = NeedsRestart(made_with, wanted);
//          if (!names.empty()) return RestartError(names);
#ifndef PINION_SERVER_HOSTING_NEEDS_RESTART_H_
#define PINION_SERVER_HOSTING_NEEDS_RESTART_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pinion/server/options.h"

namespace pinion {

// The names of the options, in the order of options.h. HostingOptions::log is
// not compared.
std::vector<std::string> NeedsRestart(const ListenOptions& made_with,
                                      const ListenOptions& wanted);
std::vector<std::string> NeedsRestart(const HostingOptions& made_with,
                                      const HostingOptions& wanted);

// OK if there are none; else FAILED_PRECONDITION with one line that names them.
absl::Status RestartError(const std::vector<std::string>& names);

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_NEEDS_RESTART_H_
