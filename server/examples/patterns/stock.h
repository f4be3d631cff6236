// SPDX-License-Identifier: Apache-2.0
//
// Stock, Deliveries: the shards of docs/patterns.md, which prints their
// functions.
//
// Threads: each on its worker only; code named "elsewhere" runs on other
//          threads.
// Example: server.Host<Stock>(
//              "stock.v1.StockService", [&](const pinion::ShardInfo& info) {
//                return std::make_unique<Stock>(info, supplier, elsewhere);
//              });
#ifndef PINION_SERVER_EXAMPLES_PATTERNS_STOCK_H_
#define PINION_SERVER_EXAMPLES_PATTERNS_STOCK_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "pinion/core/task.h"
#include "pinion/server/call.h"
#include "pinion/server/followers.h"
#include "pinion/server/hop.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/shard_timer.h"
#include "pinion/server/slot.h"
#include "pinion/server/stream.h"
#include "stock/v1/stock.pb.h"

namespace stock {

using pinion::Hop;

using MoveCall = pinion::Call<v1::MoveRequest, v1::MoveResponse>;
using TotalCall = pinion::Call<v1::TotalRequest, v1::TotalResponse>;
using AppraiseCall = pinion::Call<v1::AppraiseRequest, v1::AppraiseResponse>;
using WatchStream = pinion::Stream<v1::WatchResponse>;

// Another service, which takes its time. Any thread may ask, and waits.
class Supplier {
 public:
  virtual ~Supplier() = default;

  // The price of one thing on each of these shelves.
  virtual absl::StatusOr<std::vector<int64_t>> PricesOf(
      const std::vector<std::string>& shelves) = 0;
};

// Runs a function on one of the threads that may block.
using Elsewhere = std::function<void(absl::AnyInvocable<void()>)>;

class Stock {
 public:
  static constexpr int64_t kMaxOnAShelf = 1000;

  // The arguments must outlive it.
  Stock(const pinion::ShardInfo& info, Supplier& supplier,
        const Elsewhere& elsewhere,
        std::chrono::nanoseconds tidy_every = std::chrono::hours(1))
      : info_(info),
        supplier_(supplier),
        elsewhere_(elsewhere),
        shelves_({.key_seed = info.key_seed(),
                  .clock = info.clock(),
                  .tallies = &info.keyed_tallies()}),
        watchers_(info, {.when_slow = pinion::WhenSlow::kSkipToLatest}),
        tidy_every_(tidy_every),
        tidy_(info, pinion::TaskClass::kBulk, [this] { Tidy(0); }) {
    tidy_.StartAfter(tidy_every_);
  }

  absl::Status Put(const v1::PutRequest& request, v1::PutResponse* response) {
    if (request.count() < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("count is ", request.count(), "; valid are 0 and more"));
    }
    const absl::Status put = Add(request.shelf(), request.count());
    if (put.ok()) response->set_count(CountOn(request.shelf()));
    return put;
  }

  void Move(MoveCall call) {
    const int64_t count = call.request().count();
    const absl::Status taken = Take(call.request().from(), count);
    if (!taken.ok()) return call.Finish(taken);
    Hop hop = call.context().TakeHop();
    const std::string to = call.request().to();
    std::move(hop).PostToKey<Stock>(
        to, [call = std::move(call)](Stock& there, Hop hop) mutable {
          there.Receive(std::move(call), std::move(hop));
        });
  }

  void Total(TotalCall call) {
    Hop hop = call.context().TakeHop();
    Count(std::move(call), std::move(hop), info_.workers());
  }

  void Watch(const v1::WatchRequest& request, WatchStream stream) {
    watchers_.Add(request.shelf(), std::move(stream), NewsOf(request.shelf()));
  }

  void Appraise(absl::Span<AppraiseCall> calls) {
    std::vector<Appraisal> open;
    for (auto& call : calls) {
      const int64_t count = CountOn(call.request().shelf());
      open.push_back({std::move(call), count});
    }
    elsewhere_([&supplier = supplier_, open = std::move(open)]() mutable {
      AskAndAnswer(supplier, std::move(open));
    });
  }

 private:
  struct Shelf {
    int64_t count = 0;
  };
  struct Appraisal {
    AppraiseCall call;
    int64_t count;
  };

  int64_t CountOn(const std::string& shelf) {
    const auto* const found = shelves_.Find(shelf);
    return found == nullptr ? 0 : found->state.count;
  }

