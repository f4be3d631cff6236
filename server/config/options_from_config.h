// SPDX-License-Identifier: Apache-2.0
//
// The options of a server from its configuration, and back.
//
// Threads: plain functions; any thread.
// Promise: OptionsOf(ConfigOf(options)) has the same values as `options`.
// Example: config::v1::ServerConfig config;
//          ConfigReading reading = ReadConfigFile(path, &config);
//          ConfiguredOptions options = OptionsOf(config);
//          for (ConfigMistake& mistake : OptionMistakes(options, reading)) {
//            reading.mistakes.push_back(std::move(mistake));
//          }
#ifndef PINION_SERVER_CONFIG_OPTIONS_FROM_CONFIG_H_
#define PINION_SERVER_CONFIG_OPTIONS_FROM_CONFIG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/options.h"
#include "pinion/server/run_options.h"

namespace pinion {

// All options that a file can have.
struct ConfiguredOptions {
  ListenOptions listen = {};
  HostingOptions hosting = {};
  RunOptions run = {};
};

// Sets the options that `config` has; the others stay as they are in `base`.
// The values are in the ranges of the schema, but Validate() may refuse them.
ConfiguredOptions OptionsOf(const config::v1::ServerConfig& config,
                            const ConfiguredOptions& base = {});

// A configuration with the value of every option, as --print_config shows it.
config::v1::ServerConfig ConfigOf(const ConfiguredOptions& options);

// What Validate() refuses, with the place in the file from which each value
// comes. Unlike Validate(), it goes on behind the first mistake.
std::vector<ConfigMistake> OptionMistakes(const ConfiguredOptions& options,
                                          const ConfigReading& reading);

// An error of Validate() about the option of `path` begins with the option's
// name. This is the rest, for ConfigMistake::text, beside which the path
// stands: "it is 5; valid are 8 to 16".
std::string WithoutOption(absl::string_view path, absl::string_view error);

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_OPTIONS_FROM_CONFIG_H_
