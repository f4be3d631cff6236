// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <algorithm>
#include <thread>

#include "pinion/echo/v1/echo.grpc.pb.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/plain_echo.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

using Service = echo::v1::EchoService::AsyncService;

// So that no burst of the benchmark finds none awaited.
constexpr int kAwaitedCalls = 1024;

// One call: awaited, answered in its arrival's event, gone in the next.
class CqCall {
 public:
  CqCall(Service* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue) {
    service_->RequestEcho(&context_, &request_, &writer_, queue_, queue_, this);
  }

  void OnEvent(bool ok) {
    if (answered_ || !ok) {
      delete this;
      return;
    }
    new CqCall(service_, queue_);  // Deletes itself, like this one.
    answered_ = true;
    const grpc::Status status = bench::Echo(request_, &response_);
    writer_.Finish(response_, status, this);
  }

 private:
  Service* const service_;
  grpc::ServerCompletionQueue* const queue_;
  grpc::ServerContext context_;
  echo::v1::EchoRequest request_;
  echo::v1::EchoResponse response_;
  grpc::ServerAsyncResponseWriter<echo::v1::EchoResponse> writer_{&context_};
  bool answered_ = false;
};

void Poll(grpc::ServerCompletionQueue* queue) {
  void* call;
  bool ok;
  while (queue->Next(&call, &ok)) static_cast<CqCall*>(call)->OnEvent(ok);
}

}  // namespace

// One queue, and a thread on it for every second CPU. On two CPUs, where this
// was tried, a second thread on the queue or a second queue with a thread of
// its own makes it slower by about a tenth, at 64 and at 512 calls in flight.
std::string StartCq() {
  grpc::ServerBuilder builder;
  auto* const service = new Service;
  builder.RegisterService(service);
  auto* const queue = builder.AddCompletionQueue().release();
  const std::string address = ServeOnLoopback(builder);
  for (int i = 0; i < kAwaitedCalls; ++i) new CqCall(service, queue);
  const unsigned threads =
      std::max(1u, std::thread::hardware_concurrency() / 2);
  for (unsigned i = 0; i < threads; ++i) std::thread(Poll, queue).detach();
  return address;
}

}  // namespace pinion::bench
