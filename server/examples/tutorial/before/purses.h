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
    response->set_coins(Change(request->player(), request->coins()));
    return grpc::Status::OK;
  }

  grpc::Status Give(grpc::ServerContext*, const GiveRequest* request,
                    GiveResponse* response) override {
    absl::MutexLock lock(&mutex_);
    const int64_t coins = request->coins();
    if (coins_[request->from()] < coins) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "too few coins"};
    }
    response->set_coins(Change(request->from(), -coins));
    Change(request->to(), coins);
    return grpc::Status::OK;
  }

 private:
  // Returns what the player then has.
  int64_t Change(const std::string& player, int64_t by)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return coins_[player] += by;
  }

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, int64_t> coins_ ABSL_GUARDED_BY(mutex_);
};

#endif  // PURSES_H_
