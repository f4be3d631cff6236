// SPDX-License-Identifier: Apache-2.0
//
// Money moves once, whole, or not at all: whatever comes between its being
// taken and its being added, which the tests hold apart.
#include "pinion/server/examples/ledger/ledger.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "bank/v1/ledger.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/examples/ledger/host_ledger.h"
#include "pinion/server/examples/ledger/ledger_methods.h"
#include "pinion/server/testing.h"

namespace bank {
namespace {

using ::pinion::Method;
using ::pinion::testing::ManualOptions;
using ::pinion::testing::ManualServer;
using ::pinion::testing::PendingCall;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

v1::BalanceRequest BalanceOf(const std::string& account) {
  v1::BalanceRequest request;
  request.set_account(account);
  return request;
}

v1::TransferRequest TransferOf(const std::string& from, const std::string& to,
                               int64_t amount, const std::string& id) {
  v1::TransferRequest request;
  request.set_from(from);
  request.set_to(to);
  request.set_amount(amount);
  request.set_id(id);
  return request;
}

v1::StatementRequest StatementOf(const std::string& account, uint64_t after = 0,
                                 bool follow = false) {
  v1::StatementRequest request;
  request.set_account(account);
  request.set_after(after);
  request.set_follow(follow);
  return request;
}

// A statement that is read as it comes.
class OpenStatement {
 public:
  OpenStatement(ManualServer& test, const v1::StatementRequest& request)
      : stub_(v1::LedgerService::NewStub(test.in_process().channel())),
        reader_(stub_->Statement(&context_, request)) {
    test.AwaitWaiting(1);
    test.RunUntilIdle();
  }
  ~OpenStatement() { context_.TryCancel(); }

  // The lines of the next message, as "number: amount other transfer =
  // balance"; none at the end.
  std::vector<std::string> Next() {
    v1::StatementResponse response;
    std::vector<std::string> lines;
    if (!reader_->Read(&response)) return lines;
    for (const v1::Line& line : response.lines()) {
      lines.push_back(absl::StrCat(line.number(), ": ", line.amount(), " ",
                                   line.other(), " ", line.transfer(), " = ",
                                   line.balance()));
    }
    return lines;
  }

  // How it ends, after all lines.
  grpc::StatusCode End() { return reader_->Finish().error_code(); }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<v1::LedgerService::Stub> stub_;
  const std::unique_ptr<grpc::ClientReader<v1::StatementResponse>> reader_;
};

// A ledger on two workers. `here_` and `here_too_` are accounts of the one,
// `there_` and `nobody_` of the other; they are opened by deposits.
class LedgerTest : public ::testing::Test {
 protected:
  static constexpr int kHere = 0, kThere = 1;

  LedgerTest() { Start({}); }

  void Start(const LedgerOptions& options,
             const pinion::HostingOptions& hosting = {.workers = 2}) {
    test_.emplace([&](pinion::Server& server) { HostLedger(server, options); },
                  ManualOptions{.hosting = hosting});
    here_ = NameOn(kHere, "here");
    here_too_ = NameOn(kHere, "here_too");
    there_ = NameOn(kThere, "there");
    nobody_ = NameOn(kThere, "nobody");
  }

  // Makes a call, and has all run to its end.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Run(const Method<Request, Response>& method,
                               const Request& request) {
    const auto call = test_->Call(method, request);
    test_->RunUntilIdle();
    return call.Await();
  }
  absl::Status Deposit(const std::string& account, int64_t amount) {
    v1::DepositRequest request;
    request.set_account(account);
    request.set_amount(amount);
    return Run(kDeposit, request).status();
  }
  absl::StatusOr<v1::TransferResponse> Transfer(
      const v1::TransferRequest& request) {
    return Run(kTransfer, request);
  }

  // Begins a transfer from `here_`, and has the money taken there. It is then
  // on its way to the other worker, which rests.
  PendingCall<v1::TransferResponse> Send(
      const v1::TransferRequest& request,
      absl::Duration timeout = absl::InfiniteDuration()) {
    const auto call = test_->Call(kTransfer, request, {.timeout = timeout});
    RunHere();
    return call;
  }
  void RunHere() {
    while (test_->Step(kHere)) {
    }
  }

