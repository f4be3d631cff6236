// SPDX-License-Identifier: Apache-2.0
//
// ServerOptions: all that can be said about a Server, or a Hosting, before it
// starts.
//
// Threads: plain data. Server::Start() and Hosting::Attach() validate it;
//          nothing is silently replaced by something else.
// Example: pinion::Server server({.listen = "127.0.0.1:0", .workers = 2});
#ifndef PINION_SERVER_OPTIONS_H_
#define PINION_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/cpu_plan.h"
#include "server/log.h"

namespace pinion {

struct ServerOptions {
  // The listener's. A Hosting has none: the builder it attaches to says this.

  // Where to serve gRPC: "host:port" (IPv6 hosts in brackets), with port 0 for
  // a free one, or "unix:/path".
  std::string listen = "127.0.0.1:50051";

  // Pinion's listener is not encrypted. Without this it listens on loopback
  // addresses and Unix sockets only.
  bool allow_unencrypted_public_traffic = false;

  // How many bytes gRPC may hold, 16 MiB to 1 TiB, to which it says that it
  // tries to keep.
  int64_t grpc_memory_bytes = int64_t{1} << 30;

  // The hosted services'.

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

  // How many calls of one service one worker holds, 1 to 524,287, and how many
  // bytes of their requests, max_message_bytes to 512 GiB - 1: those that wait,
  // that run, and that were answered but whose handler still runs. Beyond it a
  // call is refused with RESOURCE_EXHAUSTED.
  int64_t lane_capacity = 16384;
  int64_t lane_bytes = int64_t{64} << 20;

  // How many calls the server holds in all, 1 to 16,777,215, and how many bytes
  // of their requests and answers, max_message_bytes to 512 GiB - 1. This
  // bounds what Pinion holds, and not what gRPC does.
  int64_t max_calls = 1'000'000;
  int64_t max_bytes = int64_t{1} << 30;

  // How many calls one session may have open, 1 to 1,000,000, and how many
  // bytes of messages with open calls, max_message_bytes to 512 GiB - 1. Beyond
  // it a call is refused with REASON_TOO_MANY_CALLS.
  int64_t session_calls = 16384;
  int64_t session_bytes = int64_t{64} << 20;

  // How many bytes of messages one server stream may have sent that its client
  // has not taken, with 64 bytes for each, max_message_bytes to 512 GiB - 1;
  // below half of it one more message may be sent, whatever its size. Beyond it
  // Stream::Send() sends nothing and says RESOURCE_EXHAUSTED. They count in
  // max_bytes, too.
  int64_t stream_bytes = int64_t{4} << 20;

  // How long the client of a session or a server stream may take none of what
  // is written to it, 10 ms to 1 hour; then that is broken.
  absl::Duration write_timeout = absl::Seconds(30);

  // After how long a session's client is asked to open another, above 0;
  // InfiniteDuration(): never. From then on its calls are refused, and after
  // `grace` the session ends, with what is still open.
  absl::Duration max_session_age = absl::InfiniteDuration();

  // The largest request and the largest response, in bytes; 1 KiB to 1 GiB. Of
  // requests that come to a Hosting, its builder's own limit holds as well.
  int64_t max_message_bytes = 4 << 20;

  // For calls that come without a deadline, above 0; InfiniteDuration(): they
  // wait as long as it takes.
  absl::Duration default_timeout = absl::InfiniteDuration();

  // From when on a worker that is kept by one handler counts as stalled, 10 ms
  // to 1 hour: its health is NOT_SERVING, and calls that would have to wait for
  // longer than they may are refused with REASON_LANE_STALLED.
  absl::Duration stall_after = absl::Seconds(1);

  // How long a stop goes on taking calls after health has said NOT_SERVING, for
  // load balancers to look elsewhere; 0 to 1 hour. Sessions, whose clients are
  // told of the stop itself, take none once they have told.
  absl::Duration lame_duck = absl::ZeroDuration();

  // How long a stop then waits for the calls that are open, 0 to 1 hour. Those
  // that are not done then are answered UNAVAILABLE, whether they wait for
  // their worker or run.
  absl::Duration grace = absl::Seconds(10);

  // Where a line goes that an operator should see (without its end), from any
  // thread; empty: to standard error.
  LogFunction log = {};

  // Goes into the hash that maps keys to workers: servers with one seed and one
  // number of workers map alike.
  uint64_t key_seed = 0;
};

// INVALID_ARGUMENT with one line that names the option, its value and what
// would be valid.
absl::Status Validate(const ServerOptions& options);

// The same for a Hosting: the listener's options must be as they were made.
absl::Status ValidateHosting(const ServerOptions& options);

// The options with those of the listener as they were made.
ServerOptions WithoutListener(ServerOptions options);

}  // namespace pinion

#endif  // PINION_SERVER_OPTIONS_H_
