// SPDX-License-Identifier: Apache-2.0
//
// visits: counts three visits on a server of Pinion's, and reads the count
// back.
//
//   visits HOST:PORT
//
// Exit code: 0, 1 a call failed, 2 a mistake in the arguments.
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"

namespace {

using pinion::kv::kGet;
using pinion::kv::kIncrement;
using pinion::kv::v1::GetRequest;
using pinion::kv::v1::IncrementRequest;
using pinion::kv::v1::IncrementResponse;

absl::StatusOr<std::string> Visit(const std::string& target) {
  const auto client = pinion::Client::Connect(target);
  IncrementRequest visit;
  visit.set_key("visits");
  visit.set_by(3);

  // Waits for the answer.
  const auto counted =
      client->Call(kIncrement, visit, {.timeout = absl::Seconds(5)});
  if (pinion::NotExecuted(counted.status())) {
    // No handler ran, or ever will: it is safe to try once more.
  }

  // Goes on, and is called back on a thread of gRPC's.
  std::promise<absl::Status> done;
  client->Start(kIncrement, visit, {.timeout = absl::Seconds(5)},
                [&](absl::StatusOr<IncrementResponse> response) {
                  done.set_value(response.status());
                });
  const absl::Status second = done.get_future().get();
  if (!second.ok()) return second;

  GetRequest get;
  get.set_key("visits");
  const auto got = client->Call(kGet, get);
  if (!got.ok()) return got.status();
  return got->value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: visits HOST:PORT\n", stderr);
    return 2;
  }
  const absl::StatusOr<std::string> visits = Visit(argv[1]);
  if (!visits.ok()) {
    std::fprintf(stderr, "visits: %s\n", visits.status().ToString().c_str());
    return 1;
  }
  std::printf("visits: %s\n", visits->c_str());
  return 0;
}
