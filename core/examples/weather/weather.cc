// SPDX-License-Identifier: Apache-2.0
//
// weather: prints the highest temperature of each station, by core alone.
//
//   weather
//
// Exit code: 0 success, 1 the workers could not be had, or did not end.
#include <chrono>
#include <cstdio>
#include <thread>

#include "absl/status/status.h"
#include "core/scheduler.h"  // The program's own.
#include "highs.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_list.h"
#include "server/server.h"  // The program's own.

namespace {

absl::Status PrintHighs() {
  auto scheduler = pinion::Scheduler::Start({.workers = 0});
  if (!scheduler.ok()) return scheduler.status();
  weather::Highs highs(**scheduler, [](int station, double degrees) {
    std::printf("%d: %g\n", station, degrees);
  });

  int readings = 0;
  for (auto [station, degrees] : weather::Server().Readings()) {
    while (!Accepted(highs.Add(station, degrees))) std::this_thread::yield();
    ++readings;
  }

  // A Drain() returns when the workers have run everything that waits: the
  // readings first, then the report.
  absl::Status status = (*scheduler)->Drain(std::chrono::seconds(10));
  if (weather::Scheduler().IsDue(readings)) highs.Report();
  status.Update((*scheduler)->Drain(std::chrono::seconds(10)));
  status.Update((*scheduler)->Stop());
  return status;
}

}  // namespace

int main() {
  const absl::Status status = PrintHighs();
  if (status.ok()) return 0;
  std::fprintf(stderr, "weather: %s\n", status.ToString().c_str());
  return 1;
}
