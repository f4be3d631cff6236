// SPDX-License-Identifier: Apache-2.0
//
// HostKv: puts pinion.kv.v1.KvService on a server.
//
// Threads: before the server starts, on the thread that builds it.
// Errors:  options that are not valid stop the start, with one line.
// Example: pinion::Server server({}); pinion::kv::HostKv(server);
#ifndef PINION_SERVER_KV_HOST_KV_H_
#define PINION_SERVER_KV_HOST_KV_H_

#include "server/kv/kv_options.h"
#include "server/server.h"

namespace pinion::kv {

void HostKv(Server& server, const KvOptions& options = {});

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_HOST_KV_H_
