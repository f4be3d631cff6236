// SPDX-License-Identifier: Apache-2.0
//
// KvShard: one worker's part of pinion.kv.v1.KvService; see kv.proto.
//
// Threads: its worker only, so it needs no lock.
// Expiry:  a value whose time to live has passed counts as absent, and the
//          shard removes it.
// Bound:   a write that does not fit is refused and changes nothing, or evicts
//          other values: see KvOptions. A value that no response could return
//          is refused, too.
// Example: HostKv(server), which makes one on each worker.
#ifndef PINION_SERVER_KV_KV_SHARD_H_
#define PINION_SERVER_KV_KV_SHARD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/keyed/keyed_expiry.h"
#include "pinion/server/kv/kv_change.h"
#include "pinion/server/kv/kv_options.h"
#include "pinion/server/kv/kv_watchers.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace pinion::kv {

class KvShard {
 public:
  // `options` must be valid.
  explicit KvShard(const ShardInfo& info, const KvOptions& options = {});

  absl::Status Get(const v1::GetRequest& request, v1::GetResponse* response);
  absl::Status Put(const v1::PutRequest& request, v1::PutResponse* response);
  absl::Status Delete(const v1::DeleteRequest& request,
                      v1::DeleteResponse* response);
  absl::Status Increment(const v1::IncrementRequest& request,
                         v1::IncrementResponse* response);
  absl::Status CompareAndSet(const v1::CompareAndSetRequest& request,
                             v1::CompareAndSetResponse* response);
  void Watch(const v1::WatchRequest& request, Stream<v1::WatchResponse> stream);

  // Calls `tell` for each change of each key, in order. `tell` must not call
  // the shard. Null: calls nothing.
  void OnChange(absl::AnyInvocable<void(const KvChange& change)> tell) {
    tell_ = std::move(tell);
  }

  // The bytes that the values take, out of KvOptions::bytes.
  int64_t bytes() const { return values_.bytes(); }

 private:
  struct Value {
    std::string text;
    uint64_t version = 0;

    // See state_bytes.h.
    friend size_t PinionOwnedBytes(const Value& value) {
      const bool inside = value.text.capacity() <= std::string().capacity();
      return inside ? 0 : value.text.capacity() + 1;
    }
  };
  using Values = Keyed<Value>;

  // Writes `text` and returns its version. `entry` is the key's entry; null if
  // it has none. The value lives for `ttl_ms`; 0 means forever, and absent
  // means as long as the previous value would have. Returns INVALID_ARGUMENT if
  // it could not be read back, and RESOURCE_EXHAUSTED if there is no room; then
  // nothing has changed.
  absl::StatusOr<uint64_t> Write(const std::string& key, Values::Entry* entry,
                                 std::string text,
                                 std::optional<uint64_t> ttl_ms);
  absl::Status Replace(Values::Entry& entry, std::string text);
  absl::Status CheckSize(const std::string& key, size_t text_bytes) const;

  // Every change of a key calls this, after a write and before a removal.
  void Changed(Values::Entry& entry, KvChange::Kind kind);

  const int64_t max_response_bytes_;
  Values values_;
  KeyedExpiry<Value> expiry_;
  KvWatchers watchers_;
  absl::AnyInvocable<void(const KvChange& change)> tell_;
  // One counter for all keys and changes, so that a key's versions rise even
  // after its entry was removed.
  uint64_t last_version_ = 0;
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_SHARD_H_
