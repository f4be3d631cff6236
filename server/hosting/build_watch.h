// SPDX-License-Identifier: Apache-2.0
//
// BuildWatch: records how far a grpc::ServerBuilder came, and its addresses.
//             gRPC itself says only that there is no server.
//
// Threads: the builder's, before the server runs.
// Example: BuildWatch watch(builder);
//          auto server = builder.BuildAndStart();
//          if (server == nullptr) return Why(watch.reached());
#ifndef PINION_SERVER_HOSTING_BUILD_WATCH_H_
#define PINION_SERVER_HOSTING_BUILD_WATCH_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

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

  Reached reached() const { return seen_->reached; }
  // The addresses that the builder was to listen on; none before kBegun.
  const std::vector<std::string>& addresses() const { return seen_->addresses; }

  // What the builder's way has shown.
  struct Seen {
    Reached reached = Reached::kNothing;
    std::vector<std::string> addresses;
  };

 private:
  const std::shared_ptr<Seen> seen_;  // Shared with the builder.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_BUILD_WATCH_H_
