// SPDX-License-Identifier: Apache-2.0
//
// BenchFlags: what the flags of `pinion bench` ask for. A value that cannot be
// is told in one line, and ends the program with code 2.
//
// Threads: main's, first thing.
// Example: BenchPlan plan = BenchPlanOf(argc, argv);
#ifndef PINION_CLIENT_CLI_BENCH_FLAGS_H_
#define PINION_CLIENT_CLI_BENCH_FLAGS_H_

#include <string>

#include "client/cli/bench_report.h"
#include "client/cli/load_generator.h"
#include "client/cli/request_maker.h"
#include "client/client.h"

namespace pinion::cli {

struct BenchPlan {
  BenchSetup setup;
  LoadOptions load;
  ClientOptions client;
  CallOptions call;
  RequestMaker requests;
  bool json = false;
  std::string hdr_file;  // Empty: none.
};

// argv[1] is "bench".
BenchPlan BenchPlanOf(int argc, char** argv);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_BENCH_FLAGS_H_
