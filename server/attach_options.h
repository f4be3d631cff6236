// SPDX-License-Identifier: Apache-2.0
//
// AttachOptions: which services of its own a Hosting adds to a server.
//
// Threads: plain data.
// Example: hosting.Attach(builder, {.health = false});
#ifndef PINION_SERVER_ATTACH_OPTIONS_H_
#define PINION_SERVER_ATTACH_OPTIONS_H_

namespace pinion {

// Which of Pinion's own services are attached with the hosted services.
struct AttachOptions {
  // pinion.v1.SessionService: clients can call the hosted methods in a session.
  bool sessions = true;

  // grpc.health.v1.Health. If false, Pinion reports the hosted services and the
  // workers to gRPC's own health service, if the server has one.
  bool health = true;

  // Answers calls of unknown methods. Set it to false if the builder has a
  // generic service of its own, because a server can have only one.
  bool unknown_methods = true;
};

}  // namespace pinion

#endif  // PINION_SERVER_ATTACH_OPTIONS_H_
