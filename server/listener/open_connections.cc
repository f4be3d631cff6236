// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/open_connections.h"

#include <sys/stat.h>

#include <algorithm>

namespace pinion {
namespace {

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
};

// 0, 0 if the descriptor is closed.
Identity IdentityOf(int descriptor) {
  struct stat file;
  if (fstat(descriptor, &file) != 0) return {};
  return {.device = file.st_dev, .inode = file.st_ino};
}

}  // namespace

OpenConnections::Outcome OpenConnections::Add(int descriptor,
                                              std::optional<uint64_t> group,
                                              Moment now) {
  const Identity identity = IdentityOf(descriptor);
  const MutexLock lock(mutex_);
  if (by_descriptor_.size() <= static_cast<size_t>(descriptor)) {
    by_descriptor_.resize(descriptor + 1);
  }
  Connection& entry = by_descriptor_[descriptor];
  Remove(entry);  // Whose descriptor it was has ended.
  Outcome outcome = RoomFor(group);
  if (outcome != Outcome::kRoom &&
      (!looked_.has_value() || now - *looked_ >= kBetweenLooks)) {
    looked_ = now;
    RemoveEnded();
    outcome = RoomFor(group);
  }
  if (outcome != Outcome::kRoom) {
    ++counts_.refused;
    return outcome;
  }
  entry = {.device = identity.device, .inode = identity.inode, .group = group};
  if (group.has_value()) ++groups_[*group];
  ++counts_.accepted;
  ++counts_.open;
  counts_.most_open = std::max(counts_.most_open, counts_.open);
  return outcome;
}

void OpenConnections::SetLimits(const ConnectionLimits& limits) {
  const MutexLock lock(mutex_);
  limits_ = limits;
}

ConnectionLimits OpenConnections::limits() const {
  const MutexLock lock(mutex_);
  return limits_;
}

ConnectionCounts OpenConnections::Counts() {
  const MutexLock lock(mutex_);
  RemoveEnded();
  return counts_;
}

OpenConnections::Outcome OpenConnections::RoomFor(
    std::optional<uint64_t> group) const {
  if (counts_.open >= limits_.in_all) return Outcome::kFull;
  if (!group.has_value()) return Outcome::kRoom;
  const auto found = groups_.find(*group);
  const int64_t open = found == groups_.end() ? 0 : found->second;
  return open < limits_.per_group ? Outcome::kRoom : Outcome::kGroupFull;
}

void OpenConnections::RemoveEnded() {
  for (size_t i = 0; i < by_descriptor_.size(); ++i) {
    Connection& connection = by_descriptor_[i];
    if (connection.inode == 0) continue;
    const Identity identity = IdentityOf(static_cast<int>(i));
    if (identity.device == connection.device &&
        identity.inode == connection.inode) {
      continue;
    }
    Remove(connection);
  }
}

void OpenConnections::Remove(Connection& connection) {
  if (connection.inode == 0) return;
  if (connection.group.has_value()) {
    const auto group = groups_.find(*connection.group);
    if (--group->second == 0) groups_.erase(group);
  }
  connection = {};
  --counts_.open;
}

}  // namespace pinion
