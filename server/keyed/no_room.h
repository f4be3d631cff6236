// SPDX-License-Identifier: Apache-2.0
//
// NoRoom: what a caller is told when a Keyed is full.
//
// Threads: plain function; any thread.
// Example: return NoRoom({.what = "an entry for \"alice\"", .needs = 160,
// ...});
#ifndef PINION_SERVER_KEYED_NO_ROOM_H_
#define PINION_SERVER_KEYED_NO_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace pinion::internal {

struct Shortage {
  std::string what;
  int64_t needs;  // Bytes for it, all told.
  int64_t used;   // Bytes by the others.
  size_t entries;
  int64_t max_bytes;
  const char* max_bytes_name;
};

// RESOURCE_EXHAUSTED, with the numbers and what to do.
absl::Status NoRoom(const Shortage& shortage);

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_NO_ROOM_H_
