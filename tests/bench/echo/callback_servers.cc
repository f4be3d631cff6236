// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "pinion/echo/v1/echo.grpc.pb.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/echo/plain_echo.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;

class Inline final : public EchoService::CallbackService {
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const EchoRequest* request,
                                 EchoResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(bench::Echo(*request, response));
    return reactor;
  }
};

class MutexQueue final : public EchoService::CallbackService {
 public:
  MutexQueue() : thread_([this] { Run(); }) {}

 private:
  struct Waiting {
    const EchoRequest* request;
    EchoResponse* response;
    grpc::ServerUnaryReactor* reactor;
  };

  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const EchoRequest* request,
                                 EchoResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      waiting_.push_back({request, response, reactor});
    }
    not_empty_.notify_one();
    return reactor;
  }

  [[noreturn]] void Run() {
    for (;;) {
      for (const Waiting& call : TakeAll()) {
        call.reactor->Finish(bench::Echo(*call.request, call.response));
      }
    }
  }

  std::deque<Waiting> TakeAll() {
    std::deque<Waiting> taken;
    std::unique_lock<std::mutex> lock(mutex_);
    not_empty_.wait(lock, [this] { return !waiting_.empty(); });
    taken.swap(waiting_);
    return taken;
  }

  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::deque<Waiting> waiting_;  // Guarded by mutex_.
  std::thread thread_;           // The last: it uses the others.
};

std::string Start(grpc::Service* service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(service);
  return ServeOnLoopback(builder);
}

}  // namespace

std::string StartCallbackInline() { return Start(new Inline); }

std::string StartCallbackMutexQueue() { return Start(new MutexQueue); }

}  // namespace pinion::bench
