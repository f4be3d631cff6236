// SPDX-License-Identifier: Apache-2.0
//
// pinion-server: hosts the kv service, and with --echo the echo service.
//
// Server::Run() says what it prints, how it stops, and its exit codes.
#include <fcntl.h>
#include <google/protobuf/stubs/logging.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/hosting/process_setup.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/kv/kv_options.h"
#include "pinion/server/run_options.h"
#include "pinion/server/server.h"
#include "pinion/tools/command_line.h"

// ---- Listener ---------------------------------------------------------------

ABSL_FLAG(std::string, listen, pinion::ListenOptions().listen,
          "The address to serve gRPC on: host:port (port 0 picks a free "
          "port) or unix:path. Change it when clients on other machines must "
          "reach the server.");
ABSL_FLAG(bool, allow_unencrypted_public_traffic, false,
          "Allow --listen to name an address that other machines can reach. "
          "The traffic is not encrypted. Set it only inside a network that "
          "you trust.");
ABSL_FLAG(int64_t, max_connections, pinion::ListenOptions().max_connections,
          "The most connections that may be open at a time, 1 to 1000000; "
          "further ones are closed at once. Raise it when honest clients "
          "reach it.");
ABSL_FLAG(
    int64_t, max_connections_per_address, 0,
    "The most open connections from one IPv4 address or one IPv6 /64 "
    "network, 1 to 1000000; 0: half of --max_connections. Loopback and "
    "--trusted_proxies have no such limit. Raise it when all clients come "
    "through one NAT.");
ABSL_FLAG(int64_t, grpc_memory_bytes, pinion::ListenOptions().grpc_memory_bytes,
          "Soft limit on gRPC's own memory, 16777216 to 1099511627776 bytes. "
          "Lower it when the process must fit into less memory.");
ABSL_FLAG(absl::Duration, keepalive_time,
          pinion::ListenOptions().keepalive_time,
          "How long a connection may be silent before the server sends a "
          "ping, 100ms to 1h. Lower it when many clients disappear without "
          "closing their connections.");
ABSL_FLAG(absl::Duration, keepalive_timeout,
          pinion::ListenOptions().keepalive_timeout,
          "How long the answer to a ping may take, 100ms to 1h; then the "
          "server drops the connection. Raise it for clients on slow lines "
          "that receive large answers.");
ABSL_FLAG(absl::Duration, min_ping_interval,
          pinion::ListenOptions().min_ping_interval,
          "How long a client must wait between two pings while the server "
          "sends it nothing else, 0 to 1h; the third that comes earlier ends "
          "the connection. Lower it for clients that must ping more often.");

// ---- Workers and CPUs -------------------------------------------------------

ABSL_FLAG(int, workers, 0,
          "The number of worker threads, which run the handlers, each on its "
          "own CPU: 1 to the number of CPUs; 0: half of them. Raise it when "
          "the workers are busy and the I/O threads are not.");
ABSL_FLAG(std::string, worker_cpus, "",
          "The workers' CPUs, in order, for example 0-3,8; empty: the server "
          "chooses. Set it when other processes need CPUs of their own.");
ABSL_FLAG(std::string, cpu_policy, "pin",
          "\"pin\": each worker has a CPU of its own; \"float\": the kernel "
          "moves the workers among their CPUs. Use float when other programs "
          "use the same CPUs.");
ABSL_FLAG(int, io_threads, 0,
          "The number of threads that read calls and write answers, 1 to 64; "
          "0: one for each CPU without a worker. Raise it when they are busy "
          "and the workers are not.");

ABSL_FLAG(int, session_io_threads, 0,
          "The number of further threads that read and write for sessions "
          "only, 0 to 64; 0: the I/O threads serve them. Set it when strangers "
          "may flood the server with plain calls or streams beside sessions, "
          "and each thread has a CPU.");

// ---- Lanes: one service on one worker ---------------------------------------

ABSL_FLAG(int64_t, lane_calls, pinion::HostingOptions().lane_calls,
          "The most calls of one service that one worker holds, waiting and "
          "running, 1 to 524287. Raise it when bursts are refused although "
          "the worker catches up in time.");
