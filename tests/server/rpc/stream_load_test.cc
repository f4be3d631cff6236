// SPDX-License-Identifier: Apache-2.0
//
// Streams under load, by seeds: handlers that send at once, as fast as their
// clients take it, from another lane and from other threads, that finish, drop
// and wait for their client to go; clients that take all, some or nothing,
// cancel and expire; and servers that stop in between. What comes is in order
// and, of a stream that ended well, complete; and each server's account is at
// rest when it has stopped.
#include <algorithm>
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/call_context.h"
#include "pinion/server/stream.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/seeded_runs.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::SeededRuns;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestServer;

using Things = Stream<Thing>;
using Random = std::minstd_rand;

constexpr char kGood[] = "pinion.test.GoodService";
constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";
constexpr int kWorkers = 2;

// What a request asks for, in its name; how many messages, in its size.
enum class Manner {
  kAtOnce,   // From the handler.
  kAsTaken,  // As fast as the client takes it.
  kByHop,    // From the next worker.
  kByOther,  // From another thread.
  kForEver,  // One, and then nothing until the client is gone.
  kDropped,
  kCount,
};

Thing Numbered(int number) {
  Thing thing;
  thing.set_size(number);
  thing.add_tags(std::string(number * 37 % 900, 'x'));
  return thing;
}

// Sends so many, waiting for room: of a thread that has nothing else to do.
void SendAll(Things& stream, int all) {
  for (int i = 0; i < all;) {
    if (!stream.writable() && !stream.cancelled()) {
      std::this_thread::yield();
    } else if (stream.Send(Numbered(i)).ok()) {
      ++i;
    } else if (stream.cancelled()) {
      break;
    }
  }
  stream.Finish();
}

// A thread that sends on streams that are put there.
class Sender {
 public:
  ~Sender() {
    {
      MutexLock lock(mutex_);
      ended_ = true;
    }
    changed_.NotifyAll();
    thread_.join();
  }
  void Put(Things stream, int all) {
    {
      MutexLock lock(mutex_);
      work_.emplace_back(std::move(stream), all);
    }
    changed_.NotifyAll();
  }

