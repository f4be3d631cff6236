// SPDX-License-Identifier: Apache-2.0
//
// The flags that several commands of `pinion` share, and what they mean. An
// invalid value ends the program with one line and code 2.
//
// Threads: the main thread, after ParseCommandLine().
// Example: ServerServices server(TargetFlag());
//          const Methods methods(KnownMethods(), &server);
//          const auto& method = FindOrExit(methods, words[0]);
#ifndef PINION_CLIENT_CLI_COMMON_FLAGS_H_
#define PINION_CLIENT_CLI_COMMON_FLAGS_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/cli/methods.h"
#include "pinion/client/client.h"
#include "pinion/tools/command_line.h"

namespace pinion::cli {

// --target
std::string TargetFlag();

// --tls, --ca, --cert, --key, --server_name and --token_file: how each client
// of a command connects, and what proves who it is.
ClientOptions ConnectionOfFlags();

// The flags of a command's group "Client": --target, those of the command, and
// how it connects.
FlagGroup ClientFlags(std::vector<absl::string_view> of_command);

// --timeout and --worker: the options of each call. `timeout`: if it is not
// given.
CallOptions CallOptionsOfFlags(absl::Duration timeout = absl::Seconds(10));

// --in_flight: the most calls that may be open at once; `preset` if it is not
// given.
int InFlightFlag(int preset);

// --json
bool JsonFlag();

// --descriptor_set: the services that are known here: those linked in and those
// of the file.
const google::protobuf::DescriptorPool& KnownMethods();

// The method. If there is none, ends the program: with code 2 and one line for
// a name that is wrong, with code 1 if the server could not be asked for it.
const google::protobuf::MethodDescriptor& FindOrExit(const Methods& methods,
                                                     absl::string_view method);

// Ends the program as FindOrExit() does.
[[noreturn]] void ExitWith(const absl::Status& status);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_COMMON_FLAGS_H_
