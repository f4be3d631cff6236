// SPDX-License-Identifier: Apache-2.0
//
// RouteOf(): the route that a .proto gives a method; see route.proto.
//
// Threads: plain function; any thread.
// Example: if (RouteOf(*method).key().empty()) ...
#ifndef PINION_PROTO_WIRE_ROUTE_OF_H_
#define PINION_PROTO_WIRE_ROUTE_OF_H_

#include "google/protobuf/descriptor.h"
#include "pinion/v1/route.pb.h"

namespace pinion {

// The method's own route, or else its service's.
inline const v1::Route& RouteOf(
    const google::protobuf::MethodDescriptor& method) {
  if (method.options().HasExtension(v1::route)) {
    return method.options().GetExtension(v1::route);
  }
  return method.service()->options().GetExtension(v1::service_route);
}

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_ROUTE_OF_H_
