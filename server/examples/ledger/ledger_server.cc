// SPDX-License-Identifier: Apache-2.0
//
// ledger_server: a bank of accounts in memory, until SIGTERM.
//
//   ledger_server [--listen=HOST:PORT] [--workers=N]
//                 [--trace_collector=HOST:PORT]
//
// Exit code: 0 after a stop, 2 if it could not start, 3 if a handler did not
// return.
#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/time.h"
#include "pinion/server/examples/ledger/host_ledger.h"
#include "pinion/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:50051",
          "Where to serve: host:port, port 0 for a free one.");
ABSL_FLAG(int, workers, 0,
          "Pinned threads that keep the accounts; 0: half of the CPUs.");
ABSL_FLAG(std::string, trace_collector, "",
          "Where the spans of traced calls go: host:port; empty: nowhere.");
ABSL_FLAG(absl::Duration, remember, absl::Minutes(10),
          "For how long a transfer is remembered, so that it can be repeated.");
ABSL_FLAG(uint32_t, lines_kept, bank::LedgerOptions().lines_kept,
          "How many lines of each account are kept for statements.");
ABSL_FLAG(int64_t, max_bytes, bank::LedgerOptions().max_bytes,
          "How many bytes the accounts of one worker may take, and as many the "
          "transfers that it remembers.");

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("keeps the accounts of a bank in memory");
  absl::ParseCommandLine(argc, argv);
  pinion::Server server(
      {.listen = absl::GetFlag(FLAGS_listen)},
      {.workers = absl::GetFlag(FLAGS_workers),
       .tracing = {.collector = absl::GetFlag(FLAGS_trace_collector)}});
  bank::HostLedger(
      server,
      {.remember_for = absl::ToChronoNanoseconds(absl::GetFlag(FLAGS_remember)),
       .lines_kept = absl::GetFlag(FLAGS_lines_kept),
       .max_bytes = absl::GetFlag(FLAGS_max_bytes)});
  return server.Run();
}
