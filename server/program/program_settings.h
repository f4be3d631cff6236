// SPDX-License-Identifier: Apache-2.0
//
// SettingsOf(): what an operator may know of a program's settings.
//
// Threads: a plain function; any thread.
// Secrets: the values of the program's own sections are not told; only it knows
//          which of them are secret.
// Example: settings.SetProgram(
//              SettingsOf(config, program.reloaded != nullptr));
#ifndef PINION_SERVER_PROGRAM_PROGRAM_SETTINGS_H_
#define PINION_SERVER_PROGRAM_PROGRAM_SETTINGS_H_

#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/program/program_config.h"

namespace pinion {

// Where each value is from: the file, a flag or, for all others, the default.
// With those settings that are the program's, not the Server's. Those of its
// own sections need a restart unless `takes_sections`: it has
// ServerProgram::reloaded.
ProgramSettings SettingsOf(const ProgramConfig& config, bool takes_sections);

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_PROGRAM_SETTINGS_H_
