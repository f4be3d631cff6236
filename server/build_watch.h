// SPDX-License-Identifier: Apache-2.0
//
// BuildWatch: how far a grpc::ServerBuilder came, which itself says nothing but
// that there is no server.
//
// Threads: those of the builder, before the server runs.
// Example: BuildWatch watch(builder);
//          auto server = builder.BuildAndStart();
//          if (server == nullptr) return Why(watch.reached());
#ifndef PINION_SERVER_BUILD_WATCH_H_
#define PINION_SERVER_BUILD_WATCH_H_

#include <grpcpp/server_builder.h>

#include <memory>

namespace pinion {

class BuildWatch {
 public:
  enum class Reached {
    kNothing,   // BuildAndStart() was not called.
    kBegun,     // The builder's services were to be registered.
    kServices,  // They were; it was to listen and to start.
    kServer,    // It did.
  };

  // To be made before BuildAndStart(); either may go before the other.
  explicit BuildWatch(grpc::ServerBuilder& builder);

  Reached reached() const { return *reached_; }

 private:
  const std::shared_ptr<Reached> reached_;  // Shared with the builder.
};

}  // namespace pinion

#endif  // PINION_SERVER_BUILD_WATCH_H_
