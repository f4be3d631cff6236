// SPDX-License-Identifier: Apache-2.0
//
// AllMistakes: everything that is wrong with a configuration, where it stands.
//
// Threads: plain function; any thread.
// Example: const auto mistakes = AllMistakes(config);
//          if (!mistakes.empty()) ...
#ifndef PINION_SERVER_PROGRAM_ALL_MISTAKES_H_
#define PINION_SERVER_PROGRAM_ALL_MISTAKES_H_

#include <vector>

#include "pinion/server/config/config_mistake.h"
#include "pinion/server/program/program_config.h"

namespace pinion {

// What is wrong with the file, and with the options that the configuration
// stands for; in the file's order, and then those of flags. Options are left
// out if a value that they are measured by has a mistake itself.
std::vector<ConfigMistake> AllMistakes(const ProgramConfig& config);

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_ALL_MISTAKES_H_
