// SPDX-License-Identifier: Apache-2.0
//
// A million transfers between accounts on two workers, by tellers that are
// impatient, change their minds and die. At each quiet point the statements
// have each transfer that was answered OK once on either side, and no other;
// and every account holds to the coin what the answers say, so the whole is
// what it was.
//
// The seed decides which transfers are made and when which teller does what;
// how they meet it does not.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/examples/ledger/host_ledger.h"
#include "pinion/server/examples/ledger/ledger_methods.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::bank::kBalance;
using ::bank::kDeposit;
using ::bank::kTransfer;
using ::bank::v1::Line;
using ::bank::v1::TransferRequest;
using ::bank::v1::TransferResponse;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::Seed;
using ::pinion::testing::SessionClient;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestServer;

constexpr int kTransfers = 1'000'000 / kTimesSlower;
constexpr int kRounds = 10;
constexpr int kAccountsOfAWorker = 100;
constexpr int64_t kAtFirst = 20'000;  // In each account.
constexpr int kMaxAtOnce = 1000;
// Of one account: some 1000, and now and then more.
constexpr size_t kLinesOfARound = 3000;

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  // 0 to sides - 1.
  int Throw(int sides) {
    return std::uniform_int_distribution<int>(0, sides - 1)(random_);
  }
  bool OneIn(int sides) { return Throw(sides) == 0; }

 private:
  std::mt19937_64 random_;
};

// How a transfer has ended, by the answers.
enum class Outcome : uint8_t {
  kNone,
  kDone,         // OK.
  kRefused,      // The ledger's error.
  kNotExecuted,  // EXECUTED_NO, and it was asked for once.
};

// The transfers to make and how they ended. Threads: each transfer is that of
// the teller who has taken it; the rest is for quiet times.
class Books {
 public:
  // The accounts by worker; the last of each is none.
  explicit Books(std::vector<std::string> accounts[2], uint64_t seed)
      : accounts_{std::move(accounts[0]), std::move(accounts[1])} {
    Dice dice(seed);
    for (int i = 0; i < kTransfers; ++i) {
      const int home = dice.Throw(2);
      const int to =
          dice.OneIn(50) ? kAccountsOfAWorker : dice.Throw(kAccountsOfAWorker);
      plans_.push_back(
          {.from = &accounts_[home][dice.Throw(kAccountsOfAWorker)],
           .to = &accounts_[1 - home][to],
           .amount = 1 + dice.Throw(kMaxAtOnce)});
    }
  }

  // Lets transfers be taken up to the `end`th.
  void OpenUpTo(int end) { end_ = end; }
  // None if there is none left.
  std::optional<int> Take() {
    const int taken = next_++;
    if (taken < end_) return taken;
    --next_;
    return std::nullopt;
  }

  TransferRequest Request(int transfer) const {
    const Plan& plan = plans_[transfer];
    TransferRequest request;
    request.set_from(*plan.from);
    request.set_to(*plan.to);
    request.set_amount(plan.amount);
    request.set_id(absl::StrCat(transfer));
    return request;
  }

  // It may have happened or not: it will be asked for again.
  void SetUnsure(int transfer) { plans_[transfer].unsure = true; }
  bool unsure(int transfer) const { return plans_[transfer].unsure; }

  void End(int transfer, Outcome outcome) {
    EXPECT_EQ(plans_[transfer].outcome, Outcome::kNone) << transfer;
    plans_[transfer].outcome = outcome;
  }

  // Takes a line of a statement of `account`.
  void Note(const std::string& account, const Line& line) {
    EXPECT_EQ(line.number(), ++last_lines_[account]) << account;
    if (line.transfer().empty()) return;
    int transfer = -1;
    ASSERT_TRUE(absl::SimpleAtoi(line.transfer(), &transfer));
    Plan& plan = plans_.at(transfer);
    const bool taken = account == *plan.from;
    ++(taken ? plan.taken : plan.added);
    EXPECT_EQ(account, taken ? *plan.from : *plan.to);
    EXPECT_EQ(line.other(), taken ? *plan.to : *plan.from);
    EXPECT_EQ(line.amount(), taken ? -plan.amount : plan.amount);
  }
  // The number of the last line.
  uint64_t last_line(const std::string& account) {
    return last_lines_[account];
  }

  // That what was done was done once, and nothing else.
  void ExpectNotedAsAnswered() const {
    for (size_t i = 0; i < plans_.size(); ++i) {
      const int times = plans_[i].outcome == Outcome::kDone ? 1 : 0;
      EXPECT_EQ(plans_[i].taken, times) << "transfer " << i;
      EXPECT_EQ(plans_[i].added, times) << "transfer " << i;
    }
  }

  int Count(Outcome outcome) const {
    return std::count_if(plans_.begin(), plans_.end(), [&](const Plan& plan) {
      return plan.outcome == outcome;
    });
  }

