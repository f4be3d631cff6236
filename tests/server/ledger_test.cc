// SPDX-License-Identifier: Apache-2.0
//
// The ledger of server/examples: money moves once, whole, or not at all.
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "gtest/gtest.h"
#include "server/examples/ledger/host_ledger.h"
#include "server/examples/ledger/ledger_methods.h"
#include "tests/support/lane_test.h"
#include "tests/support/test_server.h"

namespace pinion {
namespace {

using ::bank::kMost;
using ::bank::v1::BalanceRequest;
using ::bank::v1::BalanceResponse;
using ::bank::v1::DepositRequest;
using ::bank::v1::TransferRequest;
using ::bank::v1::TransferResponse;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::HoldShard;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

TransferRequest TransferOf(const std::string& from, const std::string& to,
                           int64_t amount, const std::string& id) {
  TransferRequest request;
  request.set_from(from);
  request.set_to(to);
  request.set_amount(amount);
  request.set_id(id);
  return request;
}

// A ledger on two workers. `here_` and `here_too_` are accounts of worker 1,
// `there_` of worker 0, `nobody_` is none there.
class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() { Start({}); }

  void Start(const bank::LedgerOptions& options) {
    test_ = std::make_unique<TestServer>(ServerOptions{.workers = 2});
    bank::HostLedger(test_->server(), options);
    test_->server()
        .Host<HoldShard>("pinion.test.HoldService")
        .On("Hold", &HoldShard::Hold);
    test_->Start();
    here_ = NameOn(1, "here");
    here_too_ = NameOn(1, "here_too");
    there_ = NameOn(0, "there");
    nobody_ = NameOn(0, "nobody");
  }

  absl::Status Deposit(const std::string& account, int64_t amount) {
    DepositRequest request;
    request.set_account(account);
    request.set_amount(amount);
    return client().Call(bank::kDeposit, request).status();
  }
  absl::StatusOr<BalanceResponse> Balance(const std::string& account) {
    BalanceRequest request;
    request.set_account(account);
    return client().Call(bank::kBalance, request);
  }
  absl::StatusOr<TransferResponse> Transfer(const TransferRequest& request) {
    return client().Call(bank::kTransfer, request);
  }
  // One that is under way.
  std::unique_ptr<OpenCall> StartTransfer(const TransferRequest& request) {
    return std::make_unique<OpenCall>(test_->InProcessChannel(),
                                      std::string(bank::kTransfer.name()),
                                      request.SerializeAsString());
  }

  void ExpectBalance(const std::string& account, int64_t balance,
                     int64_t on_its_way = 0) {
    const auto found = Balance(account);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->balance(), balance) << account;
    EXPECT_EQ(found->on_its_way(), on_its_way) << account;
  }
  // Waits until so much is on its way, as it will be.
  void AwaitOnItsWay(const std::string& account, int64_t amount) {
    while (Balance(account).value().on_its_way() != amount) {
      std::this_thread::yield();
    }
  }

  Client& client() { return test_->client(); }

  std::unique_ptr<TestServer> test_;
  std::string here_, here_too_, there_, nobody_;

 private:
  std::string NameOn(uint32_t worker, const std::string& name) {
    for (int i = 0;; ++i) {
      BalanceRequest request;
      request.set_account(absl::StrCat(name, i));
      const RawReply reply =
          client().CallRaw(bank::kBalance.name(), request.SerializeAsString(),
                           {.want_timing = true});
      if (reply.timing.value().worker() == worker) return request.account();
    }
  }
};

TEST_F(LedgerTest, OpensAccountsByDepositsAndAddsThemUp) {
  EXPECT_EQ(Balance(here_).status().code(), kNotFound);
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(here_, 3).ok());
  ExpectBalance(here_, 8);
}