  // Of an account of the worker `kHere`, while the other rests.
  void ExpectHere(const std::string& account, int64_t balance,
                  int64_t on_its_way) {
    const auto call = test_->Call(kBalance, BalanceOf(account));
    RunHere();
    ASSERT_TRUE(call.Await().ok()) << call.Await().status();
    EXPECT_EQ(call.Await()->balance(), balance);
    EXPECT_EQ(call.Await()->on_its_way(), on_its_way);
  }
  // Of any, when all has come to rest.
  void ExpectBalance(const std::string& account, int64_t balance) {
    const auto found = Run(kBalance, BalanceOf(account));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->balance(), balance) << account;
    EXPECT_EQ(found->on_its_way(), 0) << account;
  }

  std::optional<ManualServer> test_;
  std::string here_, here_too_, there_, nobody_;

 private:
  // The first name of this kind whose account is on `worker`.
  std::string NameOn(int worker, const std::string& kind) {
    for (int i = 0;; ++i) {
      const std::string name = absl::StrCat(kind, i);
      const auto call = test_->Call(kBalance, BalanceOf(name));
      const bool there = test_->Step(worker);
      test_->RunUntilIdle();
      if (there) return name;
    }
  }
};

TEST_F(LedgerTest, OpensAccountsByDepositsAndAddsThemUp) {
  EXPECT_EQ(Run(kBalance, BalanceOf(here_)).status().code(), kNotFound);
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
  ASSERT_TRUE(Deposit(there_, kMax - 1).ok());
  EXPECT_EQ(Transfer(TransferOf(here_, nobody_, 2, "a")).status().code(),
            kNotFound);
  EXPECT_EQ(Transfer(TransferOf(here_, there_, 2, "b")).status().code(),
            kPrecondition);
  ExpectBalance(here_, 5);
  ExpectBalance(there_, kMax - 1);
}

TEST_F(LedgerTest, ShowsWhatIsOnItsWayAndKeepsRoomForItsReturn) {
  ASSERT_TRUE(Deposit(here_, kMax).ok());
  const auto transfer = Send(TransferOf(here_, nobody_, 2, "a"));
  ExpectHere(here_, kMax - 2, /*on_its_way=*/2);
  v1::DepositRequest one_more;
  one_more.set_account(here_);
  one_more.set_amount(1);
  const auto deposit = test_->Call(kDeposit, one_more);
  RunHere();
  EXPECT_EQ(deposit.Await().status().code(), kPrecondition);
  test_->RunUntilIdle();
  EXPECT_EQ(transfer.Await().status().code(), kNotFound);
  ExpectBalance(here_, kMax);
}

TEST_F(LedgerTest, BringsHomeWhatIsOnItsWayWhenTheTimeIsUp) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const auto good = TransferOf(here_, there_, 2, "a");
  const auto bad = TransferOf(here_, nobody_, 1, "b");
  const auto first = Send(good, absl::Minutes(1));
  const auto second = Send(bad, absl::Minutes(1));
  test_->Advance(absl::Minutes(1));
  for (const auto& call : {first, second}) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(call.Await().status()));
    EXPECT_FALSE(pinion::NotExecuted(call.Await().status()));
  }
  ExpectHere(here_, 2, /*on_its_way=*/3);
  test_->RunUntilIdle();
  ExpectBalance(here_, 3);
  ExpectBalance(there_, 7);
  // How they ended can be asked for.
  EXPECT_TRUE(Transfer(good).ok());
  EXPECT_EQ(Transfer(bad).status().code(), kNotFound);
  ExpectBalance(here_, 3);
  ExpectBalance(there_, 7);
}

