// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/echo/echo_shard.h"

#include "pinion/server/echo/asked_work.h"

namespace pinion::echo {
namespace {

// What the two methods have in common: all but the key.
template <typename Request, typename Response>
absl::Status Reply(const Request& request, Response* response,
                   CallContext& context) {
  const absl::Status status = DoAskedWork(request.spin_us(), request.block_us(),
                                          [&] { return context.cancelled(); });
  if (!status.ok()) return status;
  response->set_payload(request.payload());
  response->set_worker(context.worker());
  return absl::OkStatus();
}

}  // namespace

absl::Status EchoShard::Echo(const v1::EchoRequest& request,
                             v1::EchoResponse* response, CallContext& context) {
  return Reply(request, response, context);
}

absl::Status EchoShard::EchoKeyed(const v1::EchoKeyedRequest& request,
                                  v1::EchoKeyedResponse* response,
                                  CallContext& context) {
  return Reply(request, response, context);
}

void HostEcho(Hosting& hosting) {
  hosting.Host<EchoShard>("pinion.echo.v1.EchoService")
      .On("Echo", &EchoShard::Echo)
      .On("EchoKeyed", &EchoShard::EchoKeyed);
}

}  // namespace pinion::echo
