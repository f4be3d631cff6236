// SPDX-License-Identifier: Apache-2.0
//
// ConfigReload: takes over what has changed in a program's file while its
//               server runs: all of it, or nothing.
//
// Threads: the one that runs the server.
// Example: ConfigReload reload(program, flags, std::move(config));
//          log(reload.Run(server, run_options));
#ifndef PINION_SERVER_PROGRAM_CONFIG_RELOAD_H_
#define PINION_SERVER_PROGRAM_CONFIG_RELOAD_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/server/program/program_config.h"
#include "pinion/server/program/program_flags.h"
#include "pinion/server/run_options.h"
#include "pinion/server/server.h"
#include "pinion/server/server_program.h"

namespace pinion {

class ConfigReload {
 public:
  // `config` is what holds, and what `program`'s sections have. The references
  // must outlive it.
  ConfigReload(const ServerProgram& program, const ProgramFlags& flags,
               std::unique_ptr<ProgramConfig> config)
      : program_(program), flags_(flags), config_(std::move(config)) {}

  // Reads the file again. Returns one line for the log: what has changed, or an
  // error that says why nothing has.
  absl::StatusOr<std::string> Run(Server& server, RunOptions& options);

 private:
  // Why the file is not even read.
  absl::Status WhyNotRead() const;
  // In words, at least one part of a line.
  std::vector<std::string> WhatWasRead(
      const std::vector<ConfigChange>& changes) const;
  std::string PolicyFile() const;
  absl::Status TakeOver(const ProgramConfig& next,
                        const std::vector<ConfigChange>& changes,
                        Server& server);

  const ServerProgram& program_;
  const ProgramFlags& flags_;
  std::unique_ptr<ProgramConfig> config_;
};

}  // namespace pinion

#endif  // PINION_SERVER_PROGRAM_CONFIG_RELOAD_H_
