// SPDX-License-Identifier: Apache-2.0
//
// SessionHost: what all sessions of a server share, and their limits.
//
// Threads: fixed while the server runs, but for the times; any thread may read
//          it.
// Example: SessionHost host{.service = &service, ...};
//          host.methods[served.method.path] = &served;
#ifndef PINION_SERVER_SESSION_SESSION_HOST_H_
#define PINION_SERVER_SESSION_SESSION_HOST_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/internal/live_span.h"

namespace pinion {

class Expirer;
class FrontDoor;
class RawService;
class SessionList;
struct ServedMethod;

struct SessionLimits {
  // The most calls that one session may have open, and the most bytes that they
  // may take, bookkeeping included.
  int64_t max_calls = 16384;
  int64_t max_bytes = int64_t{64} << 20;
  int64_t max_message_bytes = int64_t{4} << 20;
  // How long the client may take nothing of what is written.
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
};

// May change while the server runs.
struct SessionTimes {
  // After this time the client is asked to open another session; kForever:
  // never. And how long it then has until the session ends.
  LiveSpan max_age{LiveSpan::kForever};
  LiveSpan age_grace{std::chrono::seconds(10)};
  // How long a stop lets streams go on; clients are told.
  LiveSpan stop_grace{std::chrono::seconds(10)};
};

// The sessions that are open, and that were opened so far. Relaxed: counts.
struct SessionTallies {
  std::atomic<int64_t> open{0};
  std::atomic<uint64_t> opened{0};
};

struct SessionHost {
  RawService* service;
  int index;  // In `service`.
  FrontDoor* door;
  Expirer* expirer;
  SessionLimits limits;
  std::string instance_id;
  const SessionTimes& times;
  HashMap<std::string, const ServedMethod*> methods;  // By path.
  // Null only where no session is opened, in a test.
  SessionTallies* tallies = nullptr;
  SessionList* list = nullptr;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_HOST_H_
