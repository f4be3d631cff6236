// SPDX-License-Identifier: Apache-2.0
//
// NotedKey: a key in a bounded number of bytes, as it is kept of a call.
//
// Threads: plain data.
// Example: NotedKey noted(key.bytes(), key.Hash(key_seed));
//          *record.mutable_key() = noted.Name(show_keys);
#ifndef PINION_SERVER_OBSERVE_NOTED_KEY_H_
#define PINION_SERVER_OBSERVE_NOTED_KEY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/server/observe/key_name.h"

namespace pinion {

struct NotedKey {
  // Keys are mostly names and identifiers. Of a longer one the beginning is
  // kept, and its hash tells it from others.
  static constexpr size_t kMostBytes = 64;

  NotedKey() = default;
  NotedKey(absl::string_view key, uint64_t key_hash)
      : hash(key_hash), size(key.size()) {
    std::memcpy(bytes, key.data(), std::min(key.size(), kMostBytes));
  }

  admin::v1::KeyName Name(bool show_keys) const {
    return NameHashedKey({bytes, std::min<size_t>(size, kMostBytes)}, hash,
                         /*cut=*/size > kMostBytes, show_keys);
  }

  uint64_t hash = 0;
  uint64_t size = 0;  // Of the whole key; 0: there is none.
  char bytes[kMostBytes] = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_NOTED_KEY_H_
