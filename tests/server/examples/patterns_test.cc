// SPDX-License-Identifier: Apache-2.0
//
// The patterns of docs/patterns.md work, and the page prints them as they are.
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/examples/patterns/stock.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/server.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/test_server.h"
#include "stock/v1/stock.pb.h"

namespace stock {
namespace {

using ::pinion::ShardInfo;
using ::pinion::testing::Gate;
using ::pinion::testing::TestServer;

constexpr int kShelves = 20;

std::string Read(const char* file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string ShelfName(int number) { return absl::StrCat("shelf-", number); }

// Takes as long as the test wants; each thing costs 3.
class SlowSupplier final : public Supplier {
 public:
  absl::StatusOr<std::vector<int64_t>> PricesOf(
      const std::vector<std::string>& shelves) override {
    gate.Pass();
    return std::vector<int64_t>(shelves.size(), 3);
  }

  Gate gate;
};

class StockTest : public ::testing::Test {
 protected:
  void Start(std::chrono::nanoseconds tidy_every = std::chrono::hours(1)) {
    server_.server()
        .Host<Stock>("stock.v1.StockService",
                     [this, tidy_every](const ShardInfo& info) {
                       return std::make_unique<Stock>(info, supplier_,
                                                      elsewhere_, tidy_every);
                     })
        .On("Put", &Stock::Put)
        .On("Move", &Stock::Move)
        .On("Total", &Stock::Total)
        .On("Watch", &Stock::Watch)
        .On("Appraise", &Stock::Appraise);
    server_.Start();
  }

  ~StockTest() override {
    supplier_.gate.Open();
    server_.Stop();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::StatusOr<int64_t> Put(const std::string& shelf, int64_t count) {
    v1::PutRequest request;
    request.set_shelf(shelf);
    request.set_count(count);
    const auto put =
        client().Call<v1::PutResponse>("/stock.v1.StockService/Put", request);
    if (!put.ok()) return put.status();
    return put->count();
  }

  absl::Status Move(const std::string& from, const std::string& to,
                    int64_t count) {
    v1::MoveRequest request;
    request.set_from(from);
    request.set_to(to);
    request.set_count(count);
    return client()
        .Call<v1::MoveResponse>("/stock.v1.StockService/Move", request)
        .status();
  }

  v1::TotalResponse Total() {
    const auto total = client().Call<v1::TotalResponse>(
        "/stock.v1.StockService/Total", v1::TotalRequest());
    EXPECT_TRUE(total.ok()) << total.status();
    return total.ok() ? *total : v1::TotalResponse();
  }

  pinion::Client& client() { return server_.client(); }

  SlowSupplier supplier_;
  std::vector<std::thread> threads_;  // A worker's, until it has ended.
  Elsewhere elsewhere_ = [this](absl::AnyInvocable<void()> function) {
    threads_.emplace_back(std::move(function));
  };
  TestServer server_{{.workers = 2}};
};

TEST_F(StockTest, MovesBetweenShelvesOfAllWorkersKeepTheSum) {
  Start();
  for (int i = 0; i < kShelves; ++i) {
    ASSERT_TRUE(Put(ShelfName(i), kShelves).ok());
  }
  for (int i = 0; i < kShelves; ++i) {
    for (int j = 0; j < kShelves; ++j) {
      const absl::Status moved = Move(ShelfName(i), ShelfName(j), 1);
      EXPECT_TRUE(moved.ok()) << moved;
    }
  }
  EXPECT_EQ(Total().count(), kShelves * kShelves);
  EXPECT_EQ(Total().shelves(), kShelves);
}

TEST_F(StockTest, AMoveForWhichThereIsNoRoomIsUndone) {
  Start();
  for (int i = 0; i < kShelves; ++i) {
    ASSERT_TRUE(Put(ShelfName(i), Stock::kMaxOnAShelf).ok());
  }
  for (int i = 1; i < kShelves; ++i) {
    EXPECT_EQ(Move(ShelfName(i), ShelfName(0), 1).code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Put(ShelfName(i), 0).value_or(-1), Stock::kMaxOnAShelf);
  }
  EXPECT_EQ(Move("nowhere", ShelfName(0), 1).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(StockTest, OthersRunWhileAnAppraisalWaitsElsewhere) {
  Start();
  ASSERT_TRUE(Put("apples", 5).ok());
  std::promise<absl::StatusOr<v1::AppraiseResponse>> appraised;
  v1::AppraiseRequest request;
  request.set_shelf("apples");
  client().StartRaw("/stock.v1.StockService/Appraise",
                    request.SerializeAsString(), {},
                    [&](const pinion::Reply& reply) {
                      v1::AppraiseResponse response;
                      response.ParseFromString(std::string(reply.response));
                      appraised.set_value(response);
                    });
  supplier_.gate.AwaitArrivals(1);
  EXPECT_EQ(Put("apples", 2).value_or(-1), 7);
  supplier_.gate.Open();
  const auto response = appraised.get_future().get();
  EXPECT_EQ(response->cost(), 15);  // Of what was there when it was asked.
}

TEST_F(StockTest, WatchersAreToldOfEachChange) {
  Start();
  ASSERT_TRUE(Put("apples", 5).ok());
  v1::WatchRequest request;
  request.set_shelf("apples");
  auto watch = client().Stream<v1::WatchResponse>(
      "/stock.v1.StockService/Watch", request);
  const auto next = [&] {
    return watch.Next().value_or(v1::WatchResponse()).count();
  };
  EXPECT_EQ(next(), 5);
  ASSERT_TRUE(Move("apples", "pears", 2).ok());
  EXPECT_EQ(next(), 3);
}

// The period is shorter than the work, which must not be started before its
// last step.
TEST_F(StockTest, EmptyShelvesGoInSteps) {
  Start(std::chrono::nanoseconds(1));
  ASSERT_TRUE(Put("apples", 1).ok());
  for (int i = 0; i < kShelves; ++i) ASSERT_TRUE(Put(ShelfName(i), 0).ok());
  while (Total().shelves() > 1) {
  }
  EXPECT_EQ(Total().count(), 1);
}

// On a disk that fails when the test says so.
class TestJournal final : public Journal {
 public:
  void Append(const std::string&) override { ++appended; }
  absl::Status Sync() override {
    synced = appended;
    return full ? absl::ResourceExhaustedError("the disk is full")
                : absl::OkStatus();
  }

  int appended = 0;
  std::atomic<int> synced{0};
  std::atomic<bool> full{false};
};

static_assert(pinion::EndsBatches<Deliveries>);

TEST(DeliveriesTest, AnswersWhenTheJournalIsOnDisk) {
  TestJournal journal;
  TestServer server({.workers = 1});
  server.server()
      .Host<Deliveries>("stock.v1.DeliveryService",
                        [&] { return std::make_unique<Deliveries>(journal); })
      .On("Register", &Deliveries::Register);
  server.Start();
  v1::RegisterRequest request;
  request.set_shelf("apples");
  const auto call = [&] {
    return server.client().Call<v1::RegisterResponse>(
        "/stock.v1.DeliveryService/Register", request);
  };
  EXPECT_TRUE(call().ok());
  EXPECT_EQ(journal.synced, 1);
  journal.full = true;
  EXPECT_EQ(call().status().message(), "the disk is full");
  server.Stop();
}

TEST(PatternsTest, StandOnThePageToTheLetter) {
  const std::string code = Read("server/examples/patterns/stock.h");
  const std::string page = Read("docs/patterns.md");
  const std::string kBegin = "```cpp\n";
  int blocks = 0;
  for (size_t at = page.find(kBegin); at != std::string::npos;
       at = page.find(kBegin, at), ++blocks) {
    at += kBegin.size();
    const std::string block = page.substr(at, page.find("```", at) - at);
    EXPECT_TRUE(absl::StrContains(code, block)) << block;
  }
  EXPECT_GT(blocks, 0);
}

}  // namespace
}  // namespace stock
