// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/monotonic_nanos.h"
#include "server/call_context.h"
#include "server/echo/echo_shard.h"
#include "server/server.h"
#include "tests/bench/echo/echo_servers.h"
#include "tests/bench/echo/echo_stamp.h"
#include "tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

// gRPC counts deadlines in whole milliseconds, rounded at the client and again
// at the server: a server knows them no closer.
constexpr int64_t kDeadlineKnownWithinNanos = 2'000'000;

// An EchoShard that looks at the clock before it works.
class WatchfulShard {
 public:
  absl::Status Echo(const echo::v1::EchoRequest& request,
                    echo::v1::EchoResponse* response, CallContext& context) {
    const int64_t now = MonotonicNanos() - kDeadlineKnownWithinNanos;
    if (now > ReadStamp(request.payload()).deadline_ns) {
      begun_late_.fetch_add(1, std::memory_order_relaxed);
    }
    return shard_.Echo(request, response, context);
  }

  absl::Status TellBegunLate(const echo::v1::EchoKeyedRequest&,
                             echo::v1::EchoKeyedResponse* response) {
    response->set_payload(
        absl::StrCat(begun_late_.load(std::memory_order_relaxed)));
    return absl::OkStatus();
  }

 private:
  // Of all shards: a call that asks comes to whichever owns its key.
  static inline std::atomic<int64_t> begun_late_{0};

  echo::EchoShard shard_;
};

void HostEcho(Server& server) { echo::HostEcho(server); }

void HostWatchfulEcho(Server& server) {
  server.Host<WatchfulShard>("pinion.echo.v1.EchoService")
      .On("Echo", &WatchfulShard::Echo)
      .On("EchoKeyed", &WatchfulShard::TellBegunLate);
}

}  // namespace

std::string StartPinion() { return ServeOnLoopback({}, HostEcho); }

std::string StartPinionWithTwoWorkers() {
  return ServeOnLoopback({.workers = 2}, HostEcho);
}

std::string StartWatchfulPinion() {
  return ServeOnLoopback({}, HostWatchfulEcho);
}

}  // namespace pinion::bench
