// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/shard_info.h"

#include <utility>

#include "pinion/server/shard/background_work.h"
#include "pinion/server/shard/hops.h"

namespace pinion {

int ShardInfo::workers() const { return hops_.owners().workers(); }

uint64_t ShardInfo::key_seed() const { return hops_.owners().key_seed(); }

int ShardInfo::Owner(const Key& key) const {
  return hops_.owners().OwnerOf(key);
}

void ShardInfo::Post(TaskClass task_class,
                     absl::AnyInvocable<void()> function) const {
  background_work_.Post(task_class, std::move(function));
}

std::optional<Hop> ShardInfo::TakeHop() const { return hops_.TakeOwn(worker_); }

}  // namespace pinion
