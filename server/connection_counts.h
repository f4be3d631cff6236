// SPDX-License-Identifier: Apache-2.0
//
// ConnectionCounts: what a pinion::Server has done with its connections.
//
// Threads: plain data.
#ifndef PINION_SERVER_CONNECTION_COUNTS_H_
#define PINION_SERVER_CONNECTION_COUNTS_H_

#include <cstdint>

namespace pinion {

struct ConnectionCounts {
  int64_t open = 0;       // Now.
  int64_t most_open = 0;  // The most that were open at a time.
  int64_t accepted = 0;   // Since the start.
  // Closed at once, because max_connections or max_connections_per_address was
  // reached.
  int64_t refused = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_CONNECTION_COUNTS_H_