  // What each account holds, by the answers.
  std::map<std::string, int64_t> Balances() const {
    std::map<std::string, int64_t> balances;
    for (const auto& accounts : accounts_) {
      for (const std::string& account : accounts) balances[account] = kAtFirst;
      balances.erase(accounts.back());
    }
    for (const Plan& plan : plans_) {
      if (plan.outcome != Outcome::kDone) continue;
      balances[*plan.from] -= plan.amount;
      balances[*plan.to] += plan.amount;
    }
    return balances;
  }

 private:
  struct Plan {
    const std::string* from;
    const std::string* to;
    int amount;
    bool unsure = false;
    Outcome outcome = Outcome::kNone;
    // How often it is in the statements.
    uint8_t taken = 0;
    uint8_t added = 0;
  };

  const std::vector<std::string> accounts_[2];
  std::vector<Plan> plans_;
  std::atomic<int> next_{0};
  int end_ = 0;
  std::map<std::string, uint64_t> last_lines_;
};

// Makes transfers, so many at a time, and asks until it knows how each has
// ended. One thread's, but for Put().
class Teller {
 public:
  Teller(TestServer& test, const ClientOptions& options, int in_flight,
         Books& books, uint64_t seed)
      : test_(test),
        options_(options),
        in_flight_(in_flight),
        books_(books),
        dice_(seed) {}

  // Until none is left to take.
  void Work() {
    Live();
    while (StartSome() || open_ > 0) {
      for (const auto& [transfer, status] : AwaitSome()) Hear(transfer, status);
    }
    client_.reset();
  }

  int lives() const { return lives_; }
  int repeated() const { return repeated_; }

 private:
  using Answers = std::deque<std::pair<int, absl::Status>>;

  // With a client of its own. That of a life before goes, with its connection
  // and all that is open.
  void Live() {
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    client_ = std::make_unique<Client>(
        grpc::CreateCustomChannel(test_.server().address(),
                                  grpc::InsecureChannelCredentials(),
                                  own_connection),
        options_);
    ++lives_;
  }

  // Fills up; false if there is nothing to do.
  bool StartSome() {
    while (open_ < in_flight_) {
      if (dice_.OneIn(10'000)) Live();
      if (dice_.OneIn(20'000)) BreakASession();
      if (!unsure_.empty()) {
        ++repeated_;
        Start(std::exchange(unsure_.front(), 0), absl::InfiniteDuration());
        unsure_.pop_front();
      } else if (const std::optional<int> transfer = books_.Take()) {
        StartFirst(*transfer);
      } else {
        return false;
      }
    }
    return true;
  }

  void StartFirst(int transfer) {
    const CallId call =
        Start(transfer, dice_.OneIn(5) ? absl::Microseconds(dice_.Throw(5000))
                                       : absl::Minutes(10));
    if (dice_.OneIn(20)) client_->Cancel(call);
  }

  CallId Start(int transfer, absl::Duration timeout) {
    ++open_;
    return client_->Start(kTransfer, books_.Request(transfer),
                          {.timeout = timeout},
                          [=, this](absl::StatusOr<TransferResponse> response) {
                            Put(transfer, response.status());
                          });
  }

  // Starts some in a session that it breaks, deaf to what became of them.
  void BreakASession() {
    SessionClient session(test_.TcpChannel());
    v1::OpenRequest message;
    while (message.calls_size() < 100) {
      const std::optional<int> transfer = books_.Take();
      if (!transfer.has_value()) break;
      v1::SessionCall& call = *message.add_calls();
      call.set_id(message.calls_size());
      call.set_method(std::string(kTransfer.name()));
      call.set_payload(books_.Request(*transfer).SerializeAsString());
      AskAgain(*transfer);
    }
    if (message.calls_size() == 0) return;
    session.Send(message);
    if (dice_.OneIn(2)) session.AwaitAnswers(1);
    session.Break();
  }

  void Hear(int transfer, const absl::Status& status) {
    --open_;
    if (status.ok()) return books_.End(transfer, Outcome::kDone);
    const auto failure = FailureOf(status);
    if (failure && failure->reason() == v1::REASON_HANDLER) {
      EXPECT_TRUE(status.code() == absl::StatusCode::kFailedPrecondition ||
                  status.code() == absl::StatusCode::kNotFound)
          << status;
      return books_.End(transfer, Outcome::kRefused);
    }
    if (NotExecuted(status) && !books_.unsure(transfer)) {
      return books_.End(transfer, Outcome::kNotExecuted);
    }
    AskAgain(transfer);
  }

  void AskAgain(int transfer) {
    books_.SetUnsure(transfer);
    unsure_.push_back(transfer);
  }

  void Put(int transfer, absl::Status status) {
    std::unique_lock lock(mutex_);
    answers_.emplace_back(transfer, std::move(status));
    changed_.notify_one();
  }
  Answers AwaitSome() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !answers_.empty(); });
    return std::exchange(answers_, {});
  }

  TestServer& test_;
  const ClientOptions options_;
  const int in_flight_;
  Books& books_;
  Dice dice_;
  std::unique_ptr<Client> client_;
  std::deque<int> unsure_;  // To be asked for again.
  int open_ = 0;
  int lives_ = 0;
  int repeated_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  Answers answers_;
};

class LedgerStressTest : public ::testing::Test {
 protected:
  LedgerStressTest() : test_({.workers = 2}) {
    bank::HostLedger(test_.server(), {.lines_kept = kLinesOfARound});
    test_.Start();
  }

