// SPDX-License-Identifier: Apache-2.0
//
// pinion-server: hosts the kv and the echo service.
//
// When it serves it prints on standard output a line "listening on HOST:PORT;
// ..." and which CPUs its threads have; SIGTERM or SIGINT stops it, and a
// second one hurries the stop. Exit codes: 0 after a stop, 2 if it could not
// start, 3 if a handler did not return and the stop ended without it.
#include <google/protobuf/stubs/logging.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/echo/echo_shard.h"
#include "server/kv/host_kv.h"
#include "server/kv/kv_options.h"
#include "server/server.h"
#include "tools/command_line.h"

ABSL_FLAG(
    std::string, listen, pinion::ServerOptions().listen,
    "Where to serve gRPC: host:port, port 0 for a free one, or unix:path.");
ABSL_FLAG(bool, allow_unencrypted_public_traffic, false,
          "Allow --listen to name an address that other machines can reach. "
          "The traffic is not encrypted.");
ABSL_FLAG(int, workers, 0,
          "Pinned threads that run handlers, one per CPU: 1 to the number of "
          "CPUs; 0: half of them.");
ABSL_FLAG(std::string, worker_cpus, "",
          "The workers' CPUs, in order, as in 0-3,8; empty: the server "
          "chooses.");
ABSL_FLAG(std::string, cpu_policy, "pin",
          "\"pin\": each worker on a CPU of its own; \"float\": the kernel "
          "places them.");
ABSL_FLAG(int, io_threads, 0,
          "Threads that speak gRPC, 1 to 64; 0: one for each CPU without a "
          "worker.");
ABSL_FLAG(int64_t, lane_capacity, pinion::ServerOptions().lane_capacity,
          "How many calls of one service one worker holds, waiting and "
          "running, 1 to 524287.");
ABSL_FLAG(int64_t, lane_bytes, pinion::ServerOptions().lane_bytes,
          "How many bytes of requests these hold, --max_message_bytes to "
          "549755813887.");
ABSL_FLAG(int64_t, max_calls, pinion::ServerOptions().max_calls,
          "How many calls the server holds in all, 1 to 16777215.");
ABSL_FLAG(int64_t, max_bytes, pinion::ServerOptions().max_bytes,
          "How many bytes of requests and answers these hold, "
          "--max_message_bytes to 549755813887.");
ABSL_FLAG(int64_t, grpc_memory_bytes, pinion::ServerOptions().grpc_memory_bytes,
          "How many bytes gRPC's own buffers should keep to, 16777216 to "
          "1099511627776.");
ABSL_FLAG(int64_t, session_calls, pinion::ServerOptions().session_calls,
          "How many calls one session may have open, 1 to 1000000.");
ABSL_FLAG(int64_t, session_bytes, pinion::ServerOptions().session_bytes,
          "How many bytes of messages with open calls one session may have, "
          "--max_message_bytes to 549755813887.");
ABSL_FLAG(int64_t, stream_bytes, pinion::ServerOptions().stream_bytes,
          "How many bytes one server stream may have sent that its client has "
          "not taken, --max_message_bytes to 549755813887.");
ABSL_FLAG(absl::Duration, write_timeout, pinion::ServerOptions().write_timeout,
          "How long the client of a session or a stream may take none of what "
          "is written to it, 10ms to 1h.");
ABSL_FLAG(absl::Duration, max_session_age,
          pinion::ServerOptions().max_session_age,
          "After how long a session's client is asked to open another, above "
          "0; inf: never.");
ABSL_FLAG(int64_t, max_message_bytes, pinion::ServerOptions().max_message_bytes,
          "The largest request and response, 1024 to 1073741824 bytes.");
ABSL_FLAG(absl::Duration, default_timeout,
          pinion::ServerOptions().default_timeout,
          "For calls without a deadline, above 0, as in 10s or 500ms; inf: "
          "they wait as long as it takes.");
ABSL_FLAG(absl::Duration, stall_after, pinion::ServerOptions().stall_after,
          "From when on a worker that one handler keeps counts as stalled, "
          "10ms to 1h.");
ABSL_FLAG(absl::Duration, lame_duck, pinion::ServerOptions().lame_duck,
          "How long a stop still takes calls, its health NOT_SERVING, 0 to "
          "1h.");
