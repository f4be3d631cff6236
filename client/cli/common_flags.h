// SPDX-License-Identifier: Apache-2.0
//
// Flags that several commands of `pinion` have, and what is made of them. A
// value that cannot be is told in one line, and ends the program with code 2.
//
// Threads: main's, after ParseCommandLine().
// Example: JsonCodec codec(KnownMethods());
//          auto connection = Connection::Connect(TargetFlag(), ...);
#ifndef PINION_CLIENT_CLI_COMMON_FLAGS_H_
#define PINION_CLIENT_CLI_COMMON_FLAGS_H_

#include <google/protobuf/descriptor.h>

#include <string>

#include "client/client.h"

namespace pinion::cli {

// --target
std::string TargetFlag();

// --timeout and --worker: what each call is sent with.
CallOptions CallOptionsOfFlags();

// --in_flight: how many calls may be open at once; `preset` if it is not given.
int InFlightFlag(int preset);

// --descriptor_set: the services that can be called, which are those linked in
// and those of the file.
const google::protobuf::DescriptorPool& KnownMethods();

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_COMMON_FLAGS_H_
