// SPDX-License-Identifier: Apache-2.0
//
// ServeOnLoopback: what gRPC's own echo servers have in common.
//
// Threads: called once in a process.
// Example: grpc::ServerBuilder builder;
//          builder.RegisterService(new SyncEcho);
//          return ServeOnLoopback(builder);
#ifndef PINION_TESTS_BENCH_ECHO_SERVE_ON_LOOPBACK_H_
#define PINION_TESTS_BENCH_ECHO_SERVE_ON_LOOPBACK_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "pinion/echo/v1/echo.pb.h"
#include "server/echo/asked_work.h"
#include "server/options.h"

namespace pinion::bench {

// Starts what `builder` has, for as long as the process lives; returns its
// address.
inline std::string ServeOnLoopback(grpc::ServerBuilder& builder) {
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(ServerOptions().max_message_bytes));
  PINION_CHECK(builder.BuildAndStart().release() != nullptr,
               "cannot listen on a free port of 127.0.0.1");
  return absl::StrCat("127.0.0.1:", port);
}

// The handler of them all.
inline grpc::Status Echo(const echo::v1::EchoRequest& request,
                         echo::v1::EchoResponse* response) {
  const absl::Status done =
      echo::DoAskedWork(request.spin_us(), request.block_us());
  if (!done.ok()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                        std::string(done.message()));
  }
  response->set_payload(request.payload());
  return grpc::Status::OK;
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_SERVE_ON_LOOPBACK_H_