  // Opens accounts until each worker has as many as it should, and names one
  // more that is none.
  void OpenAccounts(std::vector<std::string> accounts[2]) {
    for (int i = 0; accounts[0].size() <= kAccountsOfAWorker ||
                    accounts[1].size() <= kAccountsOfAWorker;
         ++i) {
      const std::string name = absl::StrCat("account", i);
      auto& of_worker = accounts[WorkerOf(name)];
      if (of_worker.size() > kAccountsOfAWorker) continue;
      if (of_worker.size() < kAccountsOfAWorker) Open(name);
      of_worker.push_back(name);
    }
  }

  // Has the books note what is new in the account's statement.
  void ReadStatement(const std::string& account, Books& books) {
    bank::v1::StatementRequest request;
    request.set_account(account);
    request.set_after(books.last_line(account));
    StreamClient stream(test_.InProcessChannel(),
                        "/bank.v1.LedgerService/Statement",
                        request.SerializeAsString());
    while (const std::optional<std::string> bytes = stream.Next()) {
      bank::v1::StatementResponse response;
      ASSERT_TRUE(response.ParseFromString(*bytes));
      for (const Line& line : response.lines()) books.Note(account, line);
    }
    ASSERT_TRUE(stream.AwaitEnd().ok()) << stream.AwaitEnd();
  }

  void ExpectBalances(const std::map<std::string, int64_t>& balances) {
    int64_t total = 0;
    for (const auto& [account, expected] : balances) {
      bank::v1::BalanceRequest request;
      request.set_account(account);
      const auto balance = test_.client().Call(kBalance, request);
      ASSERT_TRUE(balance.ok()) << balance.status();
      EXPECT_EQ(balance->balance(), expected) << account;
      EXPECT_EQ(balance->on_its_way(), 0) << account;
      total += balance->balance();
    }
    EXPECT_EQ(total, 2 * kAccountsOfAWorker * kAtFirst);
  }

  TestServer test_;

 private:
  int WorkerOf(const std::string& account) {
    bank::v1::BalanceRequest request;
    request.set_account(account);
    const RawReply reply = test_.client().CallRaw(
        kBalance.name(), request.SerializeAsString(), {.want_timing = true});
    return static_cast<int>(reply.timing.value().worker());
  }
  void Open(const std::string& account) {
    bank::v1::DepositRequest deposit;
    deposit.set_account(account);
    deposit.set_amount(kAtFirst);
    ASSERT_TRUE(test_.client().Call(kDeposit, deposit).ok());
  }
};

TEST_F(LedgerStressTest, DoesOnceWhatIsAnsweredOkAndNothingElse) {
  const Seed seed;
  std::vector<std::string> accounts[2];
  OpenAccounts(accounts);
  Books books(accounts, seed.value());
  std::deque<Teller> tellers;
  for (const auto& [unary, in_flight] :
       {std::pair(false, 400), {false, 400}, {true, 50}}) {
    tellers.emplace_back(test_, ClientOptions{.unary = unary}, in_flight, books,
                         seed.value() + tellers.size());
  }
  for (int round = 1; round <= kRounds; ++round) {
    books.OpenUpTo(kTransfers / kRounds * round);
    std::deque<std::thread> threads;
    for (Teller& teller : tellers) {
      threads.emplace_back([&] { teller.Work(); });
    }
    for (std::thread& thread : threads) thread.join();
    const std::map<std::string, int64_t> balances = books.Balances();
    for (const auto& balance : balances) ReadStatement(balance.first, books);
    books.ExpectNotedAsAnswered();
    ExpectBalances(balances);
    if (HasFailure()) break;
  }

  const int done = books.Count(Outcome::kDone);
  const int refused = books.Count(Outcome::kRefused);
  const int not_executed = books.Count(Outcome::kNotExecuted);
  int repeated = 0, lives = 0;
  for (const Teller& teller : tellers) {
    repeated += teller.repeated();
    lives += teller.lives();
  }
  std::printf(
      "%d done, %d refused, %d not executed; asked again %d times, by "
      "%d clients\n",
      done, refused, not_executed, repeated, lives);
  EXPECT_EQ(done + refused + not_executed, kTransfers);
  for (const int some : {done, refused, not_executed, repeated}) {
    EXPECT_GT(some, 0);
  }
}

}  // namespace
}  // namespace pinion
