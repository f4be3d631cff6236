// SPDX-License-Identifier: Apache-2.0
//
// KvChange: what became of the value of a key.
//
// Threads: plain data. It looks into the shard, until who is told returns.
// Example: shard.OnChange([&](const KvChange& change) { ... });
#ifndef PINION_SERVER_KV_KV_CHANGE_H_
#define PINION_SERVER_KV_KV_CHANGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace pinion::kv {

struct KvChange {
  enum class Kind {
    kWritten,
    kDeleted,
    kExpired,  // Its time to live has passed.
    kEvicted,  // To make room.
  };

  Kind kind;
  absl::string_view key;
  absl::string_view value;  // What was written, or is gone.
  uint64_t version;  // Greater than that of each change of the key before.
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_CHANGE_H_
