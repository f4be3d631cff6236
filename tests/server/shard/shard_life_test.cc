// SPDX-License-Identifier: Apache-2.0
//
// The life of shards on their workers' threads, in a real server.
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/server.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/shard_timer.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/test_server.h"
#include "shop/v1/counter.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCounter[] = "shop.v1.CounterService";
constexpr char kAdd[] = "/shop.v1.CounterService/Add";

std::string AddOf(const std::string& name, int64_t by = 1) {
  AddRequest request;
  request.set_name(name);
  request.set_by(by);
  return request.SerializeAsString();
}

// How many shards were made, and live.
struct Census {
  std::atomic<int> made{0}, living{0};
};

// A shard that watches its own life.
class WatchedShard {
 public:
  WatchedShard(Census& census, int worker) : census_(census), worker_(worker) {
    EXPECT_EQ(Scheduler::CurrentWorker(), worker);
    ++census_.made;
    ++census_.living;
  }
  ~WatchedShard() {
    EXPECT_EQ(Scheduler::CurrentWorker(), worker_);
    --census_.living;
  }

  absl::Status Add(const AddRequest&, AddResponse*) {
    EXPECT_EQ(Scheduler::CurrentWorker(), worker_);
    EXPECT_EQ(census_.living, census_.made);
    return absl::OkStatus();
  }
  absl::Status Do(const test::Thing&, test::Thing*) { return absl::OkStatus(); }

 private:
  Census& census_;
  const int worker_;
};

TEST(ShardLifeTest, AShardLivesOnItsWorkersThreadUntilAfterTheLastCall) {
  constexpr int kCalls = 100;
  Census census;
  TestServer test({.workers = 2});
  test.server()
      .Host<WatchedShard>(kCounter,
                          [&](const ShardInfo& info) {
                            EXPECT_EQ(info.workers(), 2);
                            return std::make_unique<WatchedShard>(
                                census, info.worker());
                          })
      .On("Add", &WatchedShard::Add);
  test.Start();
  EXPECT_EQ(census.living, 2);
  std::deque<OpenCall> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.emplace_back(test.InProcessChannel(), kAdd, AddOf(absl::StrCat(i)));
  }
  test.Stop();
  EXPECT_EQ(census.living, 0);
  EXPECT_EQ(census.made, 2);
  for (OpenCall& call : calls) call.Await().IgnoreError();
}

struct DefaultShard {
  absl::Status Add(const AddRequest&, AddResponse* response) {
    response->set_value(value);
    return absl::OkStatus();
  }
  int64_t value = 1;
};

struct InformedShard : DefaultShard {
  explicit InformedShard(const ShardInfo& info) : info(info) {}
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    EXPECT_EQ(info.OwnerOf(request.name()), info.worker());
    EXPECT_EQ(Scheduler::CurrentWorker(), info.worker());
    response->set_value(static_cast<int64_t>(info.key_seed()));
    return absl::OkStatus();
  }
  const ShardInfo& info;
};

// What Add answers on a server that `host` puts the service on.
int64_t Answer(const std::function<void(Server&)>& host) {
  TestServer test({.workers = 2, .key_seed = 5});
  host(test.server());
  test.Start();
  AddRequest request;
  request.set_name("a");
  const auto response = test.client().Call<AddResponse>(kAdd, request);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? response->value() : -1;
}

TEST(ShardLifeTest, AShardIsMadeByDefaultOrFromItsInfo) {
  EXPECT_EQ(Answer([](Server& server) {
              server.Host<DefaultShard>(kCounter).On("Add", &DefaultShard::Add);
            }),
            1);
  EXPECT_EQ(Answer([](Server& server) {
              server.Host<InformedShard>(kCounter).On("Add",
                                                      &InformedShard::Add);
            }),
            5);
}

template <typename Make>
void ExpectMade(Make make) {
  EXPECT_EQ(
      Answer([&](Server& server) {
        server.Host<DefaultShard>(kCounter, make).On("Add", &DefaultShard::Add);
      }),
      2);
}

