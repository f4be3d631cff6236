// SPDX-License-Identifier: Apache-2.0
//
// KvShard: one worker's part of pinion.kv.v1.KvService; see kv.proto.
//
// Threads: its worker's alone, so it needs no lock.
// Expiry:  a value whose time to live has passed counts as absent, and goes by
//          itself.
// Bound:   what does not fit is refused and changes nothing, or lets others go:
//          KvOptions.
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
#include "server/keyed/keyed.h"
#include "server/keyed/keyed_expiry.h"
#include "server/kv/kv_change.h"
#include "server/kv/kv_options.h"
#include "server/kv/kv_watchers.h"
#include "server/shard_info.h"
#include "server/stream.h"

namespace pinion::kv {

class KvShard {
 public:
  // `options` are valid.
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

  // Has `tell` hear of each change, of all keys, in their order. It calls
  // nothing of the shard. Null: nobody.
  void OnChange(absl::AnyInvocable<void(const KvChange& change)> tell) {
    tell_ = std::move(tell);
  }

  // How many bytes the values take, of KvOptions::bytes.
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

  // Writes `text` and returns its version. `entry` is the key's; null if it has
  // none. The value lives for `ttl_ms`, 0 being for good; absent: as long as
  // the one before would have. RESOURCE_EXHAUSTED if there is no room; then
  // nothing has changed.
  absl::StatusOr<uint64_t> Write(const std::string& key, Values::Entry* entry,
                                 std::string text,
                                 std::optional<uint64_t> ttl_ms);
  absl::Status Replace(Values::Entry& entry, std::string text);

  // Each change of a key passes here: what was written, or is about to go.
  void Changed(Values::Entry& entry, KvChange::Kind kind);

  Values values_;
  KeyedExpiry<Value> expiry_;
  KvWatchers watchers_;
  absl::AnyInvocable<void(const KvChange& change)> tell_;
  // One count for all keys and changes: a key's versions rise even when its
  // entry has gone in between.
  uint64_t last_version_ = 0;
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_SHARD_H_
