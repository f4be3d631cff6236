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
#include "pinion/server/followers.h"
#include "pinion/server/server.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

using game::v1::EarnRequest;
using game::v1::EarnResponse;
using game::v1::GiveRequest;
using game::v1::GiveResponse;
using game::v1::WatchRequest;
using game::v1::WatchResponse;

class Purses {
 public:
  explicit Purses(const pinion::ShardInfo& info)
      : watchers_(info, {.when_slow = pinion::WhenSlow::kSkipToLatest}) {}

  absl::Status Earn(const EarnRequest& request, EarnResponse* response) {
    response->set_coins(Change(request.player(), request.coins()));
    return absl::OkStatus();
  }

  void Give(pinion::Call<GiveRequest, GiveResponse> call) {
    const GiveRequest& request = call.request();
    const int64_t coins = request.coins();
    if (coins_[request.from()] < coins) {
      return call.Finish(absl::FailedPreconditionError("too few coins"));
    }
    call.response()->set_coins(Change(request.from(), -coins));
    call.context().TakeHop().PostToKey<Purses>(
        request.to(), [call = std::move(call)](Purses& there) mutable {
          there.Change(call.request().to(), call.request().coins());
          call.Finish();
        });
  }

  void Watch(const WatchRequest& request,
             pinion::Stream<WatchResponse> stream) {
    watchers_.Add(request.player(), std::move(stream),
                  NewsOf(request.player()));
  }

 private:
  // Returns what the player then has.
  int64_t Change(const std::string& player, int64_t by) {
    const int64_t coins = coins_[player] += by;
    if (watchers_.Follows(player)) watchers_.Publish(player, NewsOf(player));
    return coins;
  }

  WatchResponse NewsOf(const std::string& player) {
    WatchResponse news;
    news.set_coins(coins_[player]);
    return news;
  }

  absl::flat_hash_map<std::string, int64_t> coins_;
  pinion::Followers<WatchResponse> watchers_;  // By player.
};

inline void HostPurses(pinion::Server& server) {
  server.Host<Purses>("game.v1.PurseService")
      .On("Earn", &Purses::Earn)
      .On("Give", &Purses::Give)
      .On("Watch", &Purses::Watch);
}

#endif  // PURSES_H_