ABSL_FLAG(absl::Duration, grace, pinion::ServerOptions().grace,
          "How long a stop then waits for open calls, 0 to 1h.");
ABSL_FLAG(uint64_t, key_seed, 0,
          "Goes into the hash from keys to workers, 0 to 2^64-1.");
ABSL_FLAG(int64_t, kv_bytes, pinion::kv::KvOptions().bytes,
          "How many bytes the kv service's values on one worker may take, with "
          "their keys and some 200 bytes for each, 1024 to 1099511627776.");
ABSL_FLAG(std::string, kv_when_full, "refuse",
          "What happens to a write for which these leave no room: \"refuse\": "
          "it gets RESOURCE_EXHAUSTED; \"evict\": values go that were not read "
          "or written for the longest.");

namespace {

constexpr char kUsage[] =
    "usage: pinion-server [flags]\n\n"
    "Serves pinion.kv.v1.KvService and pinion.echo.v1.EchoService on pinned\n"
    "worker threads until SIGTERM or SIGINT; a second one hurries the stop.\n"
    "Exit codes: 0 after a stop, 2 if it could not start, 3 if a handler did\n"
    "not return and the stop ended without it.";

pinion::ServerOptions OptionsFromFlags() {
  const absl::StatusOr<pinion::CpuPolicy> cpu_policy =
      pinion::ParseCpuPolicy(absl::GetFlag(FLAGS_cpu_policy));
  if (!cpu_policy.ok()) {
    pinion::ExitWithUsageError(
        absl::StrCat("--cpu_policy: ", cpu_policy.status().message()));
  }
  return {
      .listen = absl::GetFlag(FLAGS_listen),
      .allow_unencrypted_public_traffic =
          absl::GetFlag(FLAGS_allow_unencrypted_public_traffic),
      .grpc_memory_bytes = absl::GetFlag(FLAGS_grpc_memory_bytes),
      .workers = absl::GetFlag(FLAGS_workers),
      .worker_cpus = absl::GetFlag(FLAGS_worker_cpus),
      .cpu_policy = *cpu_policy,
      .io_threads = absl::GetFlag(FLAGS_io_threads),
      .lane_capacity = absl::GetFlag(FLAGS_lane_capacity),
      .lane_bytes = absl::GetFlag(FLAGS_lane_bytes),
      .max_calls = absl::GetFlag(FLAGS_max_calls),
      .max_bytes = absl::GetFlag(FLAGS_max_bytes),
      .session_calls = absl::GetFlag(FLAGS_session_calls),
      .session_bytes = absl::GetFlag(FLAGS_session_bytes),
      .stream_bytes = absl::GetFlag(FLAGS_stream_bytes),
      .write_timeout = absl::GetFlag(FLAGS_write_timeout),
      .max_session_age = absl::GetFlag(FLAGS_max_session_age),
      .max_message_bytes = absl::GetFlag(FLAGS_max_message_bytes),
      .default_timeout = absl::GetFlag(FLAGS_default_timeout),
      .stall_after = absl::GetFlag(FLAGS_stall_after),
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

void PrintWhatRuns(const pinion::Server& server) {
  std::printf("listening on %s; workers: %d, I/O threads: %d\n%s",
              server.address().c_str(), server.scheduler().worker_count(),
              server.io_threads(),
              server.scheduler().cpu_plan().ToString().c_str());
  std::fflush(stdout);
}

// gRPC 1.51 accepts no connection any more once it had no file left for one.
void AllowManyFiles() {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words =
      pinion::ParseCommandLine(argc, argv, kUsage);
  if (!words.empty()) {
    pinion::ExitWithUsageError(
        absl::StrCat("\"", words[0], "\" is not a flag; --help lists them"));
  }
  // What goes wrong at the start is said once, by us.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  setenv("HWLOC_HIDE_ERRORS", "2", /*overwrite=*/0);
  // What a client sends that cannot be decoded, the client is told.
  google::protobuf::SetLogHandler(nullptr);
  AllowManyFiles();
  pinion::Server server(OptionsFromFlags());
  pinion::kv::HostKv(server, KvOptionsFromFlags());
  pinion::echo::HostEcho(server);
  return server.Run(PrintWhatRuns);
}