TEST_F(LedgerTest, MovesMoneyWithinAWorkerAndToAnother) {
  for (const auto& account : {here_, here_too_, there_}) {
    ASSERT_TRUE(Deposit(account, 10).ok());
  }
  const auto within = Transfer(TransferOf(here_, here_too_, 3, "a"));
  ASSERT_TRUE(within.ok()) << within.status();
  EXPECT_EQ(within->balance(), 7);
  const auto beyond = Transfer(TransferOf(here_, there_, 7, "b"));
  ASSERT_TRUE(beyond.ok()) << beyond.status();
  EXPECT_EQ(beyond->balance(), 0);
  ExpectBalance(here_, 0);
  ExpectBalance(here_too_, 13);
  ExpectBalance(there_, 17);
}

TEST_F(LedgerTest, RefusesWhatTheAccountHasNot) {
  EXPECT_EQ(Transfer(TransferOf(here_, there_, 1, "a")).status().code(),
            kNotFound);
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const absl::Status refused =
      Transfer(TransferOf(here_, there_, 6, "b")).status();
  EXPECT_EQ(refused.code(), kPrecondition);
  EXPECT_EQ(refused.message(), absl::StrCat(here_, " has 5 and not 6"));
  ExpectBalance(here_, 5);
  ExpectBalance(there_, 5);
}

TEST_F(LedgerTest, PutsBackWhatTheOtherAccountCannotTake) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, kMost - 1).ok());
  EXPECT_EQ(Transfer(TransferOf(here_, nobody_, 2, "a")).status().code(),
            kNotFound);
  EXPECT_EQ(Transfer(TransferOf(here_, there_, 2, "b")).status().code(),
            kPrecondition);
  ExpectBalance(here_, 5);
  ExpectBalance(there_, kMost - 1);
}

TEST_F(LedgerTest, ShowsWhatIsOnItsWayAndKeepsRoomForItsReturn) {
  ASSERT_TRUE(Deposit(here_, kMost).ok());
  HeldWorker held(test_->InProcessChannel());
  const auto transfer = StartTransfer(TransferOf(here_, nobody_, 2, "a"));
  AwaitOnItsWay(here_, 2);
  ExpectBalance(here_, kMost - 2, 2);
  EXPECT_EQ(Deposit(here_, 1).code(), kPrecondition);
  held.Release();
  EXPECT_EQ(transfer->Await().code(), kNotFound);
  ExpectBalance(here_, kMost);
}

TEST_F(LedgerTest, BringsHomeWhatIsOnItsWayAfterTheCallHasEnded) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const TransferRequest request = TransferOf(here_, there_, 2, "a");
  const TransferRequest to_nobody = TransferOf(here_, nobody_, 1, "b");
  HeldWorker held(test_->InProcessChannel());
  const auto good = StartTransfer(request);
  const auto bad = StartTransfer(to_nobody);
  AwaitOnItsWay(here_, 3);
  for (const auto& transfer : {good.get(), bad.get()}) {
    transfer->Cancel();
    EXPECT_EQ(transfer->Await().code(), absl::StatusCode::kCancelled);
  }
  held.Release();
  AwaitOnItsWay(here_, 0);
  ExpectBalance(here_, 3);
  ExpectBalance(there_, 7);
  // How it ended can be asked for.
  EXPECT_TRUE(Transfer(request).ok());
  EXPECT_EQ(Transfer(to_nobody).status().code(), kNotFound);
  ExpectBalance(there_, 7);
}

TEST_F(LedgerTest, AnswersATransferThatIsRepeatedAsAtFirstAndMovesItOnce) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const TransferRequest good = TransferOf(here_, there_, 2, "a");
  const TransferRequest bad = TransferOf(here_, there_, 4, "b");
  EXPECT_TRUE(Transfer(good).ok());
  EXPECT_EQ(Transfer(bad).status().code(), kPrecondition);
  ASSERT_TRUE(Deposit(here_, 2).ok());  // Now there would be enough.
  EXPECT_TRUE(Transfer(good).ok());
  EXPECT_EQ(Transfer(bad).status().code(), kPrecondition);
  ExpectBalance(here_, 5);
  ExpectBalance(there_, 7);
}

