// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/async_unary_call.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/monotonic_nanos.h"
#include "pinion/echo/v1/echo.grpc.pb.h"

namespace pinion::bench {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;

// gRPC handles the calls of one connection one after the other.
constexpr int kConnections = 4;
constexpr size_t kPayloadBytes = 64;
// How long a load runs before it is measured, at least; and at least until it
// has been answered once, since after a second without calls gRPC's callback
// threads may be deaf for 100 ms, which is no part of their speed under load.
constexpr absl::Duration kLeadIn = absl::Milliseconds(50);
constexpr std::chrono::seconds kLongestWait(10);

// A place for one call at a time.
struct Slot {
  EchoService::Stub* stub;
  int64_t begun_ns;
  EchoRequest request;
  EchoResponse response;
  grpc::Status status;
  std::optional<grpc::ClientContext> context;
  // Lives in the context's call, so it goes first.
  std::unique_ptr<grpc::ClientAsyncResponseReader<EchoResponse>> reader;
};

// `rank`, from 0 to 1, of the values, in microseconds. Reorders them.
double Percentile(double rank, std::vector<int64_t>& nanos) {
  const auto at =
      nanos.begin() + static_cast<ptrdiff_t>(rank * (nanos.size() - 1));
  std::nth_element(nanos.begin(), at, nanos.end());
  return *at / 1e3;
}

// One measurement: a queue, and slots whose calls come out of it.
class ClosedLoop {
 public:
  ClosedLoop(const ChildProcess& server,
             const std::vector<std::shared_ptr<grpc::Channel>>& channels,
             int in_flight)
      : server_(server), slots_(in_flight) {
    for (const auto& channel : channels) {
      stubs_.push_back(EchoService::NewStub(channel));
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].stub = stubs_[i % stubs_.size()].get();
      slots_[i].request.set_payload(std::string(kPayloadBytes, 'x'));
    }
  }

  ~ClosedLoop() {
    for (Slot& slot : slots_) {
      if (slot.context.has_value()) slot.context->TryCancel();
    }
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<EchoFigures> Measure(absl::Duration length) {
    for (Slot& slot : slots_) Begin(slot);
    absl::Status status = RunFor(kLeadIn, slots_.size());
    if (!status.ok()) return status;
    latencies_ns_.clear();

    const absl::Duration cpu_before = server_.CpuTime();
    const int64_t before = MonotonicNanos();
    status = RunFor(length, 1);
    const int64_t after = MonotonicNanos();
    const absl::Duration cpu = server_.CpuTime() - cpu_before;
    if (!status.ok()) return status;
    const double calls = static_cast<double>(latencies_ns_.size());
    const EchoFigures figures = {
        .rps = calls * 1e9 / static_cast<double>(after - before),
        .p50_us = Percentile(0.5, latencies_ns_),
        .p99_us = Percentile(0.99, latencies_ns_),
        .cpu_us_per_call = absl::ToDoubleMicroseconds(cpu) / calls};
    status = Finish();
    if (!status.ok()) return status;
    return figures;
  }

 private:
  // Each call has a payload of its own, so that none can take another's answer
  // for its own.
  void Begin(Slot& slot) {
    ++calls_begun_;
    std::memcpy(slot.request.mutable_payload()->data(), &calls_begun_,
                sizeof calls_begun_);
    slot.reader.reset();
    slot.context.emplace();
    slot.begun_ns = MonotonicNanos();
    slot.reader = slot.stub->AsyncEcho(&*slot.context, slot.request, &queue_);
    slot.reader->Finish(&slot.response, &slot.status, &slot);
  }

  absl::Status RunFor(absl::Duration length, size_t least_calls) {
    const int64_t end = MonotonicNanos() + absl::ToInt64Nanoseconds(length);
    for (size_t calls = 1;; ++calls) {
      const absl::StatusOr<Slot*> slot = NextAnswer();
      if (!slot.ok()) return slot.status();
      const int64_t now = MonotonicNanos();
      latencies_ns_.push_back(now - (*slot)->begun_ns);
      Begin(**slot);
      if (now >= end && calls >= least_calls) return absl::OkStatus();
    }
  }

  // Awaits the answers of all slots.
  absl::Status Finish() {
    for (size_t i = 0; i < slots_.size(); ++i) {
      const absl::Status status = NextAnswer().status();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Slot*> NextAnswer() {
    void* tag;
    bool ok;
    const auto limit = std::chrono::system_clock::now() + kLongestWait;
    if (queue_.AsyncNext(&tag, &ok, limit) !=
        grpc::CompletionQueue::GOT_EVENT) {
      return absl::DeadlineExceededError(
          absl::StrCat(server_.role(), " answered none of ", slots_.size(),
                       " calls for ", kLongestWait.count(), " s"));
    }
    Slot* const slot = static_cast<Slot*>(tag);
    if (!slot->status.ok()) {
      return absl::InternalError(absl::StrCat(
          server_.role(), " failed a call with code ",
          slot->status.error_code(), ": ", slot->status.error_message()));
    }
    if (slot->response.payload() != slot->request.payload()) {
      return absl::InternalError(absl::StrCat(
          server_.role(), " echoed another payload than it was sent"));
    }
    return slot;
  }

  const ChildProcess& server_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<EchoService::Stub>> stubs_;
  std::vector<Slot> slots_;
  uint64_t calls_begun_ = 0;
  std::vector<int64_t> latencies_ns_;
};

}  // namespace

EchoClient::EchoClient(const ChildProcess& server) : server_(server) {
  for (int i = 0; i < kConnections; ++i) {
    grpc::ChannelArguments arguments;
    // Else all channels would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channels_.push_back(grpc::CreateCustomChannel(
        server.address(), grpc::InsecureChannelCredentials(), arguments));
  }
}

absl::StatusOr<EchoFigures> EchoClient::Measure(int in_flight,
                                                absl::Duration length) {
  return ClosedLoop(server_, channels_, in_flight).Measure(length);
}

}  // namespace pinion::bench
