// SPDX-License-Identifier: Apache-2.0
//
// The options of the kv service from its section of a server's file.
//
// Threads: plain functions; any thread.
// Example: v1::KvConfig config;
//          ReadConfigFile(path, &server_config, {{"kv", &config}});
//          HostKv(server, KvOptionsOf(config));
#ifndef PINION_SERVER_KV_KV_CONFIG_H_
#define PINION_SERVER_KV_KV_CONFIG_H_

#include "pinion/kv/v1/kv_config.pb.h"
#include "pinion/server/kv/kv_options.h"

namespace pinion::kv {

// Sets the options that `config` has; the others stay as they are in `base`.
KvOptions KvOptionsOf(const v1::KvConfig& config, const KvOptions& base = {});

// A section with the value of every option.
v1::KvConfig ConfigOf(const KvOptions& options);

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_CONFIG_H_
