// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/server_builder.h>

#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "pinion/kv/v1/kv.grpc.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/bench/echo/increment.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

using kv::v1::IncrementRequest;
using kv::v1::IncrementResponse;
using kv::v1::KvService;

class LockedKv final : public KvService::CallbackService {
  grpc::ServerUnaryReactor* Increment(grpc::CallbackServerContext* context,
                                      const IncrementRequest* request,
                                      IncrementResponse* response) override {
    {
      std::unique_lock lock(mutex_);
      response->set_value(values_[request->key()] += request->by());
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  std::mutex mutex_;
  absl::flat_hash_map<std::string, int64_t> values_;  // Guarded by mutex_.
};

}  // namespace

std::string StartPinionKv() {
  return ServeOnLoopback({.workers = 2},
                         [](Server& server) { kv::HostKv(server); });
}

std::string StartLockedKv() {
  grpc::ServerBuilder builder;
  builder.RegisterService(new LockedKv);
  return ServeOnLoopback(builder);
}

}  // namespace pinion::bench
