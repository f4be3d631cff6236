// SPDX-License-Identifier: Apache-2.0
//
// EchoShard: one worker's part of pinion.echo.v1.EchoService; see echo.proto.
//
// Threads: its worker's alone.
// Example: pinion::Server server({}); pinion::echo::HostEcho(server);
#ifndef PINION_SERVER_ECHO_ECHO_SHARD_H_
#define PINION_SERVER_ECHO_ECHO_SHARD_H_

#include "absl/status/status.h"
#include "pinion/echo/v1/echo.pb.h"
#include "server/call_context.h"
#include "server/hosting.h"
#include "server/server.h"

namespace pinion::echo {

class EchoShard {
 public:
  absl::Status Echo(const v1::EchoRequest& request, v1::EchoResponse* response,
                    CallContext& context);
  absl::Status EchoKeyed(const v1::EchoKeyedRequest& request,
                         v1::EchoKeyedResponse* response, CallContext& context);
};

// Puts the service on a server, or on what is attached to one of the user's
// own, before it starts.
void HostEcho(Hosting& hosting);
inline void HostEcho(Server& server) { HostEcho(server.hosting()); }

}  // namespace pinion::echo

#endif  // PINION_SERVER_ECHO_ECHO_SHARD_H_