TEST(ShardLifeTest, AShardIsMadeByEachFormOfFactory) {
  using Pointer = std::unique_ptr<DefaultShard>;
  ExpectMade([] { return Pointer(new DefaultShard{2}); });
  ExpectMade([](const ShardInfo&) { return Pointer(new DefaultShard{2}); });
  ExpectMade(
      []() -> absl::StatusOr<Pointer> { return Pointer(new DefaultShard{2}); });
  ExpectMade([](const ShardInfo&) -> absl::StatusOr<Pointer> {
    return Pointer(new DefaultShard{2});
  });
}

TEST(ShardLifeTest, AFactorysErrorIsToldWithItsWorkerAndTheOthersGoOnTheirs) {
  Census census;
  Server server({.listen = "127.0.0.1:0"}, {.workers = 2});
  // Its shards are all made before.
  server
      .Host<WatchedShard>("pinion.test.GoodService",
                          [&](const ShardInfo& info) {
                            return std::make_unique<WatchedShard>(
                                census, info.worker());
                          })
      .On("Keyed", &WatchedShard::Do);
  server
      .Host<WatchedShard>(
          kCounter,
          [&](const ShardInfo& info)
              -> absl::StatusOr<std::unique_ptr<WatchedShard>> {
            if (info.worker() == 1) {
              return absl::NotFoundError("there is no file counters.db");
            }
            return std::make_unique<WatchedShard>(census, info.worker());
          })
      .On("Add", &WatchedShard::Add);
  const absl::Status started = server.Start();
  EXPECT_EQ(started.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(
      std::string(started.message()),
      AllOf(HasSubstr(kCounter), HasSubstr("on worker 1"),
            HasSubstr("there is no file counters.db"), Not(HasSubstr("\n"))));
  EXPECT_EQ(census.made, 3);
  EXPECT_EQ(census.living, 0);
}

TEST(ShardLifeTest, AFactoryThatMakesNoneStopsTheStart) {
  Server server({.listen = "127.0.0.1:0"}, {.workers = 1});
  server
      .Host<DefaultShard>(kCounter,
                          [] { return std::unique_ptr<DefaultShard>(); })
      .On("Add", &DefaultShard::Add);
  const absl::Status started = server.Start();
  EXPECT_EQ(started.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(started.message()), HasSubstr("made none"));
}

// Accounts, between which Add moves `by` units from one worker to the other: an
// amount leaves here at once, arrives there by a hop, and is receipted here by
// the same hop.
struct Books {
  std::atomic<int64_t> total{0}, receipts{0};
  Gate* at = nullptr;  // Where each hop waits on the other worker, if any.
};

class Bank {
 public:
  Bank(const ShardInfo& info, Books& books) : info_(info), books_(books) {}
  ~Bank() {
    books_.total += balance_;
    books_.receipts += receipts_;
  }

  absl::Status Add(const AddRequest& request, AddResponse*,
                   CallContext& context) {
    const int home = info_.worker();
    balance_ -= request.by();
    context.TakeHop().Post<Bank>(
        1 - home, [by = request.by(), home](Bank& there, Hop hop) {
          EXPECT_EQ(Scheduler::CurrentWorker(), 1 - home);
          if (there.books_.at != nullptr) there.books_.at->Pass();
          there.balance_ += by;
          std::move(hop).Post<Bank>(home, [home](Bank& back) {
            EXPECT_EQ(Scheduler::CurrentWorker(), home);
            ++back.receipts_;
          });
        });
    return absl::OkStatus();
  }

 private:
  const ShardInfo& info_;
  Books& books_;
  int64_t balance_ = 0;
  int64_t receipts_ = 0;
};

class HopServerTest : public ::testing::Test {
 protected:
  void Start(HostingOptions options) {
    options.workers = 2;
    test_.emplace(options);
    test_->server()
        .Host<Bank>(kCounter,
                    [this](const ShardInfo& info) {
                      return std::make_unique<Bank>(info, books_);
                    })
        .On("Add", &Bank::Add);
    test_->Start();
  }

  Books books_;
  std::optional<TestServer> test_;
};

TEST_F(HopServerTest, GoesThereAndBackOverLanesOfOneCallUnderStress) {
  const int kCalls = 20'000 / kTimesSlower;
  constexpr int kClients = 4;
  Start({.lane_calls = 1});
  std::atomic<int64_t> moved{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      std::mt19937_64 random(client);
      const auto channel = test_->InProcessChannel();
      for (int i = 0; i < kCalls / kClients; ++i) {
        const auto amount = static_cast<int64_t>(random() % 100);
        OpenCall add(channel, kAdd, AddOf(absl::StrCat(random()), amount));
        const absl::Status status = add.Await();
        if (status.ok()) ++moved;
        if (status.ok()) continue;
        EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted)
            << status;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  test_->Stop();  // Finds all places returned.
  EXPECT_EQ(books_.total, 0);
  EXPECT_GT(moved, 0);
  EXPECT_EQ(books_.receipts, moved);
}

TEST_F(HopServerTest, AStopRunsTheHopsThatAreUnderWay) {
  Gate gate;
  books_.at = &gate;
  Start({});
  OpenCall add(test_->InProcessChannel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok());
  gate.AwaitArrivals(1);  // It is there, and has yet to come back.
  std::thread opener([&] { gate.Open(); });
  test_->Stop();
  opener.join();
  EXPECT_EQ(books_.total, 0);
  EXPECT_EQ(books_.receipts, 1);
}

TEST_F(HopServerTest, AStopDoesNotWaitForAHopThatDoesNotEndButSaysSo) {
  Gate gate;
  books_.at = &gate;
  Start({.grace = absl::ZeroDuration()});
  OpenCall add(test_->InProcessChannel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok());
  gate.AwaitArrivals(1);
  const absl::Status stopped = test_->TryStop();
  EXPECT_EQ(stopped.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(stopped.message()),
              HasSubstr(absl::StrCat("hops of ", kCounter)));
  gate.Open();
  test_.reset();
  EXPECT_EQ(books_.receipts, 1);
}

// A shard whose own hop goes round for ever, and whose timer ticks.
class Restless {
 public:
  Restless(const ShardInfo& info, Gate& ticks, Gate& rounds)
      : info_(info), rounds_(rounds), timer_(info, TaskClass::kBulk, [&] {
          EXPECT_EQ(Scheduler::CurrentWorker(), info_.worker());
          ticks.Pass();
        }) {
    ticks.Open();
    rounds_.Open();
    timer_.StartEvery(std::chrono::microseconds(100));
    GoOn(*info_.TakeHop());
  }

  absl::Status Add(const AddRequest&, AddResponse*) { return absl::OkStatus(); }

 private:
  void GoOn(Hop hop) {
    std::move(hop).Post<Restless>((info_.worker() + 1) % info_.workers(),
                                  [](Restless& there, Hop hop) {
                                    there.rounds_.Pass();
                                    there.GoOn(std::move(hop));
                                  });
  }

  const ShardInfo& info_;
  Gate& rounds_;
  ShardTimer timer_;
};

TEST(ShardLifeTest, TimersTickOnTheirWorkersAndOwnHopsGoRoundUntilTheStop) {
  Gate ticks, rounds;
  TestServer test({.workers = 2});
  test.server()
      .Host<Restless>(kCounter,
                      [&](const ShardInfo& info) {
                        return std::make_unique<Restless>(info, ticks, rounds);
                      })
      .On("Add", &Restless::Add);
  test.Start();
  ticks.AwaitArrivals(10);
  rounds.AwaitArrivals(1000);
  AddRequest request;
  request.set_name("a");
  EXPECT_TRUE(test.client().Call<AddResponse>(kAdd, request).ok());
  test.Stop();
}

}  // namespace
}  // namespace pinion
