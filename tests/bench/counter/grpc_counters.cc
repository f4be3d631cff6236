// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/server_builder.h>

#include <string>

#include "pinion/tests/bench/counter/counter_servers.h"
#include "pinion/tests/bench/counter/locked_counters.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"
#include "tests/bench/counter/counter.grpc.pb.h"

namespace pinion::bench {
namespace {

template <typename Counters>
class SyncCounters final : public CounterService::Service {
 public:
  template <typename... Arguments>
  explicit SyncCounters(Arguments... arguments) : counters_(arguments...) {}

 private:
  grpc::Status Add(grpc::ServerContext*, const AddRequest* request,
                   AddResponse* response) override {
    response->set_value(counters_.Add(*request));
    return grpc::Status::OK;
  }

  Counters counters_;
};

class CallbackCounters final : public CounterService::CallbackService {
 public:
  explicit CallbackCounters(int stripes) : counters_(stripes) {}

 private:
  grpc::ServerUnaryReactor* Add(grpc::CallbackServerContext* context,
                                const AddRequest* request,
                                AddResponse* response) override {
    response->set_value(counters_.Add(*request));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  StripedCounters counters_;
};

std::string Start(grpc::Service* service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(service);
  return ServeOnLoopback(builder);
}

}  // namespace

std::string StartSyncMutexCounters() {
  return Start(new SyncCounters<MutexCounters>);
}

std::string StartSyncStripedCounters(int stripes) {
  return Start(new SyncCounters<StripedCounters>(stripes));
}

std::string StartCallbackStripedCounters(int stripes) {
  return Start(new CallbackCounters(stripes));
}

}  // namespace pinion::bench
