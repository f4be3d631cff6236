// SPDX-License-Identifier: Apache-2.0
//
// Purses: the coins of a game's players, those of one worker in each.
//
// Threads: its worker's alone.
#ifndef PURSES_H_
#define PURSES_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "game/v1/purse.pb.h"
#include "pinion/server/call.h"
#include "pinion/server/server.h"

using game::v1::EarnRequest;
using game::v1::EarnResponse;
using game::v1::GiveRequest;
using game::v1::GiveResponse;

class Purses {
 public:
  absl::Status Earn(const EarnRequest& request, EarnResponse* response) {
    uint64_t& coins = coins_[request.player()];
    coins += request.coins();
    response->set_coins(coins);
    return absl::OkStatus();
  }

  void Give(pinion::Call<GiveRequest, GiveResponse> call) {
    const GiveRequest& request = call.request();
    uint64_t& from = coins_[request.from()];
    if (request.coins() > from) {
      return call.Finish(absl::FailedPreconditionError("too few coins"));
    }
    from -= request.coins();
    call.response()->set_coins(from);
    call.context().TakeHop().PostToKey<Purses>(
        request.to(), [call = std::move(call)](Purses& there) mutable {
          there.coins_[call.request().to()] += call.request().coins();
          call.Finish();
        });
  }

 private:
  absl::flat_hash_map<std::string, uint64_t> coins_;
};

inline void HostPurses(pinion::Server& server) {
  server.Host<Purses>("game.v1.PurseService")
      .On("Earn", &Purses::Earn)
      .On("Give", &Purses::Give);
}

#endif  // PURSES_H_
