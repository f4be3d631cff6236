// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/host_kv.h"

#include <memory>

#include "pinion/server/kv/kv_shard.h"

namespace pinion::kv {
namespace {

absl::StatusOr<std::unique_ptr<KvShard>> MakeShard(const ShardInfo& info,
                                                   const KvOptions& options) {
  const absl::Status valid = Validate(options);
  if (!valid.ok()) return valid;
  return std::make_unique<KvShard>(info, options);
}

}  // namespace

void HostKv(Hosting& hosting, const KvOptions& options) {
  hosting
      .Host<KvShard>(
          "pinion.kv.v1.KvService",
          [options](const ShardInfo& info) { return MakeShard(info, options); })
      .On("Get", &KvShard::Get)
      .On("Put", &KvShard::Put)
      .On("Delete", &KvShard::Delete)
      .On("Increment", &KvShard::Increment)
      .On("CompareAndSet", &KvShard::CompareAndSet)
      .On("Watch", &KvShard::Watch);
}

}  // namespace pinion::kv
