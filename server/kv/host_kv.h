// SPDX-License-Identifier: Apache-2.0
//
// HostKv: puts pinion.kv.v1.KvService on a server, or on what is attached to
//         one of the user's own.
//
// Threads: before the server starts, on the thread that builds it.
// Errors:  options that are not valid stop the start, with one line.
// Example: pinion::Server server({}); pinion::kv::HostKv(server);
#ifndef PINION_SERVER_KV_HOST_KV_H_
#define PINION_SERVER_KV_HOST_KV_H_

#include "server/hosting.h"
#include "server/kv/kv_options.h"
#include "server/server.h"

namespace pinion::kv {

void HostKv(Hosting& hosting, const KvOptions& options = {});
inline void HostKv(Server& server, const KvOptions& options = {}) {
  HostKv(server.hosting(), options);
}

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_HOST_KV_H_
