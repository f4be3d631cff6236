// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/server/call_context.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/echo/begun_calls.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/echo_stamp.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

// gRPC counts deadlines in whole milliseconds, rounded at the client and again
// at the server: a server knows them no closer.
constexpr int64_t kDeadlineKnownWithinNanos = 2'000'000;

// What shards have seen since it was last told. Anyone.
class Watch {
 public:
  void Saw(int64_t left_by_server_ns, int64_t left_by_client_ns) {
    const absl::MutexLock lock(&mutex_);
    seen_.late_by_server += left_by_server_ns < -kDeadlineKnownWithinNanos;
    seen_.late_by_client += left_by_client_ns < -kDeadlineKnownWithinNanos;
    lags_ns_.push_back(left_by_server_ns - left_by_client_ns);
  }

  BegunCalls Tell() {
    const absl::MutexLock lock(&mutex_);
    BegunCalls told = std::exchange(seen_, {});
    std::vector<int64_t> lags_ns = std::exchange(lags_ns_, {});
    if (lags_ns.empty()) return told;
    told.lag_max_us = *std::max_element(lags_ns.begin(), lags_ns.end()) / 1000;
    told.lag_p99_us = static_cast<int64_t>(Percentile(0.99, lags_ns) / 1000);
    return told;
  }

 private:
  absl::Mutex mutex_;
  BegunCalls seen_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> lags_ns_ ABSL_GUARDED_BY(mutex_);
};

// Of all shards: a call that asks comes to whichever owns its key.
Watch& TheWatch() {
  static auto* const watch = new Watch;
  return *watch;
}

// An EchoShard that looks at the clock before it works.
class WatchfulShard {
 public:
  absl::Status Echo(const echo::v1::EchoRequest& request,
                    echo::v1::EchoResponse* response, CallContext& context) {
    const absl::Duration left = context.time_left();
    const int64_t now = MonotonicNanos();
    if (left != absl::InfiniteDuration()) {
      TheWatch().Saw(absl::ToInt64Nanoseconds(left),
                     ReadStamp(request.payload()).deadline_ns - now);
    }
    return shard_.Echo(request, response, context);
  }

  absl::Status Tell(const echo::v1::EchoKeyedRequest&,
                    echo::v1::EchoKeyedResponse* response) {
    response->set_payload(TheWatch().Tell().ToText());
    return absl::OkStatus();
  }

 private:
  echo::EchoShard shard_;
};

}  // namespace

std::string StartWatchfulPinion() {
  return ServeOnLoopback({}, [](Server& server) {
    server.Host<WatchfulShard>("pinion.echo.v1.EchoService")
        .On("Echo", &WatchfulShard::Echo)
        .On("EchoKeyed", &WatchfulShard::Tell);
  });
}

}  // namespace pinion::bench
