// SPDX-License-Identifier: Apache-2.0
#include "server/kv/kv_watchers.h"

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
  Watchers& watchers = watchers_[key];
  watchers.push_back({.key = key, .stream = std::move(stream), .owed = {}});
  const auto added = std::prev(watchers.end());
  if (!SendOrOwe(*added, present)) return Remove(added);
  added->stream.OnChange([this, added] { OnChange(added); });
}

void KvWatchers::Tell(const KvChange& change) {
  const auto found = watchers_.find(change.key);
  if (found == watchers_.end()) return;
  const v1::WatchResponse response = ResponseOf(change);
  found->second.remove_if(
      [&](Watcher& watcher) { return !SendOrOwe(watcher, response); });
  if (found->second.empty()) watchers_.erase(found);
}

bool KvWatchers::Send(Watcher& watcher, const v1::WatchResponse& response) {
  absl::Status sent = watcher.stream.Send(response);
  if (sent.ok()) return true;
  watcher.stream.Finish(std::move(sent));
  return false;
}

bool KvWatchers::SendOrOwe(Watcher& watcher,
                           const v1::WatchResponse& response) {
  if (watcher.stream.writable()) {
    watcher.owed.reset();  // It is older, and not told any more.
    return Send(watcher, response);
  }
  watcher.owed = response;
  return true;
}

void KvWatchers::OnChange(Watchers::iterator watcher) {
  if (!GoOn(*watcher)) Remove(watcher);
}

bool KvWatchers::GoOn(Watcher& watcher) {
  if (watcher.stream.cancelled()) return false;
  if (watcher.stream.stopping()) {
    watcher.stream.Finish(
        absl::UnavailableError("the server is stopping; watch another"));
    return false;
  }
  if (!watcher.owed.has_value() || !watcher.stream.writable()) return true;
  return Send(watcher, *std::exchange(watcher.owed, std::nullopt));
}

void KvWatchers::Remove(Watchers::iterator watcher) {
  const auto found = watchers_.find(watcher->key);
  found->second.erase(watcher);
  if (found->second.empty()) watchers_.erase(found);
}

}  // namespace pinion::kv