ABSL_FLAG(int64_t, lane_bytes, pinion::HostingOptions().lane_bytes,
          "The most bytes of requests that one worker holds for one service, "
          "--max_message_bytes to 549755813887. Raise it when requests are "
          "large.");
ABSL_FLAG(int64_t, lane_streams, pinion::HostingOptions().lane_streams,
          "The most open server streams of one service on one worker, 1 to "
          "16777215; each takes about 10 KB. Raise it when more clients "
          "watch at a time.");

// ---- Server memory ----------------------------------------------------------

ABSL_FLAG(int64_t, server_calls, pinion::HostingOptions().server_calls,
          "The most calls that the whole server holds, 1 to 16777215. Raise "
          "it when calls are refused though memory is free.");
ABSL_FLAG(int64_t, server_bytes, pinion::HostingOptions().server_bytes,
          "The most bytes of requests, their metadata and answers that the "
          "whole server holds, four times --max_message_bytes to 549755813887. "
          "One session or connection can use at most half. Lower it when "
          "memory is short.");
ABSL_FLAG(std::string, trusted_proxies,
          pinion::HostingOptions().trusted_proxies,
          "Addresses and networks of proxies that carry the unary calls of "
          "many clients over one connection, for example \"10.0.0.0/8, "
          "::1\". List every such proxy; otherwise all of its clients share "
          "the limits of one connection.");

// ---- Sessions and streams ---------------------------------------------------

ABSL_FLAG(int64_t, session_calls, pinion::HostingOptions().session_calls,
          "The most calls that one session may have open, 1 to 1000000. "
          "Raise it for clients that keep more in flight.");
ABSL_FLAG(int64_t, session_bytes, pinion::HostingOptions().session_bytes,
          "The most bytes that the open calls of one session may take, "
          "--max_message_bytes to 549755813887. Lower it to give one client "
          "less memory.");
ABSL_FLAG(int64_t, stream_bytes, pinion::HostingOptions().stream_bytes,
          "The most bytes of messages in one server stream that its client "
          "has not taken yet, --max_message_bytes to 549755813887. Raise it "
          "when handlers send in large bursts.");
ABSL_FLAG(absl::Duration, write_timeout, pinion::HostingOptions().write_timeout,
          "How long a client may take none of the data that is written to "
          "it, 10ms to 1h; then its session, stream or call is broken. Raise "
          "it for clients that pause for longer.");
ABSL_FLAG(absl::Duration, max_session_age,
          pinion::HostingOptions().max_session_age,
          "After this time, above 0, the server asks a session's client to "
          "open another session; inf: never. Set it when a load balancer "
          "should spread long-lived clients.");

// ---- Message size and time limits -------------------------------------------

ABSL_FLAG(int64_t, max_message_bytes,
          pinion::HostingOptions().max_message_bytes,
          "The largest request and response, 1024 to 1073741824 bytes. Raise "
          "it when a valid message is refused as too large.");
ABSL_FLAG(absl::Duration, default_timeout,
          pinion::HostingOptions().default_timeout,
          "The deadline of calls that come without one, above 0, for example "
          "10s or 500ms; inf: none. Set it when some clients forget "
          "deadlines.");

// ---- Health and stop --------------------------------------------------------

ABSL_FLAG(absl::Duration, stall_after, pinion::HostingOptions().stall_after,
          "A worker counts as stalled once one handler has run this long, "
          "10ms to 1h. Raise it when healthy handlers run for longer.");
ABSL_FLAG(double, healthy_share, pinion::HostingOptions().healthy_share,
          "The share of the workers, 0 to 1, that must not be stalled so "
          "that health reports SERVING for the server and its services; at "
          "least one worker in any case. Raise it when other servers can "
          "take the whole load.");
ABSL_FLAG(absl::Duration, lame_duck, pinion::HostingOptions().lame_duck,
          "How long a stop still accepts calls while health reports "
          "NOT_SERVING, 0 to 1h. Set it to a little more than the load "
          "balancer's check interval.");
ABSL_FLAG(absl::Duration, grace, pinion::HostingOptions().grace,
          "How long a stop waits, after --lame_duck, for open calls and "
          "running handlers, 0 to 1h. Make it longer than the longest "
          "handler that must not be cut off.");

