// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/batch_servers.h"

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/call.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;

constexpr int64_t kFixedCostNanos = 50'000;

void PayFixedCost() {
  const int64_t end = MonotonicNanos() + kFixedCostNanos;
  while (MonotonicNanos() < end) {
  }
}

struct MethodShard {
  absl::Status Echo(const EchoRequest& request, EchoResponse* response) {
    response->set_payload(request.payload());
    PayFixedCost();
    return absl::OkStatus();
  }
};

struct BatchShard {
  void Echo(absl::Span<Call<EchoRequest, EchoResponse>> calls) {
    PayFixedCost();
    for (auto& call : calls) {
      call.response()->set_payload(call.request().payload());
      call.Finish();
    }
  }
};

struct EndBatchShard {
  absl::Status Echo(const EchoRequest& request, EchoResponse* response) {
    response->set_payload(request.payload());
    return absl::OkStatus();
  }
  absl::Status EndBatch() {
    PayFixedCost();
    return absl::OkStatus();
  }
};

template <typename Shard>
std::string StartEcho() {
  return ServeOnLoopback({.workers = 1}, [](Server& server) {
    server.Host<Shard>("pinion.echo.v1.EchoService").On("Echo", &Shard::Echo);
  });
}

}  // namespace

std::string StartMethodEcho() { return StartEcho<MethodShard>(); }
std::string StartBatchEcho() { return StartEcho<BatchShard>(); }
std::string StartEndBatchEcho() { return StartEcho<EndBatchShard>(); }

}  // namespace pinion::bench
