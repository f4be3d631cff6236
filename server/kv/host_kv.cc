// SPDX-License-Identifier: Apache-2.0
#include "server/kv/host_kv.h"

#include <memory>

#include "core/monotonic_nanos.h"
#include "server/kv/kv_shard.h"

namespace pinion::kv {

void HostKv(Server& server) {
  server
      .Host<KvShard>("pinion.kv.v1.KvService",
                     [] { return std::make_unique<KvShard>(MonotonicNanos); })
      .On("Get", &KvShard::Get)
      .On("Put", &KvShard::Put)
      .On("Delete", &KvShard::Delete)
      .On("Increment", &KvShard::Increment)
      .On("CompareAndSet", &KvShard::CompareAndSet);
}

}  // namespace pinion::kv