// ---- Logging and keys -------------------------------------------------------

ABSL_FLAG(uint64_t, key_seed, 0,
          "Seed of the hash that maps keys to workers, 0 to 2^64-1. Set it "
          "to a secret number when strangers choose keys.");

// ---- Output -----------------------------------------------------------------

ABSL_FLAG(bool, account, pinion::RunOptions().account,
          "At the end, write a line to the log with what became of the calls, "
          "refusals by reason, and peaks. Set it to false when your metrics "
          "have them.");
ABSL_FLAG(bool, summary, pinion::RunOptions().summary,
          "The account is a table on standard output, by method, in place of "
          "the line. Set it to see which method failed.");

// ---- The kv service ---------------------------------------------------------

ABSL_FLAG(int64_t, kv_bytes, pinion::kv::KvOptions().bytes,
          "The most bytes that the kv service's values on one worker may "
          "take, with their keys and about 200 bytes more for each, 1024 to "
          "1099511627776. Raise it when values do not fit though memory is "
          "free.");
ABSL_FLAG(std::string, kv_when_full, "refuse",
          "What happens to a write that does not fit into --kv_bytes: "
          "\"refuse\": it fails with RESOURCE_EXHAUSTED; \"evict\": the "
          "least recently used values are evicted. Use evict for a cache.");

// ---- The echo service -------------------------------------------------------

ABSL_FLAG(bool, echo, false,
          "Serve pinion.echo.v1.EchoService too, to measure and to try a "
          "client. Each of its calls may keep a worker busy for a minute.");

