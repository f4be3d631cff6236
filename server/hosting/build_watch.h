// SPDX-License-Identifier: Apache-2.0
//
// BuildWatch: records how far a grpc::ServerBuilder came. gRPC itself says only
//             that there is no server.
//
// Threads: the builder's, before the server runs.
// Example: BuildWatch watch(builder);
//          auto server = builder.BuildAndStart();
//          if (server == nullptr) return Why(watch.reached());
#ifndef PINION_SERVER_HOSTING_BUILD_WATCH_H_
#define PINION_SERVER_HOSTING_BUILD_WATCH_H_

#include <grpcpp/server_builder.h>

#include <memory>

namespace pinion {

class BuildWatch {
 public:
  enum class Reached {
    kNothing,   // BuildAndStart() was not called.
    kBegun,     // Its services were to be registered.
    kServices,  // They were; the server was to listen and start.
    kServer,    // The server has started.
  };

  // Make it before BuildAndStart(). Either may be destroyed first.
  explicit BuildWatch(grpc::ServerBuilder& builder);

  Reached reached() const { return *reached_; }

 private:
  const std::shared_ptr<Reached> reached_;  // Shared with the builder.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_BUILD_WATCH_H_
