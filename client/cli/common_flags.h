// SPDX-License-Identifier: Apache-2.0
//
// The flags that several commands of `pinion` share, and what they mean. An
// invalid value ends the program with one line and code 2.
//
// Threads: the main thread, after ParseCommandLine().
// Example: JsonCodec codec(KnownMethods());
//          auto connection = Connection::Connect(TargetFlag(), ...);
#ifndef PINION_CLIENT_CLI_COMMON_FLAGS_H_
#define PINION_CLIENT_CLI_COMMON_FLAGS_H_

#include <google/protobuf/descriptor.h>

#include <string>

#include "absl/time/time.h"
#include "pinion/client/client.h"

namespace pinion::cli {

// --target
std::string TargetFlag();

// --timeout and --worker: the options of each call. `timeout`: if it is not
// given.
CallOptions CallOptionsOfFlags(absl::Duration timeout = absl::Seconds(10));

// --in_flight: the most calls that may be open at once; `preset` if it is not
// given.
int InFlightFlag(int preset);

// --descriptor_set: the services that can be called: those linked in and those
// of the file.
const google::protobuf::DescriptorPool& KnownMethods();

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_COMMON_FLAGS_H_