TEST_F(LedgerTest, AnswersATransferThatIsRepeatedAsAtFirstAndMovesItOnce) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const auto good = TransferOf(here_, there_, 2, "a");
  const auto bad = TransferOf(here_, there_, 4, "b");
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
  const auto transfer = TransferOf(here_, there_, 2, "a");
  const auto first = Send(transfer);
  const auto second = Send(transfer);
  ExpectHere(here_, 3, /*on_its_way=*/2);
  EXPECT_FALSE(second.answered());
  test_->RunUntilIdle();
  EXPECT_TRUE(first.Await().ok());
  EXPECT_TRUE(second.Await().ok());
  ExpectBalance(here_, 3);
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
  Start({.remember_for = std::chrono::minutes(5)});
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 5).ok());
  const auto transfer = TransferOf(here_, there_, 2, "a");
  ASSERT_TRUE(Transfer(transfer).ok());
  test_->Advance(absl::Minutes(4));
  ASSERT_TRUE(Transfer(transfer).ok());
  ExpectBalance(here_, 3);
  test_->Advance(absl::Minutes(1));
  ASSERT_TRUE(Transfer(transfer).ok());
  ExpectBalance(here_, 1);
}

TEST_F(LedgerTest, RefusesWhatThereIsNoRoomForAndMovesNothing) {
  Start({.max_bytes = 2000});
  ASSERT_TRUE(Deposit(here_, 100).ok());
  ASSERT_TRUE(Deposit(there_, 100).ok());
  absl::Status moved;
  int moves = -1;
  for (; moved.ok(); ++moves) {
    moved =
        Transfer(TransferOf(here_, there_, 1, absl::StrCat(moves))).status();
  }
  EXPECT_EQ(moved.code(), kExhausted) << moved;
  EXPECT_GT(moves, 1);
  ExpectBalance(here_, 100 - moves);
  absl::Status opened;
  for (int i = 0; opened.ok(); ++i) opened = Deposit(absl::StrCat(i), 1);
  EXPECT_EQ(opened.code(), kExhausted) << opened;
  EXPECT_TRUE(Deposit(here_, 1).ok());
}

TEST_F(LedgerTest, RefusesRequestsThatCannotBe) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  const std::string too_long(65, 'a');
  for (const int64_t amount : {int64_t{0}, int64_t{-1}, kMax + 1}) {
    EXPECT_EQ(Deposit(here_, amount).code(), kInvalid);
    EXPECT_EQ(Transfer(TransferOf(here_, there_, amount, "a")).status().code(),
              kInvalid);
  }
  for (const std::string& name :
       {std::string(), std::string("a/b"), too_long}) {
    EXPECT_EQ(Deposit(name, 1).code(), kInvalid);
    for (const auto& request :
         {TransferOf(name, there_, 1, "a"), TransferOf(here_, name, 1, "a")}) {
      EXPECT_EQ(Transfer(request).status().code(), kInvalid);
    }
  }
  for (const auto& request :
       {TransferOf(here_, here_, 1, "a"), TransferOf(here_, there_, 1, ""),
        TransferOf(here_, there_, 1, too_long)}) {
    EXPECT_EQ(Transfer(request).status().code(), kInvalid);
  }
  ExpectBalance(here_, 5);
}

TEST_F(LedgerTest, TellsWhatBecameOfAnAccount) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  ASSERT_TRUE(Deposit(there_, 10).ok());
  ASSERT_TRUE(Transfer(TransferOf(here_, there_, 2, "a")).ok());
  ASSERT_FALSE(Transfer(TransferOf(here_, nobody_, 2, "b")).ok());
  ASSERT_TRUE(Transfer(TransferOf(there_, here_, 1, "c")).ok());
  OpenStatement statement(*test_, StatementOf(here_));
  EXPECT_THAT(
      statement.Next(),
      ElementsAre("1: 5   = 5", absl::StrCat("2: -2 ", there_, " a = 3"),
                  absl::StrCat("3: 1 ", there_, " c = 4")));
  EXPECT_THAT(statement.Next(), IsEmpty());
  EXPECT_EQ(statement.End(), grpc::StatusCode::OK);
}

