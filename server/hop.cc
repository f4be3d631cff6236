// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hop.h"

#include "pinion/core/worker.h"

namespace pinion {

void Hop::Post(int worker, Function function) && {
  PINION_CHECK(Worker::Current() != nullptr,
               "a hop was posted off the workers' threads");
  std::move(*this).PostFromAnyThread(worker, std::move(function));
}

void Hop::PostFromAnyThread(int worker, Function function) && {
  std::exchange(node_, nullptr)->Post(worker, std::move(function));
}

void Hop::CheckShard(const void* type) const { node_->CheckShard(type); }

int Hop::OwnerOf(const Key& key) const {
  PINION_CHECK(node_ != nullptr, "a hop was posted twice");
  return node_->OwnerOf(key);
}

void Hop::LetGo() {
  if (node_ != nullptr) std::exchange(node_, nullptr)->Release();
}

}  // namespace pinion
