// SPDX-License-Identifier: Apache-2.0
//
// SessionService: pinion.v1.SessionService for all hosted methods.
//
// Threads: made before the server starts; AwaitSessions() as for IoThread's
//          queue.
// Example: SessionService sessions(raw_service, door, expirer, limits, times);
//          sessions.Serve(lanes.served(i));       // each hosted method
//          sessions.AwaitSessions(io);            // each I/O thread
#ifndef PINION_SERVER_SESSION_SESSION_SERVICE_H_
#define PINION_SERVER_SESSION_SESSION_SERVICE_H_

#include "pinion/proto/wire/session_protocol.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/session/session.h"
#include "pinion/server/session/session_host.h"
#include "pinion/server/session/session_list.h"
#include "pinion/server/snapshot.h"

namespace pinion {

class SessionService {
 public:
  static constexpr const char* kName = session_protocol::kService;

  SessionService(RawService& service, FrontDoor& door, Expirer& expirer,
                 const SessionLimits& limits, const SessionTimes& times);

  // The open sessions.
  const SessionList& list() const { return list_; }

  // Lets sessions find the method by its path.
  void Serve(const ServedMethod& served) {
    host_.methods[served.method.path] = &served;
  }

  // Any thread may call it.
  SessionCounts counts() const {
    return {.open = tallies_.open.load(std::memory_order_relaxed),
            .opened = tallies_.opened.load(std::memory_order_relaxed)};
  }

  // Waits for streams on the queue of `io`.
  void AwaitSessions(IoThread& io) {
    for (int i = 0; i < kAwaited; ++i) Session::Await(host_, io);
  }

 private:
  // A session lasts, so few arrive at once. Further ones wait in gRPC until the
  // I/O thread looks.
  static constexpr int kAwaited = 4;

  SessionTallies tallies_;
  SessionList list_;
  SessionHost host_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_SERVICE_H_
