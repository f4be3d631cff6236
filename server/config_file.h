// SPDX-License-Identifier: Apache-2.0
//
// ReadOptions: the options of a server from its configuration file, for a
//              program with a main() of its own. ServerMain() reads the file
//              itself.
//
// Threads: any thread.
// Errors:  INVALID_ARGUMENT with every mistake of the file, each on a line of
//          its own with the file, the line, the column, the field's path and
//          what would be right.
// Example: CartsConfig carts;  // A section of the program's own.
//          absl::StatusOr<FileOptions> options =
//              ReadOptions("/etc/carts.yaml", {{"carts", &carts}});
//          if (!options.ok()) return Complain(options.status());
//          Hosting hosting(options->hosting);
//
// The same file read again, for example at SIGHUP, gives the options for
// Hosting::Reload(). docs/configuration.md has all fields.
#ifndef PINION_SERVER_CONFIG_FILE_H_
#define PINION_SERVER_CONFIG_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "pinion/server/config_section.h"
#include "pinion/server/options.h"
#include "pinion/server/run_options.h"

namespace pinion {

// What a file stands for. Options that it does not set have their defaults.
struct FileOptions {
  HostingOptions hosting = {};
  // For a Server; a Hosting on a builder of yours has no use for it.
  ListenOptions listen = {};
  // For Server::Run(); likewise.
  RunOptions run = {};
};

// Reads the file at `path`, with the program's own `services.NAME` in
// `sections`, whose messages are cleared first. A file that cannot be read is a
// mistake; so is what Validate() refuses of the options. If there is a mistake,
// do not use the messages.
absl::StatusOr<FileOptions> ReadOptions(
    const std::string& path, absl::Span<const ConfigSection> sections = {});

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_FILE_H_
