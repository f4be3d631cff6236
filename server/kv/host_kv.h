// SPDX-License-Identifier: Apache-2.0
//
// HostKv: puts pinion.kv.v1.KvService on a server.
//
// Threads: before the server starts, on the thread that builds it.
// Example: pinion::Server server({}); pinion::kv::HostKv(server);
#ifndef PINION_SERVER_KV_HOST_KV_H_
#define PINION_SERVER_KV_HOST_KV_H_

#include "server/server.h"

namespace pinion::kv {

void HostKv(Server& server);

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_HOST_KV_H_
