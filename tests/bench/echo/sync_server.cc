// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/server_builder.h>

#include "pinion/echo/v1/echo.grpc.pb.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/plain_echo.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

class Sync final : public echo::v1::EchoService::Service {
  grpc::Status Echo(grpc::ServerContext*, const echo::v1::EchoRequest* request,
                    echo::v1::EchoResponse* response) override {
    return bench::Echo(*request, response);
  }
};

}  // namespace

std::string StartSync() {
  grpc::ServerBuilder builder;
  builder.RegisterService(new Sync);
  return ServeOnLoopback(builder);
}

}  // namespace pinion::bench
