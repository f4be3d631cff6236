// SPDX-License-Identifier: Apache-2.0
//
// ReflectionOffer: offers our reflection service to the server that a
//                  grpc::ServerBuilder builds.
//
// A program that links gRPC's own reflection has it in each server that it
// builds, and a server cannot have two. So ours is registered unless gRPC's is
// there; and LeaveOutGrpcsReflection() keeps that out of one server.
//
// Threads: the builder's, before the server runs.
// Example: ReflectionOffer offer(builder, service.raw_service());
//          auto server = builder.BuildAndStart();
//          if (offer.taken()) service.Describe(offer.services());
#ifndef PINION_SERVER_REFLECTION_REFLECTION_OFFER_H_
#define PINION_SERVER_REFLECTION_REFLECTION_OFFER_H_

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

namespace pinion {

class ReflectionOffer {
 public:
  // Make it before BuildAndStart(), until which `service` must live. The
  // builder and the offer may be destroyed in either order.
  ReflectionOffer(grpc::ServerBuilder& builder, grpc::Service& service);

  // The rest only after BuildAndStart() has returned a server.

  // Whether the server has the service.
  bool taken() const { return seen_->taken; }
  // The names of all services of the server; some may be there twice.
  const std::vector<std::string>& services() const { return seen_->services; }

  // What the builder's way has shown.
  struct Seen {
    bool taken = false;
    std::vector<std::string> services;
  };

 private:
  const std::shared_ptr<Seen> seen_;  // Shared with the builder.
};

// Keeps gRPC's own reflection out of the server that `builder` builds. Call it
// before anything else that looks for it.
void LeaveOutGrpcsReflection(grpc::ServerBuilder& builder);

}  // namespace pinion

#endif  // PINION_SERVER_REFLECTION_REFLECTION_OFFER_H_
