// SPDX-License-Identifier: Apache-2.0
//
// stubborn-server: a pinion-server whose Echo and EchoKeyed block their worker
// for as long as they were asked to, whatever becomes of the call: handlers
// that do not return, for tests of how a program stops, and what it logs.
//
// Threads: as Server::Run() says.
// Example: stubborn-server --listen=127.0.0.1:0 --workers=1 --grace=200ms
#include <chrono>
#include <string>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/log.h"
#include "pinion/server/server.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "As pinion-server's.");
ABSL_FLAG(int, workers, 1, "As pinion-server's.");
ABSL_FLAG(absl::Duration, stall_after, absl::Seconds(1), "As pinion-server's.");
ABSL_FLAG(absl::Duration, grace, absl::Seconds(10), "As pinion-server's.");
ABSL_FLAG(std::string, probe_listen, "", "As RunOptions::probe_listen.");

ABSL_FLAG(std::string, log_format, "text", "As pinion-server's.");
ABSL_FLAG(bool, log_keys, false, "As pinion-server's.");

namespace {

namespace echo = pinion::echo::v1;

struct StubbornShard {
  absl::Status Echo(const echo::EchoRequest& request,
                    echo::EchoResponse* response) {
    return Block(request, response);
  }
  absl::Status EchoKeyed(const echo::EchoKeyedRequest& request,
                         echo::EchoKeyedResponse* response) {
    return Block(request, response);
  }

 private:
  template <typename Request, typename Response>
  static absl::Status Block(const Request& request, Response* response) {
    std::this_thread::sleep_for(std::chrono::microseconds(request.block_us()));
    response->set_payload(request.payload());
    return absl::OkStatus();
  }
};

}  // namespace

int main(int argc, char** argv) {
  pinion::ParseCommandLine(argc, argv, "usage: stubborn-server [flags]");
  pinion::Server server(
      {.listen = absl::GetFlag(FLAGS_listen)},
      {.workers = absl::GetFlag(FLAGS_workers),
       .stall_after = absl::GetFlag(FLAGS_stall_after),
       .grace = absl::GetFlag(FLAGS_grace),
       .log_format =
           pinion::ParseLogFormat(absl::GetFlag(FLAGS_log_format)).value(),
       .log_keys = absl::GetFlag(FLAGS_log_keys)});
  pinion::kv::HostKv(server);
  server.Host<StubbornShard>("pinion.echo.v1.EchoService")
      .On("Echo", &StubbornShard::Echo)
      .On("EchoKeyed", &StubbornShard::EchoKeyed);
  return server.Run({.probe_listen = absl::GetFlag(FLAGS_probe_listen)});
}
