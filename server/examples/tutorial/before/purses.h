// SPDX-License-Identifier: Apache-2.0
//
// Purses: the coins of a game's players, in a map behind a mutex.
//
// Threads: gRPC's, at the same time.
#ifndef PURSES_H_
#define PURSES_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "game/v1/purse.grpc.pb.h"

using game::v1::EarnRequest;
using game::v1::EarnResponse;
using game::v1::GiveRequest;
using game::v1::GiveResponse;

class Purses final : public game::v1::PurseService::Service {
 public:
  grpc::Status Earn(grpc::ServerContext*, const EarnRequest* request,
                    EarnResponse* response) override {
    absl::MutexLock lock(&mutex_);
    uint64_t& coins = coins_[request->player()];
    coins += request->coins();
    response->set_coins(coins);
    return grpc::Status::OK;
  }

  grpc::Status Give(grpc::ServerContext*, const GiveRequest* request,
                    GiveResponse* response) override {
    absl::MutexLock lock(&mutex_);
    uint64_t& from = coins_[request->from()];
    if (request->coins() > from) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "too few coins"};
    }
    from -= request->coins();
    response->set_coins(from);
    coins_[request->to()] += request->coins();
    return grpc::Status::OK;
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, uint64_t> coins_ ABSL_GUARDED_BY(mutex_);
};

#endif  // PURSES_H_
