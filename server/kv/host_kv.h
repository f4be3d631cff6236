// SPDX-License-Identifier: Apache-2.0
//
// HostKv: adds pinion.kv.v1.KvService to a Server, or to the Hosting of a gRPC
//         server that you build.
//
// Threads: the thread that builds the server, before the server starts.
// Errors:  options that are not valid stop the start, with one line.
// Example: pinion::Server server({}); pinion::kv::HostKv(server);
#ifndef PINION_SERVER_KV_HOST_KV_H_
#define PINION_SERVER_KV_HOST_KV_H_

#include "pinion/server/hosting.h"
#include "pinion/server/kv/kv_options.h"
#include "pinion/server/server.h"

namespace pinion::kv {

void HostKv(Hosting& hosting, const KvOptions& options = {});
inline void HostKv(Server& server, const KvOptions& options = {}) {
  HostKv(server.hosting(), options);
}

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_HOST_KV_H_
