// SPDX-License-Identifier: Apache-2.0
//
// The smallest useful program: counters by name, each on its pinned worker.
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/server/server.h"
#include "pinion/server/server_main.h"
#include "shop/v1/counter.pb.h"

using shop::v1::AddRequest;
using shop::v1::AddResponse;

class Counter {  // one per worker: its members need no lock
 public:
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    response->set_value(values_[request.name()] += request.by());
    return absl::OkStatus();
  }

 private:
  absl::flat_hash_map<std::string, int64_t> values_;
};

int main(int argc, char** argv) {  // flags, a file, SIGTERM, exit codes
  return pinion::ServerMain(argc, argv, [](pinion::Server& server) {
    server.Host<Counter>("shop.v1.CounterService").On("Add", &Counter::Add);
  });
}
