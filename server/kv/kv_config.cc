// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_config.h"

#include "pinion/server/keyed/keyed.h"

namespace pinion::kv {

KvOptions KvOptionsOf(const v1::KvConfig& config, const KvOptions& base) {
  KvOptions options = base;
  if (config.has_kv_bytes()) options.bytes = config.kv_bytes();
  if (config.kv_when_full() == v1::KV_WHEN_FULL_REFUSE) {
    options.when_full = WhenFull::kRefuse;
  } else if (config.kv_when_full() == v1::KV_WHEN_FULL_EVICT) {
    options.when_full = WhenFull::kEvict;
  }
  return options;
}

v1::KvConfig ConfigOf(const KvOptions& options) {
  v1::KvConfig config;
  config.set_kv_bytes(options.bytes);
  config.set_kv_when_full(options.when_full == WhenFull::kEvict
                              ? v1::KV_WHEN_FULL_EVICT
                              : v1::KV_WHEN_FULL_REFUSE);
  return config;
}

}  // namespace pinion::kv
