// SPDX-License-Identifier: Apache-2.0
//
// CallChannelz: the methods of grpc.channelz.v1.Channelz, from what gRPC's core
//               counts of the channels and servers of this process.
//
// Threads: any thread. It waits for gRPC's own locks only.
// Limits:  a pinion::Server is not among the servers: it counts nothing for
//          channelz (docs/decisions/0007-unary.md). Channels are, and the
//          grpc::Server that a Hosting is attached to.
// Example: const auto response = CallChannelz("GetTopChannels", "");
#ifndef PINION_SERVER_ADMIN_CHANNELZ_METHODS_H_
#define PINION_SERVER_ADMIN_CHANNELZ_METHODS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

// Answers a serialized request of the method `name`. UNIMPLEMENTED if there is
// no such method, INVALID_ARGUMENT if the request cannot be decoded, NOT_FOUND
// if nothing has the id that it asks for.
absl::StatusOr<std::string> CallChannelz(absl::string_view name,
                                         absl::string_view request);

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_CHANNELZ_METHODS_H_
