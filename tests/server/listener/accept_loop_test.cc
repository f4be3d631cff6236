// SPDX-License-Identifier: Apache-2.0
//
// The accept loop, by itself: whom it lets in, what it says.
#include "pinion/server/listener/accept_loop.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/log.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A loop whose connections and lines are kept.
class Listener {
 public:
  explicit Listener(const ConnectionLimits& limits) {
    auto sockets = ListeningSockets::Open("127.0.0.1:0", {});
    EXPECT_TRUE(sockets.ok()) << sockets.status();
    address_ =
        Resolve(absl::StrCat("127.0.0.1:", sockets->port())).value().at(0);
    loop_.emplace(*std::move(sockets),
                  AcceptOptions{.limits = limits,
                                .log =
                                    [this](LogRecord record) {
                                      MutexLock lock(mutex_);
                                      lines_.push_back(record.message);
                                      changed_.NotifyAll();
                                    },
                                .clock = clock_.clock()},
                  [this](int descriptor, int) {
                    MutexLock lock(mutex_);
                    taken_.push_back(descriptor);
                    changed_.NotifyAll();
                  });
    EXPECT_TRUE(loop_->Start().ok());
  }
  ~Listener() {
    loop_->Stop();
    CloseTaken();
  }

  AcceptLoop& loop() { return *loop_; }
  FakeClock& clock() { return clock_; }
  const SocketAddress& address() const { return address_; }

  void CloseTaken() {
    MutexLock lock(mutex_);
    for (const int descriptor : taken_) close(descriptor);
    taken_.clear();
  }

  void AwaitTaken(size_t count) {
    MutexLock lock(mutex_);
    while (taken_.size() < count) changed_.Wait(mutex_);
  }

  std::vector<std::string> AwaitLines(size_t count) {
    MutexLock lock(mutex_);
    while (lines_.size() < count) changed_.Wait(mutex_);
    return lines_;
  }

 private:
  FakeClock clock_;
  SocketAddress address_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> taken_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::optional<AcceptLoop> loop_;
};

class Client {
 public:
  explicit Client(const Listener& listener)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const SocketAddress& to = listener.address();
    EXPECT_EQ(connect(socket_, to.get(), to.size), 0);
  }
  ~Client() { close(socket_); }

  // Waits until the server has closed it.
  void AwaitEnd() {
    char byte;
    EXPECT_EQ(recv(socket_, &byte, 1, 0), 0);
  }

 private:
  const int socket_;
};

TEST(AcceptLoopTest, ClosesAtOnceWhatIsBeyondTheBoundAndCountsIt) {
  Listener listener({.in_all = 2, .per_group = 2});
  const Client first(listener);
  const Client second(listener);
  listener.AwaitTaken(2);
  Client(listener).AwaitEnd();
  Client(listener).AwaitEnd();
  EXPECT_EQ(listener.loop().Counts().open, 2);
  EXPECT_EQ(listener.loop().Counts().refused, 2);
  listener.CloseTaken();
  const Client third(listener);
  listener.AwaitTaken(1);
  // What goes on is said once; so is that it is over.
  listener.clock().Advance(std::chrono::seconds(10));
  const Client fourth(listener);  // It wakes.
  EXPECT_THAT(
      listener.AwaitLines(2),
      ElementsAre(AllOf(HasSubstr("max_connections, 2"), HasSubstr("closed")),
                  HasSubstr("2 connections were refused")));
}

TEST(AcceptLoopTest, NewLimitsHoldForNewConnections) {
  Listener listener({.in_all = 2, .per_group = 2});
  const Client first(listener);
  const Client second(listener);
  listener.AwaitTaken(2);
  listener.loop().SetLimits({.in_all = 3, .per_group = 3});
  const Client third(listener);
  listener.AwaitTaken(3);
  listener.loop().SetLimits({.in_all = 1, .per_group = 1});
  Client(listener).AwaitEnd();
  EXPECT_EQ(listener.loop().Counts().open, 3);
  EXPECT_THAT(listener.AwaitLines(1),
              ElementsAre(HasSubstr("max_connections, 1, are open")));
}

TEST(AcceptLoopTest, ADescriptorThatComesFreeIsTheNextConnections) {
  Listener listener({.in_all = 1000, .per_group = 1000});
  const Client first(listener);
  listener.AwaitTaken(1);

  // Those who come need a descriptor of the same process, so they have theirs
  // before there are no more.
  std::vector<int> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(socket(AF_INET, SOCK_STREAM, 0));
  }
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(clients.back()) + 20;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (const int client : clients) {
    const SocketAddress& to = listener.address();
    ASSERT_EQ(connect(client, to.get(), to.size), 0);
  }
  EXPECT_THAT(listener.AwaitLines(1),
              ElementsAre(AllOf(HasSubstr("open files run out"),
                                HasSubstr(absl::StrCat(few.rlim_cur)))));
  // Some are left to others than connections.
  const int other = dup(1);
  EXPECT_GE(other, 0);
  close(other);

  // Those that are done make room for those that wait; nothing is said again.
  listener.CloseTaken();
  listener.clock().Advance(std::chrono::seconds(1));
  listener.AwaitTaken(1);

  for (const int client : clients) close(client);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  listener.clock().Advance(std::chrono::seconds(10));
  EXPECT_THAT(listener.AwaitLines(2),
              ElementsAre(HasSubstr("open files run out"),
                          HasSubstr("accepted again")));
}

}  // namespace
}  // namespace pinion