 private:
  void Run() {
    for (;;) {
      std::unique_ptr<std::pair<Things, int>> work;
      {
        MutexLock lock(mutex_);
        while (work_.empty() && !ended_) changed_.Wait(mutex_);
        if (work_.empty()) return;
        work =
            std::make_unique<std::pair<Things, int>>(std::move(work_.front()));
        work_.pop_front();
      }
      SendAll(work->first, work->second);
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::pair<Things, int>> work_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_{[this] { Run(); }};
};

class Shard {
 public:
  explicit Shard(Sender& sender) : sender_(sender) {}

  void Do(const Thing& request, Things stream) {
    const int all = static_cast<int>(request.size());
    switch (static_cast<Manner>(request.name()[0])) {
      case Manner::kAtOnce:
        return SendAtOnce(all, std::move(stream));
      case Manner::kAsTaken:
      case Manner::kForEver:
        return SendAsTaken(request, std::move(stream));
      case Manner::kByHop:
        return SendByHop(all, std::move(stream));
      case Manner::kByOther:
        return sender_.Put(std::move(stream), all);
      default:
        return;
    }
  }

 private:
  struct Open {
    Things stream;
    int all;
    bool for_ever;
    int sent = 0;
  };

  void SendAsTaken(const Thing& request, Things stream) {
    const bool for_ever =
        static_cast<Manner>(request.name()[0]) == Manner::kForEver;
    open_.push_back({.stream = std::move(stream),
                     .all = for_ever ? 1 : static_cast<int>(request.size()),
                     .for_ever = for_ever});
    const auto open = std::prev(open_.end());
    open->stream.OnChange([this, open] { GoOn(open); });
  }
  void GoOn(std::list<Open>::iterator open) {
    while (open->stream.writable() && open->sent < open->all) {
      if (!open->stream.Send(Numbered(open->sent)).ok()) break;
      ++open->sent;
    }
    const bool done = open->sent == open->all && !open->for_ever;
    if (done || open->stream.cancelled()) {
      if (done) open->stream.Finish();
      open_.erase(open);
    }
  }

  static void SendByHop(int all, Things stream) {
    Hop hop = stream.context().TakeHop();
    const int next = (stream.context().worker() + 1) % kWorkers;
    std::move(hop).Post<Shard>(
        next, [all, stream = std::move(stream)](Shard&) mutable {
          SendAtOnce(all, std::move(stream));
        });
  }
  static void SendAtOnce(int all, Things stream) {
    int sent = 0;
    while (sent < all && stream.Send(Numbered(sent)).ok()) ++sent;
    // Perhaps too much at once; then it is not the whole.
    stream.Finish(sent == all ? absl::OkStatus() : absl::AbortedError("full"));
  }

  Sender& sender_;
  std::list<Open> open_;
};

class LoadRun {
 public:
  explicit LoadRun(uint64_t seed) : random_(static_cast<unsigned>(seed)) {}

  void Do() {
    const bool over_tcp = Draw(2) == 0;
    TestServer test({.workers = kWorkers,
                     .io_threads = 1 + Draw(2),
                     .stream_bytes = 8 << 10,
                     .max_message_bytes = 2 << 10,
                     .grace = absl::Milliseconds(Draw(3) * 20)});
    test.server()
        .Host<Shard>(kGood, [this] { return std::make_unique<Shard>(sender_); })
        .On("Streaming", &Shard::Do);
    test.Start();
    const GuardedChannel channel =
        over_tcp ? test.TcpChannel() : test.InProcessChannel();
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back([&channel, seed = random_()] {
        Random random(seed);
        for (int j = 0; j < 60 / kTimesSlower + 2; ++j) Try(channel, random);
      });
    }
    const bool stops_in_between = Draw(2) == 0;
    if (stops_in_between) Stop(test);
    for (std::thread& client : clients) client.join();
    if (!stops_in_between) Stop(test);
  }

 private:
  static int Draw(Random& random, int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  }
  int Draw(int below) { return Draw(random_, below); }

  static void Stop(TestServer& test) {
    const absl::Status stopped = test.TryStop();
    // Workers that have much to do may take longer on a busy machine than a
    // stop waits; then the server does when it is destroyed. Either looks at
    // the account.
    EXPECT_TRUE(stopped.ok() || absl::IsDeadlineExceeded(stopped)) << stopped;
  }

  // One stream, from its begin to its end.
  static void Try(const GuardedChannel& channel, Random& random) {
    const auto manner =
        static_cast<Manner>(Draw(random, static_cast<int>(Manner::kCount)));
    Thing request;
    request.set_name(std::string(1, static_cast<char>(manner)) +
                     absl::StrCat(Draw(random, 8)));
    request.set_size(Draw(random, 50));
    const bool leaves = manner == Manner::kForEver || Draw(random, 3) == 0;
    OpenCallOptions options;
    if (leaves && Draw(random, 2) == 0) {
      options.timeout = absl::Milliseconds(1 + Draw(random, 20));
    }
    StreamClient client(channel, kStreaming, request.SerializeAsString(),
                        options);
    const int takes = leaves ? Draw(random, 20) : 1000;
    int taken = 0;
    while (taken < takes) {
      const std::optional<std::string> bytes = client.Next();
      if (!bytes.has_value()) break;
      Thing thing;
      EXPECT_TRUE(thing.ParseFromString(*bytes));
      EXPECT_EQ(static_cast<int>(thing.size()), taken);
      if (manner == Manner::kForEver) break;
      ++taken;
    }
    if (leaves) return;  // It is cancelled.
    if (client.AwaitEnd().ok()) {
      EXPECT_EQ(taken, static_cast<int>(request.size()));
    }
  }

  Sender sender_;
  Random random_;
};

TEST(StreamLoadTest, WhatComesIsInOrderAndEachStreamEndsOnce) {
  SeededRuns runs({.max_runs = 60, .time = std::chrono::seconds(30)});
  while (!HasFailure() && runs.Next()) LoadRun(runs.seed()).Do();
}

}  // namespace
}  // namespace pinion
