// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/counter/counter.h"
#include "pinion/tests/bench/counter/counter_servers.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"
#include "tests/bench/counter/counter.pb.h"

namespace pinion::bench {
namespace {

class Counters {
 public:
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    response->set_value(counters_[request.name()].Add(request));
    return absl::OkStatus();
  }

 private:
  absl::flat_hash_map<std::string, Counter> counters_;
};

}  // namespace

std::string StartPinionCounters() {
  return ServeOnLoopback({}, [](Server& server) {
    server.Host<Counters>("pinion.bench.CounterService")
        .On("Add", &Counters::Add);
  });
}

}  // namespace pinion::bench
