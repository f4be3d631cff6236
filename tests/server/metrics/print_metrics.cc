// SPDX-License-Identifier: Apache-2.0
//
// print_metrics: prints the metrics of a server that has all of them, for the
// tests of pages and rules.
//
// Calls, lanes and workers are those of a server that has run. A policy,
// certificates, tokens, traces and the times of threads are set by hand: a
// server has each of them only if it is asked to.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pinion/server/metrics/metrics.h"
#include "pinion/server/metrics/process_facts.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/metrics/busy_server.h"

int main() {
  // The testing kit prints its seed there, and it is for the metrics alone.
  const int output = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  pinion::testing::BusyServer busy;
  busy.Succeed();
  busy.Fail(absl::StatusCode::kNotFound);
  busy.Expire();
  busy.Refuse();
  busy.Put("apples", "3");

  pinion::ServerSnapshot snapshot = busy.Snapshot();
  snapshot.policy = {.name = "shop",
                     .rules = {{.name = "strangers", .calls = 2},
                               {.name = "carts", .allows = true, .calls = 5}},
                     .matched_none = 1};
  snapshot.tls = {.certificate = absl::FromUnixSeconds(2'000'000'000),
                  .client_ca = absl::FromUnixSeconds(2'100'000'000)};
  snapshot.tokens = {.remembered = 9, .checked = 2, .entries = 2};
  snapshot.tracing.on = true;
  snapshot.tracing.exported = 7;
  snapshot.tracing.dropped_queue_full = 1;
  std::fflush(stdout);
  dup2(output, STDOUT_FILENO);
  std::cout << pinion::MetricsText(
      {.snapshot = snapshot,
       .version = "1.2.3",
       .process = pinion::ReadProcessFacts(),
       .worker_times = {{.cpu = std::chrono::seconds(3),
                         .run_delay = std::chrono::milliseconds(20)}}});
}
