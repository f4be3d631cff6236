// SPDX-License-Identifier: Apache-2.0
//
// TracingSnapshot: what became of the spans of a server's traced calls.
//
// Threads: plain data.
// Example: if (server.Snapshot().tracing.dropped() > 0) LookAtTheCollector();
#ifndef PINION_SERVER_TRACING_SNAPSHOT_H_
#define PINION_SERVER_TRACING_SNAPSHOT_H_

#include <cstdint>

namespace pinion {

// All counts are of spans since the start. Each span that was made is exported,
// dropped for one reason, or still waits.
struct TracingSnapshot {
  bool on = false;  // Whether there is a collector.

  // Taken by the collector.
  uint64_t exported = 0;

  // Dropped as they were made, because too many waited for a slow collector.
  uint64_t dropped_queue_full = 0;
  // Dropped because the collector did not answer, or answered with an error.
  uint64_t dropped_not_taken = 0;
  // Refused by a collector that took others of their batch.
  uint64_t dropped_rejected = 0;
  // Dropped because the server stopped before they were taken.
  uint64_t dropped_at_stop = 0;

  // Wait now to be sent, those that are being sent included.
  uint64_t waiting = 0;

  uint64_t dropped() const {
    return dropped_queue_full + dropped_not_taken + dropped_rejected +
           dropped_at_stop;
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_SNAPSHOT_H_