TEST_F(LedgerTest, TellsTheLinesThatAreKeptAfterTheOneThatIsKnown) {
  Start({.lines_kept = 3});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Deposit(here_, 1).ok());
  OpenStatement kept(*test_, StatementOf(here_));
  EXPECT_THAT(kept.Next(),
              ElementsAre("3: 1   = 3", "4: 1   = 4", "5: 1   = 5"));
  OpenStatement last(*test_, StatementOf(here_, /*after=*/4));
  EXPECT_THAT(last.Next(), ElementsAre("5: 1   = 5"));
  OpenStatement none(*test_, StatementOf(here_, /*after=*/5));
  EXPECT_THAT(none.Next(), IsEmpty());
}

TEST_F(LedgerTest, TellsManyLinesInManyMessages) {
  Start({.lines_kept = 1000});
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(Deposit(here_, 1).ok());
  OpenStatement statement(*test_, StatementOf(here_));
  for (const size_t lines : {100, 100, 50, 0}) {
    EXPECT_EQ(statement.Next().size(), lines);
  }
}

TEST_F(LedgerTest, TellsNoMoreInOneMessageThanItHasRoomFor) {
  Start({.lines_kept = 1000}, {.workers = 2, .max_message_bytes = 1024});
  constexpr int kLines = 250;
  for (int i = 0; i < kLines; ++i) ASSERT_TRUE(Deposit(here_, 1).ok());
  OpenStatement statement(*test_, StatementOf(here_));
  size_t lines = 0, messages = 0;
  for (size_t more = 1; more > 0; lines += more, ++messages) {
    more = statement.Next().size();
  }
  EXPECT_EQ(statement.End(), grpc::StatusCode::OK);
  EXPECT_EQ(lines, size_t{kLines});
  EXPECT_GT(messages, kLines / size_t{100} + 1);
}

TEST_F(LedgerTest, GoesOnWithTheLinesThatComeUntilTheServerStops) {
  ASSERT_TRUE(Deposit(here_, 5).ok());
  OpenStatement statement(*test_,
                          StatementOf(here_, /*after=*/1, /*follow=*/true));
  OpenStatement of_another(*test_, StatementOf(here_, 0, /*follow=*/true));
  for (int i = 2; i < 5; ++i) {
    ASSERT_TRUE(Deposit(here_, 1).ok());
    EXPECT_THAT(statement.Next(),
                ElementsAre(absl::StrCat(i, ": 1   = ", i + 4)));
  }
  test_->BeginStop();
  test_->RunUntilIdle();
  EXPECT_THAT(statement.Next(), IsEmpty());
  EXPECT_EQ(statement.End(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(LedgerTest, HasNoStatementOfAnAccountThatIsNone) {
  OpenStatement statement(*test_, StatementOf(nobody_));
  EXPECT_THAT(statement.Next(), IsEmpty());
  EXPECT_EQ(statement.End(), grpc::StatusCode::NOT_FOUND);
}

// Each run draws another order in which the workers run.
TEST_F(LedgerTest, KeepsTheWholeInWhateverOrderTheWorkersRun) {
  const std::vector<std::string> accounts = {here_, there_, here_too_};
  for (const auto& account : accounts) ASSERT_TRUE(Deposit(account, 10).ok());
  std::vector<PendingCall<v1::TransferResponse>> calls;
  for (int i = 0; i < 60; ++i) {
    const std::string& to = i % 5 == 0 ? nobody_ : accounts[(i + 1) % 3];
    calls.push_back(test_->Call(
        kTransfer,
        TransferOf(accounts[i % 3], to, 1 + i % 7, absl::StrCat(i))));
  }
  test_->RunUntilIdle();
  int64_t whole = 0;
  for (const auto& account : accounts) {
    const auto balance = Run(kBalance, BalanceOf(account));
    ASSERT_TRUE(balance.ok()) << balance.status();
    EXPECT_GE(balance->balance(), 0);
    EXPECT_EQ(balance->on_its_way(), 0);
    whole += balance->balance();
  }
  EXPECT_EQ(whole, 30);
}

}  // namespace
}  // namespace bank
