// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_watchers.h"

#include <string>
#include <utility>

namespace pinion::kv {
namespace {

v1::WatchResponse::Change ChangeOf(KvChange::Kind kind) {
  switch (kind) {
    case KvChange::Kind::kWritten:
      return v1::WatchResponse::CHANGE_WRITTEN;
    case KvChange::Kind::kDeleted:
      return v1::WatchResponse::CHANGE_DELETED;
    case KvChange::Kind::kExpired:
      return v1::WatchResponse::CHANGE_EXPIRED;
    case KvChange::Kind::kEvicted:
      return v1::WatchResponse::CHANGE_EVICTED;
  }
  return v1::WatchResponse::CHANGE_UNSPECIFIED;
}

v1::WatchResponse ResponseOf(const KvChange& change) {
  v1::WatchResponse response;
  response.set_change(ChangeOf(change.kind));
  response.set_version(change.version);
  if (change.kind == KvChange::Kind::kWritten) {
    response.set_value(std::string(change.value));
  }
  return response;
}

}  // namespace

void KvWatchers::Add(const std::string& key, const v1::WatchResponse& present,
                     WatchStream stream) {
  watchers_.Add(key, std::move(stream), present);
}

void KvWatchers::Tell(const KvChange& change) {
  // The value is copied for watchers only.
  if (watchers_.Follows(change.key)) {
    watchers_.Publish(change.key, ResponseOf(change));
  }
}

}  // namespace pinion::kv
