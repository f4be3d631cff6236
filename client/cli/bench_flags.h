// SPDX-License-Identifier: Apache-2.0
//
// BenchFlags: the flags of `pinion bench`. An invalid value ends the program
//             with one line and code 2.
//
// Threads: the main thread, before anything else but its Interrupts: it may ask
//          the server for the method.
// Example: BenchPlan plan = BenchPlanOf(argc, argv);
#ifndef PINION_CLIENT_CLI_BENCH_FLAGS_H_
#define PINION_CLIENT_CLI_BENCH_FLAGS_H_

#include <string>

#include "pinion/client/cli/bench_report.h"
#include "pinion/client/cli/load_generator.h"
#include "pinion/client/cli/request_maker.h"
#include "pinion/client/client.h"

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
