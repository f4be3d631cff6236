// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/serve_on_loopback.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/server/hosting/process_setup.h"

namespace pinion::bench {

std::string ServeOnLoopback(grpc::ServerBuilder& builder) {
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  PINION_CHECK(builder.BuildAndStart().release() != nullptr,
               "cannot listen on a free port of 127.0.0.1");
  return absl::StrCat("127.0.0.1:", port);
}

std::string ServeOnLoopback(HostingOptions options,
                            absl::FunctionRef<void(Server& server)> host,
                            TlsOptions tls) {
  DontLookForDeadlocks();  // As Server::Run().
  auto* const server = new Server(
      {.listen = "127.0.0.1:0", .tls = std::move(tls)}, std::move(options));
  host(*server);
  const absl::Status status = server->Start();
  PINION_CHECK(status.ok(), status.message());
  return server->address();
}

}  // namespace pinion::bench
