// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <iostream>
#include <memory>

#include "absl/status/status.h"
#include "pinion/server/hosting.h"
#include "purses.h"

int main() {
  pinion::Hosting hosting({});
  hosting.Host<Purses>("game.v1.PurseService")
      .On("Earn", &Purses::Earn)
      .On("Give", &Purses::Give)
      .On("Watch", &Purses::Watch);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:50051",
                           grpc::InsecureServerCredentials());
  absl::Status status = hosting.Attach(builder);
  const std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
  if (status.ok()) status = hosting.Start(server);
  if (!status.ok()) {
    std::cerr << status << '\n';
    return 1;
  }
  server->Wait();
  return 0;
}
