// SPDX-License-Identifier: Apache-2.0
#include "server/echo/echo_shard.h"

#include <time.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace pinion::echo {
namespace {

constexpr uint32_t kMostMicros = 60'000'000;

int64_t ThreadCpuNanos() {
  timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(spent));
}

void Spin(uint32_t micros) {
  const int64_t end = ThreadCpuNanos() + int64_t{micros} * 1000;
  while (ThreadCpuNanos() < end) {
  }
}

absl::Status CheckMicros(absl::string_view field, uint32_t micros) {
  if (micros <= kMostMicros) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", micros, "; valid are 0 to ", kMostMicros));
}

// What the two methods have in common: all but the key.
template <typename Request, typename Response>
absl::Status Reply(const Request& request, Response* response,
                   CallContext& context) {
  absl::Status status = CheckMicros("spin_us", request.spin_us());
  status.Update(CheckMicros("block_us", request.block_us()));
  if (!status.ok()) return status;
  if (request.spin_us() > 0) Spin(request.spin_us());
  if (request.block_us() > 0) {
    absl::SleepFor(absl::Microseconds(request.block_us()));
  }
  response->set_payload(request.payload());
  response->set_worker(context.worker());
  return absl::OkStatus();
}

}  // namespace

absl::Status EchoShard::Echo(const v1::EchoRequest& request,
                             v1::EchoResponse* response, CallContext& context) {
  return Reply(request, response, context);
}

absl::Status EchoShard::EchoKeyed(const v1::EchoKeyedRequest& request,
                                  v1::EchoKeyedResponse* response,
                                  CallContext& context) {
  return Reply(request, response, context);
}

void HostEcho(Server& server) {
  server.Host<EchoShard>("pinion.echo.v1.EchoService")
      .On("Echo", &EchoShard::Echo)
      .On("EchoKeyed", &EchoShard::EchoKeyed);
}

}  // namespace pinion::echo
