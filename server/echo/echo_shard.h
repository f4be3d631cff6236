// SPDX-License-Identifier: Apache-2.0
//
// EchoShard: one worker's part of pinion.echo.v1.EchoService; see echo.proto.
//
// Threads: its worker only.
// Limits:  one request may keep its worker busy for a minute, and any client
//          may send many. Use it to measure and to try a client, not on a
//          server that strangers can reach.
// Example: pinion::Server server({}); pinion::echo::HostEcho(server);
#ifndef PINION_SERVER_ECHO_ECHO_SHARD_H_
#define PINION_SERVER_ECHO_ECHO_SHARD_H_

#include "absl/status/status.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/call_context.h"
#include "pinion/server/hosting.h"
#include "pinion/server/server.h"

namespace pinion::echo {

class EchoShard {
 public:
  absl::Status Echo(const v1::EchoRequest& request, v1::EchoResponse* response,
                    CallContext& context);
  absl::Status EchoKeyed(const v1::EchoKeyedRequest& request,
                         v1::EchoKeyedResponse* response, CallContext& context);
};

// Adds the service to a Server, or to the Hosting of a gRPC server that you
// build. Call it before the server starts.
void HostEcho(Hosting& hosting);
inline void HostEcho(Server& server) { HostEcho(server.hosting()); }

}  // namespace pinion::echo

#endif  // PINION_SERVER_ECHO_ECHO_SHARD_H_
