// SPDX-License-Identifier: Apache-2.0
//
// Echo: the handler of all of gRPC's own echo servers.
//
// Threads: anyone.
// Example: reactor->Finish(bench::Echo(*request, response));
#ifndef PINION_TESTS_BENCH_ECHO_PLAIN_ECHO_H_
#define PINION_TESTS_BENCH_ECHO_PLAIN_ECHO_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/asked_work.h"

namespace pinion::bench {

inline grpc::Status Echo(const echo::v1::EchoRequest& request,
                         echo::v1::EchoResponse* response) {
  const absl::Status done =
      echo::DoAskedWork(request.spin_us(), request.block_us(),
                        /*cancelled=*/[] { return false; });
  if (!done.ok()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                        std::string(done.message()));
  }
  response->set_payload(request.payload());
  return grpc::Status::OK;
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_PLAIN_ECHO_H_
