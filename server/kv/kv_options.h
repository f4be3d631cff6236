// SPDX-License-Identifier: Apache-2.0
//
// KvOptions: what can be said about the kv service before it starts.
//
// Threads: plain data and functions.
// Example: HostKv(server, {.bytes = int64_t{4} << 30,
//                          .when_full = WhenFull::kEvict});
#ifndef PINION_SERVER_KV_KV_OPTIONS_H_
#define PINION_SERVER_KV_KV_OPTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/keyed/keyed.h"

namespace pinion::kv {

struct KvOptions {
  // How many bytes the values of one worker may take, with their keys and what
  // they take beside, some 200 bytes each; 1 KiB to 1 TiB. Errors call it
  // kv_bytes.
  int64_t bytes = int64_t{1} << 30;

  // What happens to a write for which there is no room: it is refused with
  // RESOURCE_EXHAUSTED, or values go that were not read or written for the
  // longest.
  WhenFull when_full = WhenFull::kRefuse;
};

// INVALID_ARGUMENT with one line that names the option, its value and what
// would be valid.
absl::Status Validate(const KvOptions& options);

// Of "refuse" or "evict".
absl::StatusOr<WhenFull> ParseWhenFull(absl::string_view text);

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_OPTIONS_H_
