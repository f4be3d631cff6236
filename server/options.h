// SPDX-License-Identifier: Apache-2.0
//
// ServerOptions: all that can be said about a server before it starts.
//
// Threads: plain data. Server::Start() validates it; nothing is silently
//          replaced by something else.
// Example: pinion::Server server({.listen = "127.0.0.1:0", .workers = 2});
#ifndef PINION_SERVER_OPTIONS_H_
#define PINION_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/cpu_plan.h"

namespace pinion {

struct ServerOptions {
  // Where to serve gRPC: "host:port" (IPv6 hosts in brackets), with port 0 for
  // a free one, or "unix:/path".
  std::string listen = "127.0.0.1:50051";

  // Pinion's listener is not encrypted. Without this it listens on loopback
  // addresses and Unix sockets only.
  bool allow_unencrypted_public_traffic = false;

  // Pinned threads that run handlers, each on a CPU of its own: 1 to the number
  // of CPUs this process may use, or has the quota for; 0: half of them, at
  // least one.
  int workers = 0;

  // The workers' CPUs, in order, as in "0-3,8"; empty: the server chooses.
  std::string worker_cpus = {};

  // Whether each worker is pinned to its CPU, or they float over all of theirs.
  CpuPolicy cpu_policy = CpuPolicy::kPin;

  // Threads that speak gRPC: they read calls and write answers. 1 to 64; 0: as
  // many as there are CPUs without a worker, at least one.
  int io_threads = 0;

  // How many calls may wait for one service on one worker, 1 to 524,287.
  // Beyond it a call is refused with RESOURCE_EXHAUSTED.
  int64_t lane_capacity = 16384;

  // The largest request and the largest response, in bytes; 1 KiB to 1 GiB.
  int64_t max_message_bytes = 4 << 20;

  // How long a stop waits for the calls that are open, 0 to 1 hour. Those that
  // still wait for their worker then are answered UNAVAILABLE.
  absl::Duration grace = absl::Seconds(10);

  // Goes into the hash that maps keys to workers: servers with one seed and one
  // number of workers map alike.
  uint64_t key_seed = 0;
};

// INVALID_ARGUMENT with one line that names the option, its value and what
// would be valid.
absl::Status Validate(const ServerOptions& options);

}  // namespace pinion

#endif  // PINION_SERVER_OPTIONS_H_
