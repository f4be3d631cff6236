// SPDX-License-Identifier: Apache-2.0
//
// A team's own program with a section of its own: counters that have a largest
// value, which may change while they run.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/server/server.h"
#include "pinion/server/server_main.h"
#include "shop/v1/counter.pb.h"
#include "tests/server/program/limited_counter.pb.h"

ABSL_FLAG(bool, cheerful, false, "Say hello at the start.");

namespace {

using pinion::test::CountersConfig;

class LimitedCounter {
 public:
  LimitedCounter(const std::atomic<int64_t>& most_value, int64_t most_step)
      : most_value_(most_value), most_step_(most_step) {}

  absl::Status Add(const shop::v1::AddRequest& request,
                   shop::v1::AddResponse* response) {
    int64_t& value = values_[request.name()];
    if (request.by() > most_step_ || value + request.by() > most_value_) {
      return absl::OutOfRangeError(
          absl::StrCat("at most ", most_value_.load(), ", by ", most_step_));
    }
    response->set_value(value += request.by());
    return absl::OkStatus();
  }

 private:
  const std::atomic<int64_t>& most_value_;
  const int64_t most_step_;
  absl::flat_hash_map<std::string, int64_t> values_;
};

}  // namespace

int main(int argc, char** argv) {
  CountersConfig config;
  std::atomic<int64_t> most_value{0};  // For the shards.
  return pinion::ServerMain(
      argc, argv,
      {.usage = "Counts up to a largest value.",
       .version = "limited-counter 1.2.3",
       .sections = {{"counters", &config}},
       .check =
           [&] {
             if (config.most_step() <= config.most_value()) {
               return absl::OkStatus();
             }
             return absl::InvalidArgumentError(
                 absl::StrCat("most_step is ", config.most_step(),
                              ", more than most_value, ", config.most_value()));
           },
       .host =
           [&](pinion::Server& server) {
             most_value = config.most_value();
             server
                 .Host<LimitedCounter>(
                     "shop.v1.CounterService",
                     [&] {
                       return std::make_unique<LimitedCounter>(
                           most_value, config.most_step());
                     })
                 .On("Add", &LimitedCounter::Add);
           },
       .reloaded = [&](pinion::Server&) { most_value = config.most_value(); },
       .started =
           [&](const pinion::Server&) {
             if (!absl::GetFlag(FLAGS_cheerful)) return;
             std::printf("%s\n", config.greeting().c_str());
             std::fflush(stdout);
           }});
}