  absl::Status Add(const std::string& shelf, int64_t count) {
    const int64_t room = kMaxOnAShelf - CountOn(shelf);
    if (count > room) {
      return absl::FailedPreconditionError(
          absl::StrCat("on ", shelf, " is room for ", room, " more"));
    }
    Change(shelf, count);
    return absl::OkStatus();
  }

  absl::Status Take(const std::string& shelf, int64_t count) {
    const int64_t there = CountOn(shelf);
    if (count < 0 || count > there) {
      return absl::FailedPreconditionError(absl::StrCat(
          "count is ", count, "; ", shelf, " has 0 to ", there, " to take"));
    }
    if (count > 0) Change(shelf, -count);
    return absl::OkStatus();
  }

  void Change(const std::string& shelf, int64_t by) {
    ShelfOf(shelf).count += by;
    if (watchers_.Follows(shelf)) watchers_.Publish(shelf, NewsOf(shelf));
  }

  v1::WatchResponse NewsOf(const std::string& shelf) {
    v1::WatchResponse news;
    news.set_count(CountOn(shelf));
    return news;
  }

  // A Keyed without a memory limit has room for all.
  Shelf& ShelfOf(const std::string& shelf) {
    return shelves_.FindOrCreate(shelf).value()->state;
  }

  void Receive(MoveCall call, Hop hop) {
    absl::Status put = Add(call.request().to(), call.request().count());
    if (put.ok()) return call.Finish();
    const std::string from = call.request().from();
    std::move(hop).PostToKey<Stock>(
        from, [call = std::move(call), put](Stock& home) mutable {
          home.Change(call.request().from(), call.request().count());
          call.Finish(put);
        });
  }

  void Count(TotalCall call, Hop hop, int left) {
    v1::TotalResponse& total = *call.response();
    shelves_.Visit([&](pinion::Keyed<Shelf>::Entry& shelf) {
      total.set_count(total.count() + shelf.state.count);
      total.set_shelves(total.shelves() + 1);
    });
    if (--left == 0) return call.Finish();
    const int next = (info_.worker() + 1) % info_.workers();
    std::move(hop).Post<Stock>(
        next, [call = std::move(call), left](Stock& there, Hop hop) mutable {
          there.Count(std::move(call), std::move(hop), left);
        });
  }

  // Runs elsewhere: touches nothing of a shard.
  static void AskAndAnswer(Supplier& supplier, std::vector<Appraisal> open) {
    std::vector<std::string> shelves;
    for (const Appraisal& one : open) {
      shelves.push_back(one.call.request().shelf());
    }
    const auto prices = supplier.PricesOf(shelves);
    for (size_t i = 0; i < open.size(); ++i) {
      if (prices.ok()) {
        open[i].call.response()->set_cost(open[i].count * (*prices)[i]);
      }
      open[i].call.Finish(prices.status());
    }
  }

  void Tidy(int slot) {
    shelves_.VisitSlot(slot, [&](pinion::Keyed<Shelf>::Entry& shelf) {
      if (shelf.state.count == 0) shelves_.Erase(shelf);
    });
    if (++slot == pinion::kSlots) return tidy_.StartAfter(tidy_every_);
    info_.Post(pinion::TaskClass::kBulk, [this, slot] { Tidy(slot); });
  }

  const pinion::ShardInfo& info_;
  Supplier& supplier_;
  const Elsewhere& elsewhere_;
  pinion::Keyed<Shelf> shelves_;
  pinion::Followers<v1::WatchResponse> watchers_;  // By shelf.
  const std::chrono::nanoseconds tidy_every_;  // From an end to a beginning.
  pinion::ShardTimer tidy_;
};

// A file of lines. One thread only.
class Journal {
 public:
  virtual ~Journal() = default;

  virtual void Append(const std::string& line) = 0;
  // Returns when all lines are on disk: some milliseconds, however many.
  virtual absl::Status Sync() = 0;
};

class Deliveries {
 public:
  // `journal` must outlive it.
  explicit Deliveries(Journal& journal) : journal_(journal) {}

  absl::Status Register(const v1::RegisterRequest& request,
                        v1::RegisterResponse*) {
    journal_.Append(absl::StrCat(request.shelf(), " ", request.count()));
    return absl::OkStatus();
  }

  absl::Status EndBatch() { return journal_.Sync(); }

 private:
  Journal& journal_;
};

}  // namespace stock

#endif  // PINION_SERVER_EXAMPLES_PATTERNS_STOCK_H_
