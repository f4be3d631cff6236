// SPDX-License-Identifier: Apache-2.0
//
// ParseProgramFlags: the command line of a program of ServerMain().
//
// Each field of the configuration that has one value has a flag of its name,
// and is written alike in both (config/setting_value.h). The help is that of
// the field's Setting.
//
// Threads: the main thread, before anything else.
// Errors:  a mistake ends the program, as tools/command_line.h says. So does
//          --help.
// Example: const ProgramFlags flags = ParseProgramFlags(argc, argv, program);
#ifndef PINION_SERVER_PROGRAM_PROGRAM_FLAGS_H_
#define PINION_SERVER_PROGRAM_PROGRAM_FLAGS_H_

#include <string>

#include "pinion/server/program/program_config.h"
#include "pinion/server/server_program.h"

namespace pinion {

struct ProgramFlags {
  std::string config = {};    // --config; empty: no file.
  std::string check = {};     // --check; empty: not asked for.
  bool print_config = false;  // --print_config
  FlagTexts texts = {};       // Those of fields.
};

ProgramFlags ParseProgramFlags(int argc, char** argv,
                               const ServerProgram& program);

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_PROGRAM_FLAGS_H_
