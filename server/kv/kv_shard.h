// SPDX-License-Identifier: Apache-2.0
//
// KvShard: one worker's part of pinion.kv.v1.KvService; see kv.proto.
//
// Threads: its worker's alone, so it needs no lock.
// Expiry:  a value whose time to live has passed counts as absent; it is let go
//          when its key is next asked for.
// Example: server.Host<KvShard>(...); or HostKv(server).
#ifndef PINION_SERVER_KV_KV_SHARD_H_
#define PINION_SERVER_KV_KV_SHARD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/kv/v1/kv.pb.h"

namespace pinion::kv {

class KvShard {
 public:
  // `now` tells the time in nanoseconds and never goes back.
  explicit KvShard(std::function<int64_t()> now) : now_(std::move(now)) {}

  absl::Status Get(const v1::GetRequest& request, v1::GetResponse* response);
  absl::Status Put(const v1::PutRequest& request, v1::PutResponse* response);
  absl::Status Delete(const v1::DeleteRequest& request,
                      v1::DeleteResponse* response);
  absl::Status Increment(const v1::IncrementRequest& request,
                         v1::IncrementResponse* response);
  absl::Status CompareAndSet(const v1::CompareAndSetRequest& request,
                             v1::CompareAndSetResponse* response);

 private:
  struct Entry {
    std::string value;
    uint64_t version = 0;
    int64_t expires_ns = 0;  // 0: never.
  };

  // The entry of `key`, or null if it has none (any more).
  Entry* Find(const std::string& key);
  // Writes `value`, which then lives for `ttl_ms` (0: for good).
  const Entry& Write(const std::string& key, const std::string& value,
                     uint64_t ttl_ms);

  const std::function<int64_t()> now_;
  absl::flat_hash_map<std::string, Entry> entries_;
  // One count for all keys: a key's versions rise even across its deletion.
  uint64_t last_version_ = 0;
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_SHARD_H_