namespace {

constexpr char kUsage[] =
    "usage: pinion-server [flags]\n\n"
    "Serves pinion.kv.v1.KvService on pinned worker threads until SIGTERM or "
    "SIGINT; a second one hurries the stop.\n\n"
    "Exit codes: 0 after a stop, 2 if it could not start, 3 if a handler did "
    "not return and the stop ended without it.";

// The groups of --help: those of server/options.h and server/kv/kv_options.h,
// in their order. tests/client/help_test.sh compares.
std::vector<pinion::FlagGroup> FlagGroups() {
  return {
      {"Listener",
       {"listen", "allow_unencrypted_public_traffic", "max_connections",
        "max_connections_per_address", "grpc_memory_bytes", "keepalive_time",
        "keepalive_timeout", "min_ping_interval"}},
      {"Workers and CPUs",
       {"workers", "worker_cpus", "cpu_policy", "io_threads",
        "session_io_threads"}},
      {"Lanes: one service on one worker",
       {"lane_calls", "lane_bytes", "lane_streams"}},
      {"Server memory", {"server_calls", "server_bytes", "trusted_proxies"}},
      {"Sessions and streams",
       {"session_calls", "session_bytes", "stream_bytes", "write_timeout",
        "max_session_age"}},
      {"Message size and time limits",
       {"max_message_bytes", "default_timeout"}},
      {"Health and stop",
       {"stall_after", "healthy_share", "lame_duck", "grace"}},
      {"Logging and keys", {"key_seed"}},
      {"Output", {"account", "summary"}},
      {"The kv service", {"kv_bytes", "kv_when_full"}},
      {"The echo service", {"echo"}},
  };
}

pinion::ListenOptions ListenOptionsFromFlags() {
  return {
      .listen = absl::GetFlag(FLAGS_listen),
      .allow_unencrypted_public_traffic =
          absl::GetFlag(FLAGS_allow_unencrypted_public_traffic),
      .max_connections = absl::GetFlag(FLAGS_max_connections),
      .max_connections_per_address =
          absl::GetFlag(FLAGS_max_connections_per_address),
      .grpc_memory_bytes = absl::GetFlag(FLAGS_grpc_memory_bytes),
      .keepalive_time = absl::GetFlag(FLAGS_keepalive_time),
      .keepalive_timeout = absl::GetFlag(FLAGS_keepalive_timeout),
      .min_ping_interval = absl::GetFlag(FLAGS_min_ping_interval),
  };
}

pinion::HostingOptions HostingOptionsFromFlags() {
  const absl::StatusOr<pinion::CpuPolicy> cpu_policy =
      pinion::ParseCpuPolicy(absl::GetFlag(FLAGS_cpu_policy));
  if (!cpu_policy.ok()) {
    pinion::ExitWithUsageError(
        absl::StrCat("--cpu_policy: ", cpu_policy.status().message()));
  }
  return {
      .workers = absl::GetFlag(FLAGS_workers),
      .worker_cpus = absl::GetFlag(FLAGS_worker_cpus),
      .cpu_policy = *cpu_policy,
      .io_threads = absl::GetFlag(FLAGS_io_threads),
      .session_io_threads = absl::GetFlag(FLAGS_session_io_threads),
      .lane_calls = absl::GetFlag(FLAGS_lane_calls),
      .lane_bytes = absl::GetFlag(FLAGS_lane_bytes),
      .lane_streams = absl::GetFlag(FLAGS_lane_streams),
      .server_calls = absl::GetFlag(FLAGS_server_calls),
      .server_bytes = absl::GetFlag(FLAGS_server_bytes),
      .trusted_proxies = absl::GetFlag(FLAGS_trusted_proxies),
      .session_calls = absl::GetFlag(FLAGS_session_calls),
      .session_bytes = absl::GetFlag(FLAGS_session_bytes),
      .stream_bytes = absl::GetFlag(FLAGS_stream_bytes),
      .write_timeout = absl::GetFlag(FLAGS_write_timeout),
      .max_session_age = absl::GetFlag(FLAGS_max_session_age),
      .max_message_bytes = absl::GetFlag(FLAGS_max_message_bytes),
      .default_timeout = absl::GetFlag(FLAGS_default_timeout),
      .stall_after = absl::GetFlag(FLAGS_stall_after),
      .healthy_share = absl::GetFlag(FLAGS_healthy_share),
      .lame_duck = absl::GetFlag(FLAGS_lame_duck),
      .grace = absl::GetFlag(FLAGS_grace),
      .key_seed = absl::GetFlag(FLAGS_key_seed),
  };
}

pinion::kv::KvOptions KvOptionsFromFlags() {
  const absl::StatusOr<pinion::WhenFull> when_full =
      pinion::kv::ParseWhenFull(absl::GetFlag(FLAGS_kv_when_full));
  if (!when_full.ok()) {
    pinion::ExitWithUsageError(
        absl::StrCat("--kv_when_full: ", when_full.status().message()));
  }
  return {.bytes = absl::GetFlag(FLAGS_kv_bytes), .when_full = *when_full};
}

// As OpenStandardDescriptors(), before the initializers of libraries, which
// open files; a sanitizer's own has not run by then either.
__attribute__((no_sanitize("address", "thread", "undefined"))) void
OpenDescriptorsFirst(int, char**, char**) {
  for (long i = STDIN_FILENO; i <= STDERR_FILENO; ++i) {
    if (syscall(SYS_fcntl, i, F_GETFD) < 0) {
      syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    }
  }
}
__attribute__((section(".preinit_array"),
               used)) void (*const kFirst)(int, char**,
                                           char**) = OpenDescriptorsFirst;

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words =
      pinion::ParseCommandLine(argc, argv, kUsage, FlagGroups());
  if (!words.empty()) {
    pinion::ExitWithUsageError(
        absl::StrCat("\"", words[0], "\" is not a flag; --help lists them"));
  }
  // What goes wrong at the start is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  setenv("HWLOC_HIDE_ERRORS", "2", /*overwrite=*/0);
  // What a client sends that cannot be decoded, the client is told.
  google::protobuf::SetLogHandler(nullptr);
  pinion::QueueGrpcsLines();
  pinion::Server server(ListenOptionsFromFlags(), HostingOptionsFromFlags());
  pinion::kv::HostKv(server, KvOptionsFromFlags());
  if (absl::GetFlag(FLAGS_echo)) pinion::echo::HostEcho(server);
  return server.Run({.account = absl::GetFlag(FLAGS_account),
                     .summary = absl::GetFlag(FLAGS_summary)});
}
