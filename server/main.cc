// SPDX-License-Identifier: Apache-2.0
//
// pinion-server: hosts the kv service, and with --echo the echo service.
#include "pinion/echo/v1/echo_config.pb.h"
#include "pinion/kv/v1/kv_config.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/kv/kv_config.h"
#include "pinion/server/server_main.h"

int main(int argc, char** argv) {
  pinion::kv::v1::KvConfig kv;
  pinion::echo::v1::EchoConfig echo;
  return pinion::ServerMain(
      argc, argv,
      {.usage = "Serves pinion.kv.v1.KvService on pinned worker threads until "
                "SIGTERM or SIGINT; a second one hurries the stop.",
       .sections = {{"kv", &kv}, {"echo", &echo}},
       .host =
           [&](pinion::Server& server) {
             pinion::kv::HostKv(server, pinion::kv::KvOptionsOf(kv));
             if (echo.echo()) pinion::echo::HostEcho(server);
           },
       .own_bytes = [&](int workers) { return workers * kv.kv_bytes(); }});
}
