// SPDX-License-Identifier: Apache-2.0
//
// ServeOnLoopback: starts a server of a benchmark on a free port of 127.0.0.1,
// gRPC's own or one of Pinion's, each as its own main() would have it.
//
// Threads: called once in a process; serves until that ends.
// Example: grpc::ServerBuilder builder;
//          builder.RegisterService(new SyncEcho);
//          return ServeOnLoopback(builder);
//
//          return ServeOnLoopback({.workers = 2}, HostCounters);
#ifndef PINION_TESTS_BENCH_SUPPORT_SERVE_ON_LOOPBACK_H_
#define PINION_TESTS_BENCH_SUPPORT_SERVE_ON_LOOPBACK_H_

#include <grpcpp/server_builder.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/server/tls_options.h"

namespace pinion::bench {

// Starts what `builder` has; returns its address.
std::string ServeOnLoopback(grpc::ServerBuilder& builder);

// Starts a server of these options with what `host` hosts on it. The process's
// locks do not look for deadlocks, as with Server::Run(). It encrypts as `tls`
// says.
std::string ServeOnLoopback(HostingOptions options,
                            absl::FunctionRef<void(Server& server)> host,
                            TlsOptions tls = {});

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_SERVE_ON_LOOPBACK_H_
