// SPDX-License-Identifier: Apache-2.0
//
// KvOptions: the options of the kv service.
//
// Threads: plain data and functions.
// Example: HostKv(server, {.bytes = int64_t{4} << 30,
//                          .when_full = WhenFull::kEvict});
#ifndef PINION_SERVER_KV_KV_OPTIONS_H_
#define PINION_SERVER_KV_KV_OPTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "pinion/server/keyed/keyed.h"

namespace pinion::kv {

struct KvOptions {
  // The most bytes that the values of one worker may take, with their keys and
  // about 200 bytes more for each; 1 KiB to 1 TiB. Errors call it kv_bytes.
  // Raise it when writes are refused or values evicted though memory is free.
  int64_t bytes = int64_t{1} << 30;

  // What happens to a write when there is no room: it is refused with
  // RESOURCE_EXHAUSTED, or the least recently used values are evicted. Choose
  // kEvict when the store is a cache.
  WhenFull when_full = WhenFull::kRefuse;
};

// Returns INVALID_ARGUMENT with one line that names the option, its value and
// what would be valid.
absl::Status Validate(const KvOptions& options);

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_OPTIONS_H_
