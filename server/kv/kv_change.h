// SPDX-License-Identifier: Apache-2.0
//
// KvChange: one change of the value of a key.
//
// Threads: plain data. Its views point into the shard, and are valid until the
//          observer returns.
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
    kEvicted,  // It made room for others.
  };

  Kind kind;
  absl::string_view key;
  absl::string_view value;  // The value that was written or removed.
  uint64_t version;  // Greater than that of each earlier change of the key.
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_CHANGE_H_