TEST_F(LedgerTest, HasATransferThatIsRepeatedMeanwhileWaitForTheFirst) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const TransferRequest request = TransferOf(here_, there_, 2, "a");
  HeldWorker held(test_->InProcessChannel());
  const auto first = StartTransfer(request);
  AwaitOnItsWay(here_, 2);
  const auto second = StartTransfer(request);
  // Behind it in its lane.
  ASSERT_TRUE(Deposit(here_, 1).ok());
  held.Release();
  EXPECT_TRUE(first->Await().ok());
  EXPECT_TRUE(second->Await().ok());
  ExpectBalance(here_, 4);
  ExpectBalance(there_, 7);
}

TEST_F(LedgerTest, RefusesAnotherTransferOfTheSameId) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  ASSERT_TRUE(Transfer(TransferOf(here_, there_, 2, "a")).ok());
  for (const auto& other : {TransferOf(here_, there_, 1, "a"),
                            TransferOf(here_, here_too_, 2, "a")}) {
    const absl::Status refused = Transfer(other).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(refused.message(),
              absl::StrCat("the transfer a is of 2 to ", there_));
  }
  // From another account it is another.
  EXPECT_TRUE(Transfer(TransferOf(there_, here_, 7, "a")).ok());
  ExpectBalance(here_, 10);
}

TEST_F(LedgerTest, ForgetsATransferAfterAWhile) {
  Start({.remember_for = std::chrono::nanoseconds(0)});
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  ASSERT_TRUE(Transfer(TransferOf(here_, there_, 2, "a")).ok());
  ASSERT_TRUE(Transfer(TransferOf(here_, there_, 2, "a")).ok());
  ExpectBalance(here_, 1);
}

TEST_F(LedgerTest, RefusesWhatThereIsNoRoomForAndMovesNothing) {
  Start({.max_bytes = 2000});
  ASSERT_TRUE(Deposit(here_, 100).ok());
  ASSERT_TRUE(Deposit(there_, 100).ok());
  absl::Status last;
  int transfers = 0;
  while (last.ok()) {
    last = Transfer(TransferOf(here_, there_, 1, absl::StrCat(++transfers)))
               .status();
  }
  EXPECT_EQ(last.code(), absl::StatusCode::kResourceExhausted) << last;
  EXPECT_GT(transfers, 1);
  ExpectBalance(here_, 100 - (transfers - 1));
  absl::Status opened;
  for (int i = 0; opened.ok(); ++i) opened = Deposit(absl::StrCat(i), 1);
  EXPECT_EQ(opened.code(), absl::StatusCode::kResourceExhausted) << opened;
}

TEST_F(LedgerTest, RefusesRequestsThatCannotBe) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  const std::string too_long(65, 'a');
  for (const int64_t amount : {int64_t{0}, int64_t{-1}, kMost + 1}) {
    EXPECT_EQ(Deposit(here_, amount).code(), kInvalid);
    EXPECT_EQ(Transfer(TransferOf(here_, there_, amount, "a")).status().code(),
              kInvalid);
  }
  for (const std::string& name :
       {std::string(), std::string("a/b"), too_long}) {
    EXPECT_EQ(Deposit(name, 1).code(), kInvalid);
    for (const TransferRequest& request :
         {TransferOf(name, there_, 1, "a"), TransferOf(here_, name, 1, "a")}) {
      EXPECT_EQ(Transfer(request).status().code(), kInvalid);
    }
  }
  for (const TransferRequest& request :
       {TransferOf(here_, here_, 1, "a"), TransferOf(here_, there_, 1, ""),
        TransferOf(here_, there_, 1, too_long)}) {
    EXPECT_EQ(Transfer(request).status().code(), kInvalid);
  }
  ExpectBalance(here_, 5);
}

}  // namespace
}  // namespace pinion
