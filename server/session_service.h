// SPDX-License-Identifier: Apache-2.0
//
// SessionService: pinion.v1.SessionService for all hosted methods.
//
// Threads: made before the server starts; AwaitSessions() as IoThread's queue.
// Example: SessionService sessions(raw_service, door, expirer, limits, grace);
//          sessions.Serve(method, lanes);         // each hosted method
//          sessions.AwaitSessions(io);            // each I/O thread
#ifndef PINION_SERVER_SESSION_SERVICE_H_
#define PINION_SERVER_SESSION_SERVICE_H_

#include "server/session.h"

namespace pinion {

class SessionService {
 public:
  static constexpr char kName[] = "pinion.v1.SessionService";

  SessionService(RawService& service, FrontDoor& door, Expirer& expirer,
                 const SessionLimits& limits,
                 std::chrono::nanoseconds stop_grace);

  // Has sessions find the method by its path.
  void Serve(const HostedMethod& method, Lanes& lanes) {
    host_.methods[method.path] = {.method = &method, .lanes = &lanes};
  }

  // Waits for streams on the queue of `io`.
  void AwaitSessions(IoThread& io) {
    for (int i = 0; i < kAwaited; ++i) Session::Await(host_, io);
  }

 private:
  // A session lasts, so few come at once; what comes beyond waits in gRPC until
  // the I/O thread looks.
  static constexpr int kAwaited = 4;

  SessionHost host_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SERVICE_H_
