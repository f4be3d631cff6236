// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/async_echo.h"

#include <grpc/support/time.h>
#include <grpcpp/support/time.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "pinion/tests/bench/echo/echo_stamp.h"

namespace pinion::bench {
namespace {

uint64_t NewId() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

gpr_timespec AtMonotonicNanos(int64_t nanos) {
  return gpr_time_from_nanos(nanos, GPR_CLOCK_MONOTONIC);
}

}  // namespace

echo::v1::EchoRequest StampedRequest(const EchoAsk& ask, int64_t deadline_ns) {
  echo::v1::EchoRequest request;
  request.set_payload(std::string(ask.payload_bytes, 'x'));
  WriteStamp({.id = NewId(), .deadline_ns = deadline_ns},
             request.mutable_payload());
  request.set_spin_us(ask.spin_us);
  request.set_block_us(ask.block_us);
  return request;
}

void AsyncEcho::Begin(const EchoAsk& ask, int64_t deadline_ns,
                      echo::v1::EchoService::Stub& stub,
                      grpc::CompletionQueue& queue, void* tag) {
  request_ = StampedRequest(ask, deadline_ns);
  reader_.reset();
  context_.emplace();
  if (ask.worker.has_value()) {
    context_->AddMetadata("pinion-worker", absl::StrCat(*ask.worker));
  }
  if (deadline_ns != kNoDeadline) {
    context_->set_deadline(AtMonotonicNanos(deadline_ns));
  }
  reader_ = stub.AsyncEcho(&*context_, request_, &queue);
  reader_->Finish(&response_, &status_, tag);
}

void AsyncEcho::Cancel() {
  if (context_.has_value()) context_->TryCancel();
}

absl::Status AsyncEcho::Check() const {
  if (!status_.ok()) {
    return absl::InternalError(absl::StrCat("a call failed with code ",
                                            status_.error_code(), ": ",
                                            status_.error_message()));
  }
  if (response_.payload() != request_.payload()) {
    return absl::InternalError("another payload came back than was sent");
  }
  return absl::OkStatus();
}

}  // namespace pinion::bench
