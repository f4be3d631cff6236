// SPDX-License-Identifier: Apache-2.0
//
// Server-streaming methods: what a handler sends, how a stream ends, and what
// is bounded; in-process and over TCP.
#include "pinion/server/stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/worker.h"
#include "pinion/server/hosting.h"
#include "pinion/server/shard_timer.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/v1/timing.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kBlindToGrpc;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::OrderAsGrpcDoes;
using ::pinion::testing::SessionClient;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;

using Things = Stream<Thing>;

constexpr char kGood[] = "pinion.test.GoodService";
constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";
constexpr char kKeyed[] = "/pinion.test.GoodService/Keyed";

Thing Named(absl::string_view name) {
  Thing thing;
  thing.set_name(std::string(name));
  return thing;
}

// A thing that makes a message of about so many bytes.
Thing Large(int number, size_t bytes) {
  Thing thing = Named(absl::StrCat(number));
  thing.add_tags(std::string(bytes, 'x'));
  return thing;
}

class StreamShard {
 public:
  using Handler =
      std::function<void(StreamShard&, const Thing&, Stream<Thing>)>;

  StreamShard(const ShardInfo& info, const Handler& handler)
      : info(info),
        timer(info, TaskClass::kNormal, [this] { on_timer(); }),
        handler_(handler) {}

  void Do(const Thing& request, Stream<Thing> stream) {
    OrderAsGrpcDoes();
    const absl::Cleanup order = [] { OrderAsGrpcDoes(); };
    handler_(*this, request, std::move(stream));
  }
  absl::Status Echo(const Thing& request, Thing* response) {
    *response = request;
    return absl::OkStatus();
  }

  const ShardInfo& info;
  std::function<void()> on_timer;
  ShardTimer timer;
  std::optional<Things> kept;

 private:
  const Handler& handler_;
};

class StreamTest : public LaneTest {
 protected:
  void HostMore(Server& server) override {
    server
        .Host<StreamShard>(kGood,
                           [this](const ShardInfo& info) {
                             return std::make_unique<StreamShard>(info,
                                                                  handler_);
                           })
        .On("Streaming", &StreamShard::Do)
        .On("Keyed", &StreamShard::Echo);
  }

  // Has the stream given to the test, which then waits at AwaitKept().
  void Keep() {
    handler_ = [this](StreamShard&, const Thing&, Things stream) {
      kept_.emplace(std::move(stream));
      is_kept_.Open();
    };
  }
  Things& AwaitKept() {
    is_kept_.Pass();
    return *kept_;
  }
  void OnWorker(std::function<void(StreamShard&, Things)> handler) {
    handler_ = [handler](StreamShard& shard, const Thing&, Things stream) {
      handler(shard, std::move(stream));
    };
  }

  std::unique_ptr<StreamClient> Open(const OpenCallOptions& options = {}) {
    return std::make_unique<StreamClient>(
        channel(), kStreaming, Named("a").SerializeAsString(), options);
  }

  LaneSnapshot GoodLane() {
    for (LaneSnapshot& lane : server().Snapshot().lanes) {
      if (lane.service == kGood && lane.worker == 0) return std::move(lane);
    }
    ADD_FAILURE() << "there is no lane of " << kGood;
    return {};
  }
  template <typename Field, typename Value>
  void AwaitGood(Field field, Value value) {
    while (field(GoodLane()) != value) std::this_thread::yield();
  }
  void AwaitHeldCalls(int64_t calls) {
    AwaitGood([](const auto& lane) { return lane.held_calls; }, calls);
  }

  StreamShard::Handler handler_;
  std::optional<Things> kept_;
  Gate is_kept_;
};

INSTANTIATE_TEST_SUITE_P(, StreamTest, ::testing::Bool(), TransportName);

// The next message's name; "none" if there is none.
std::string NextName(StreamClient& client) {
  const std::optional<std::string> bytes = client.Next();
  if (!bytes.has_value()) return "none";
  Thing thing;
  EXPECT_TRUE(thing.ParseFromString(*bytes));
  return thing.name();
}

TEST_P(StreamTest, SendsInOrderFromItsHandlerAndEnds) {
  OnWorker([](StreamShard&, Things stream) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(stream.Send(Named(absl::StrCat(i))), absl::OkStatus());
    }
    stream.Finish();
    EXPECT_TRUE(stream.finished());
  });
  Start({.workers = 1});
  const auto client = Open();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(NextName(*client), absl::StrCat(i));
  EXPECT_EQ(NextName(*client), "none");
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  AwaitHeldCalls(0);
  EXPECT_EQ(GoodLane().counts.ok, 1u);
}

TEST_P(StreamTest, WhatIsSentWhileTheHandlerRunsLeavesAtOnce) {
  Gate go;
  OnWorker([&](StreamShard&, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    go.Pass();
    stream.Finish();
  });
  Start({.workers = 1});
  const auto client = Open();
  EXPECT_EQ(NextName(*client), "first");
  go.Open();
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, SendsLaterByATimerOfItsShard) {
  OnWorker([](StreamShard& shard, Things stream) {
    shard.kept.emplace(std::move(stream));
    shard.on_timer = [&shard, sent = 0]() mutable {
      EXPECT_TRUE(shard.kept->Send(Named(absl::StrCat(sent))).ok());
      if (++sent < 3) return;
      shard.timer.Cancel();
      shard.kept->Finish();
    };
    shard.timer.StartEvery(std::chrono::milliseconds(1));
  });
  Start({.workers = 1});
  const auto client = Open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(NextName(*client), absl::StrCat(i));
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, SendsFromAnotherLaneThatItHoppedTo) {
  OnWorker([](StreamShard& shard, Things stream) {
    const int there = 1 - shard.info.worker();
    Hop hop = stream.context().TakeHop();
    std::move(hop).Post<StreamShard>(there, [stream = std::move(stream)](
                                                StreamShard& there) mutable {
      EXPECT_TRUE(stream.Send(Named(absl::StrCat(there.info.worker()))).ok());
      EXPECT_NE(stream.context().worker(), there.info.worker());
      stream.Finish();
    });
  });
  Start({.workers = 2, .cpu_policy = CpuPolicy::kFloat});
  const auto client = Open();
  EXPECT_THAT(NextName(*client), AnyOf("0", "1"));
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, SendsAndEndsFromAnotherThreadWhileItsWorkerIsFree) {
  Keep();
  Start({.workers = 1});
  const auto client = Open();
  Things& stream = AwaitKept();
  OpenCall other(channel(), kKeyed, Named("b").SerializeAsString());
  EXPECT_TRUE(other.Await().ok()) << other.Await();
  EXPECT_EQ(GoodLane().counts.running, 1u);
  EXPECT_EQ(GoodLane().open_streams, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(stream.Send(Named(absl::StrCat(i))).ok());
    EXPECT_EQ(NextName(*client), absl::StrCat(i));
  }
  stream.Finish();
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  EXPECT_EQ(GoodLane().open_streams, 0);
}

TEST_P(StreamTest, AnErrorComesBehindWhatWasSentWithItsDetailsAndTrailers) {
  Keep();
  Start({.workers = 1});
  const auto client = Open();
  Things& stream = AwaitKept();
  EXPECT_EQ(stream.context().key()->bytes(), "a");
  EXPECT_TRUE(stream.Send(Named("first")).ok());
  EXPECT_TRUE(stream.context().AddTrailingMetadata("took", "long").ok());
  absl::Status error = absl::AbortedError("enough");
  error.SetPayload("type.test/Cheese", absl::Cord("gouda"));
  stream.Finish(std::move(error));
  EXPECT_EQ(NextName(*client), "first");
  EXPECT_EQ(NextName(*client), "none");
  EXPECT_EQ(client->AwaitEnd(), absl::AbortedError("enough"));
  EXPECT_THAT(client->details(), HasSubstr("gouda"));
  EXPECT_EQ(client->failure().reason(), v1::REASON_HANDLER);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_YES);
  EXPECT_EQ(client->trailer("took"), "long");
  EXPECT_EQ(client->trailer("pinion-executed"), "YES");
  AwaitHeldCalls(0);
  EXPECT_EQ(GoodLane().counts.error, 1u);
}

TEST_P(StreamTest, OneThatIsDroppedEndsSo) {
  OnWorker([](StreamShard&, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
  });
  Start({.workers = 1});
  const auto client = Open();
  EXPECT_EQ(NextName(*client), "first");
  EXPECT_EQ(client->AwaitEnd(),
            absl::InternalError("the handler dropped the stream"));
  EXPECT_EQ(client->failure().reason(), v1::REASON_HANDLER);
}

#ifdef ABSL_HAVE_EXCEPTIONS
TEST_P(StreamTest, AnExceptionOfItsHandlerEndsIt) {
  OnWorker(
      [](StreamShard&, Things) { throw std::runtime_error("out of cheese"); });
  Start({.workers = 1});
  EXPECT_EQ(
      Open()->AwaitEnd(),
      absl::InternalError("the handler threw an exception: out of cheese"));
}
#endif  // ABSL_HAVE_EXCEPTIONS

TEST_P(StreamTest, ARequestThatCannotBeDecodedReachesNoHandler) {
  OnWorker([](StreamShard&, Things) { ADD_FAILURE(); });
  Start({.workers = 1});
  StreamClient client(
      channel(), kStreaming,
      Named("a").SerializeAsString() + "\x1a\x01\xff");  // A tag, not UTF-8.
  EXPECT_EQ(client.AwaitEnd().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.failure().executed(), v1::EXECUTED_NO);
}

TEST_P(StreamTest, IsRoutedAdmittedAndRefusedAsOtherCallsAre) {
  Keep();
  Start({.workers = 1, .lane_streams = 1});
  EXPECT_EQ(StreamClient(channel(), kStreaming, "").AwaitEnd().code(),
            absl::StatusCode::kInvalidArgument)
      << "it has no key";
  const auto client = Open();
  AwaitKept();
  const auto refused = Open();
  EXPECT_EQ(refused->AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused->failure().reason(), v1::REASON_LANE_FULL);
  EXPECT_THAT(refused->AwaitEnd().message(),
              HasSubstr("already has 1 open streams of "));
  kept_->Finish();
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, OneConnectionCannotHaveAllStreamsOfALane) {
  if (!GetParam()) return;  // In-process they are nobody's.
  std::vector<Things> kept;
  OnWorker([&](StreamShard&, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    kept.push_back(std::move(stream));
  });
  Start({.workers = 1, .lane_streams = 4});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Open());
    EXPECT_EQ(NextName(*clients.back()), "first");
  }
  const auto refused = Open();
  EXPECT_EQ(refused->AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused->failure().reason(), v1::REASON_SHARE_FULL);
  EXPECT_EQ(refused->failure().executed(), v1::EXECUTED_NO);
  EXPECT_THAT(refused->AwaitEnd().message(),
              HasSubstr("this connection already holds"));
  // Another client has the last one.
  StreamClient other(test().InProcessChannel(), kStreaming,
                     Named("a").SerializeAsString());
  EXPECT_EQ(NextName(other), "first");
  // Those that are over make room for the next, though their holder keeps them.
  clients[0]->Cancel();
  clients[1]->Cancel();
  AwaitGood([](const auto& lane) { return lane.open_streams; }, 2);
  const auto next = Open();
  EXPECT_EQ(NextName(*next), "first");
  for (Things& stream : kept) stream.Finish();
}

TEST_P(StreamTest, OneThatExpiresWhileItWaitsReachesNoHandler) {
  OnWorker([](StreamShard&, Things) { ADD_FAILURE(); });
  Start({.workers = 1, .default_timeout = absl::Milliseconds(20)});
  HeldWorker held(channel());
  const auto client = Open();
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client->failure().reason(), v1::REASON_EXPIRED);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_NO);
}

TEST_P(StreamTest, AMessageThatIsTooLargeIsNotSentAndTheStreamGoesOn) {
  OnWorker([](StreamShard&, Things stream) {
    const absl::Status sent = stream.Send(Large(0, 5000));
    EXPECT_EQ(sent.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(sent.message(), HasSubstr("more than the 4096 "));
    EXPECT_EQ(stream.pending_bytes(), 0);
    EXPECT_TRUE(stream.Send(Named("small")).ok());
    stream.Finish();
  });
  Start({.workers = 1, .max_message_bytes = 4096});
  const auto client = Open();
  EXPECT_EQ(NextName(*client), "small");
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, AClientThatTakesNothingHoldsNoMoreThanItsBound) {
  constexpr int64_t kBound = 64 << 10;
  constexpr int kMax = 20'000;  // Of 4 KiB: what gRPC takes is a part of it.
  Keep();
  Start({.workers = 1, .stream_bytes = kBound, .max_message_bytes = 16 << 10});
  const auto client = Open();
  Things& stream = AwaitKept();
  int sent = 0;
  absl::Status status;
  int64_t max_pending = 0;
  // Full when it stays so: the I/O thread may be about to write.
  for (int refused = 0; refused < 1000 && sent < kMax;) {
    status = stream.Send(Large(sent, 4096));
    max_pending = std::max(max_pending, stream.pending_bytes());
    refused = status.ok() ? 0 : refused + 1;
    sent += status.ok();
    if (!status.ok()) std::this_thread::yield();
  }
  ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(status.message(), HasSubstr("of at most 65536; "));
  EXPECT_LE(max_pending, kBound);
  EXPECT_FALSE(stream.writable());
  stream.Finish();
  // It gets what was sent, and the end behind it.
  for (int i = 0; i < sent; ++i) {
    ASSERT_EQ(NextName(*client), absl::StrCat(i));
  }
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
}

TEST_P(StreamTest, IsToldOnItsWorkerWhenItsClientHasTakenEnough) {
  constexpr int kAll = 3000;
  std::atomic<int> runs{0};
  OnWorker([&](StreamShard& shard, Things stream) {
    shard.kept.emplace(std::move(stream));
    shard.kept->OnChange([&, sent = 0]() mutable {
      ++runs;
      EXPECT_NE(Worker::Current(), nullptr);
      while (shard.kept->writable()) {
        ASSERT_EQ(shard.kept->Send(Large(sent, 4096)), absl::OkStatus());
        if (++sent == kAll) return shard.kept->Finish();
      }
    });
  });
  Start(
      {.workers = 1, .stream_bytes = 64 << 10, .max_message_bytes = 16 << 10});
  const auto client = Open();
  for (int i = 0; i < kAll; ++i) {
    ASSERT_EQ(NextName(*client), absl::StrCat(i));
  }
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  EXPECT_GT(runs, 1);
  AwaitHeldCalls(0);
}

TEST_P(StreamTest, WhatStreamsHoldCountsInTheServersBound) {
  Keep();
  Start({.workers = 1,
         .server_bytes = 64 << 10,
         .stream_bytes = 256 << 10,
         .max_message_bytes = 16 << 10});
  const auto client = Open();
  Things& stream = AwaitKept();
  absl::Status status = absl::OkStatus();
  int sent = 0;
  while (status.ok() && sent < 10'000) {
    status = stream.Send(Large(sent, 8 << 10));
    sent += status.ok();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), AnyOf(HasSubstr("the server already holds "),
                                      HasSubstr("bytes of the server")));
  stream.Finish();
  for (int i = 0; i < sent; ++i) {
    ASSERT_EQ(NextName(*client), absl::StrCat(i));
  }
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  while (server().Snapshot().held_bytes != 0) std::this_thread::yield();
}

TEST_P(StreamTest, AHandlerIsToldThatItsClientIsGone) {
  Gate told;
  OnWorker([&](StreamShard& shard, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    shard.kept.emplace(std::move(stream));
    shard.kept->OnChange([&] {
      if (!shard.kept->cancelled()) return;
      const absl::Status sent = shard.kept->Send(Named("second"));
      EXPECT_EQ(sent.code(), absl::StatusCode::kCancelled) << sent;
      shard.kept.reset();
      told.Open();
    });
  });
  Start({.workers = 1});
  const auto client = Open();
  EXPECT_EQ(NextName(*client), "first");
  client->Cancel();
  told.Pass();
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kCancelled);
  AwaitHeldCalls(0);
  EXPECT_EQ(GoodLane().counts.cancelled_running, 1u);
  EXPECT_EQ(GoodLane().counts.answered(), 1u);
}

TEST_P(StreamTest, OneThatIsCancelledGivesItsPlaceBackThoughItsHolderKeepsIt) {
  Keep();
  Start({.workers = 1});
  const auto client = Open();
  Things& stream = AwaitKept();
  client->Cancel();
  AwaitGood([](const auto& lane) { return lane.kept_streams; }, 1);
  EXPECT_TRUE(stream.cancelled());
  EXPECT_EQ(GoodLane().held_calls, 0);
  EXPECT_EQ(GoodLane().open_streams, 0);
  EXPECT_EQ(GoodLane().counts.abandoned, 0u) << "no handler runs";
  // Nor does it count for the server, once gRPC's part is gone.
  while (server().Snapshot().held_calls != 0) std::this_thread::yield();
  EXPECT_EQ(server().Snapshot().held_bytes, 0);
  stream.Finish();  // Nothing comes of it.
  EXPECT_EQ(GoodLane().kept_streams, 0);
  EXPECT_EQ(GoodLane().counts.cancelled_running, 1u);
  EXPECT_EQ(GoodLane().counts.ok, 0u);
}

TEST_P(StreamTest, OneThatIsCancelledInItsHandlerGivesItsPlaceBackAfterIt) {
  Gate in_handler, go;
  handler_ = [&](StreamShard&, const Thing&, Things stream) {
    in_handler.Open();
    go.Pass();
    kept_.emplace(std::move(stream));
  };
  Start({.workers = 1});
  const auto client = Open();
  in_handler.Pass();
  client->Cancel();
  AwaitGood([](const auto& lane) { return lane.counts.abandoned; }, 1u);
  EXPECT_EQ(GoodLane().held_calls, 1);
  EXPECT_EQ(GoodLane().open_streams, 0);
  go.Open();
  AwaitHeldCalls(0);
  AwaitGood([](const auto& lane) { return lane.counts.abandoned; }, 0u);
  EXPECT_EQ(GoodLane().kept_streams, 1);
  kept_.reset();
  EXPECT_EQ(GoodLane().kept_streams, 0);
}

// A board on which nothing is published, whose shard lets go of nobody.
TEST_P(StreamTest, AnyNumberMayComeAndGoWhateverTheirHolderDoesWithThem) {
  constexpr int kStreams = 3;
  struct Told {
    Mutex mutex;
    std::vector<std::string> lines;
  };
  // The server's last lines come after this test's end.
  const auto told = std::make_shared<Told>();
  std::vector<Things> kept;
  OnWorker([&](StreamShard&, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    kept.push_back(std::move(stream));
  });
  Start({.workers = 1,
         .lane_calls = kStreams,
         .lane_streams = kStreams,
         .server_calls = 2 * kStreams,
         .log = [told](absl::string_view line) {
           MutexLock lock(told->mutex);
           told->lines.emplace_back(line);
         }});
  for (int i = 0; i < 10 * kStreams; ++i) {
    const auto client = Open();
    ASSERT_EQ(NextName(*client), "first") << client->AwaitEnd();
    client->Cancel();
    AwaitGood([](const auto& lane) { return lane.open_streams; }, 0);
    while (server().Snapshot().held_calls != 0) std::this_thread::yield();
  }
  OpenCall call(channel(), kKeyed, Named("b").SerializeAsString());
  EXPECT_TRUE(call.Await().ok()) << call.Await();
  EXPECT_EQ(GoodLane().kept_streams, 10 * kStreams);
  EXPECT_EQ(GoodLane().counts.refusals(), 0u);
  kept.clear();
  EXPECT_EQ(GoodLane().kept_streams, 0);
  // It was said when there were 3, 6, 12 and 24.
  ASSERT_TRUE(server().hosting().FlushLog(absl::Minutes(5)));
  MutexLock lock(told->mutex);
  EXPECT_THAT(told->lines, Contains(HasSubstr("24 streams are over and their "
                                              "handlers still keep them")));
  EXPECT_EQ(told->lines.size(), 4u);
}

TEST_P(StreamTest, OnesThatAreOpenKeepNoCallOut) {
  std::vector<Things> kept;
  OnWorker([&](StreamShard&, Things stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    kept.push_back(std::move(stream));
  });
  Start({.workers = 1, .lane_calls = 1});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(Open());
    EXPECT_EQ(NextName(*clients.back()), "first");
    AwaitHeldCalls(0);
  }
  OpenCall call(channel(), kKeyed, Named("b").SerializeAsString());
  EXPECT_TRUE(call.Await().ok()) << call.Await();
  EXPECT_EQ(GoodLane().open_streams, 5);
  for (Things& stream : kept) stream.Finish();
}

TEST_P(StreamTest, OneMessageCountsOnceForTheServerOnHoweverManyItIsPending) {
  constexpr int kStreams = 8;
  constexpr int kBytes = 1 << 20;
  Gate all;
  std::vector<Things> kept;
  OnWorker([&](StreamShard&, Things stream) {
    kept.push_back(std::move(stream));
    if (kept.size() == kStreams) all.Open();
  });
  Start({.workers = 1, .write_timeout = absl::Hours(1)});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < kStreams; ++i) clients.push_back(Open());
  all.Pass();
  const SharedMessageOf<Thing> large(Large(7, kBytes));
  // The first is taken by gRPC in part; the second is pending behind it.
  for (Things& stream : kept) {
    EXPECT_TRUE(stream.Send(large).ok());
    EXPECT_TRUE(stream.Send(large).ok());
    EXPECT_GE(stream.pending_bytes(), kBytes);
  }
  EXPECT_LT(server().Snapshot().held_bytes, 2 * kBytes);
  for (Things& stream : kept) stream.Finish();
  for (const auto& client : clients) {
    EXPECT_EQ(NextName(*client), "7");
    EXPECT_EQ(NextName(*client), "7");
    EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  }
  while (server().Snapshot().held_bytes != 0) std::this_thread::yield();
}

TEST_P(StreamTest, SharedMessagesThatAClientDoesNotReadUseUpItsOwnShare) {
  if (!GetParam()) GTEST_SKIP() << "in-process they are nobody's";
  constexpr int kStreams = 8;
  constexpr int64_t kBytes = 4 << 20;
  Gate all;
  std::vector<Things> kept;
  OnWorker([&](StreamShard&, Things stream) {
    kept.push_back(std::move(stream));
    if (kept.size() == kStreams) all.Open();
  });
  Start({.workers = 1,
         .server_bytes = 9 * kBytes,
         .stream_bytes = 4 * kBytes,
         .write_timeout = absl::Hours(1),
         .max_message_bytes = 2 * kBytes});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < kStreams; ++i) clients.push_back(Open());
  all.Pass();
  // Each stream has a message of its own, as watchers of different keys have.
  // One client gets half of the server's bytes.
  int sent = 0;
  for (Things& stream : kept) {
    const absl::Status status =
        stream.Send(SharedMessageOf<Thing>(Large(7, kBytes)));
    if (status.ok()) {
      ++sent;
    } else {
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("this connection already holds"));
    }
  }
  EXPECT_EQ(sent, 4);
  for (Things& stream : kept) stream.Finish();
  for (const auto& client : clients) client->Cancel();
  while (server().Snapshot().held_bytes != 0) std::this_thread::yield();
}

TEST_P(StreamTest, ADeadlineEndsIt) {
  if (kBlindToGrpc) GTEST_SKIP();
  Keep();
  StartManual({.workers = 1, .default_timeout = absl::Minutes(5)});
  const auto client = Open();
  manual().AwaitWaiting(1);
  manual().RunUntilIdle();
  Things& stream = AwaitKept();
  EXPECT_TRUE(stream.Send(Named("first")).ok());
  EXPECT_EQ(NextName(*client), "first");
  manual().Advance(absl::Minutes(5));
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client->failure().reason(), v1::REASON_EXPIRED);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_MAYBE);
  EXPECT_EQ(stream.Send(Named("late")).code(),
            absl::StatusCode::kDeadlineExceeded);
  stream.Finish();
  AwaitHeldCalls(0);
  EXPECT_EQ(GoodLane().counts.expired_running, 1u);
}

TEST_P(StreamTest, TheClientsOwnDeadlineIsTheHandlersToSee) {
  if (kBlindToGrpc) GTEST_SKIP();
  Keep();
  StartManual({.workers = 1});
  const auto client = Open({.timeout = absl::Hours(1)});
  manual().AwaitWaiting(1);
  manual().RunUntilIdle();
  Things& stream = AwaitKept();
  // gRPC converts it from clock to clock, and sends three digits of it: a
  // little more than an hour is rounded up to the next ten seconds.
  constexpr absl::Duration kRounding = absl::Seconds(11);
  EXPECT_LE(stream.context().time_left(), absl::Hours(1) + kRounding);
  manual().Advance(absl::Hours(1) + kRounding);
  EXPECT_TRUE(stream.cancelled());
  EXPECT_EQ(stream.Send(Named("late")).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_P(StreamTest, AClientThatTakesNothingForLongIsCutOff) {
  Keep();
  Start({.workers = 1,
         .stream_bytes = int64_t{1} << 30,
         .write_timeout = absl::Milliseconds(50)});
  const auto client = Open();
  Things& stream = AwaitKept();
  // More than gRPC and the system take.
  const Thing large = Large(0, 1 << 20);
  for (int i = 0; i < 64 && stream.Send(large).ok(); ++i) {
  }
  while (!stream.cancelled()) std::this_thread::yield();
  EXPECT_EQ(stream.Send(large).code(), absl::StatusCode::kCancelled);
  while (stream.pending_bytes() != 0) std::this_thread::yield();
  EXPECT_FALSE(client->AwaitEnd().ok());
}

TEST_P(StreamTest, AStopTellsAtItsBeginAndWaits) {
  Gate told;
  OnWorker([&](StreamShard& shard, Things stream) {
    EXPECT_FALSE(stream.stopping());
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    shard.kept.emplace(std::move(stream));
    shard.kept->OnChange([&] {
      if (!shard.kept->stopping()) return;
      EXPECT_FALSE(shard.kept->cancelled());
      EXPECT_TRUE(shard.kept->Send(Named("farewell")).ok());
      shard.kept->Finish(absl::UnavailableError("watch another"));
    });
  });
  Start({.workers = 1, .grace = absl::Hours(1)});
  const auto client = Open();
  EXPECT_EQ(NextName(*client), "first");
  std::thread stop([this] { test().Stop(); });
  EXPECT_EQ(NextName(*client), "farewell");
  EXPECT_EQ(client->AwaitEnd(), absl::UnavailableError("watch another"));
  stop.join();
}

TEST_P(StreamTest, OneThatComesWhileTheStopTellsKnowsOfIt) {
  std::atomic<bool> knows{false};
  OnWorker([&](StreamShard&, Things stream) {
    if (stream.stopping()) knows = true;
    stream.Finish();
  });
  Start({.workers = 1, .lame_duck = absl::Hours(1)});
  std::thread stop([this] { server().Drain(); });
  // The I/O thread hears of it in time.
  while (!knows) EXPECT_EQ(Open()->AwaitEnd(), absl::OkStatus());
  server().HurryStop();
  stop.join();
}

TEST_P(StreamTest, AStopEndsAtOnceWhatHasNoOnChangeToHearOfIt) {
  Keep();
  Start({.workers = 1, .grace = absl::Hours(1)});
  const auto client = Open();
  Things& stream = AwaitKept();
  EXPECT_FALSE(stream.cancelled());
  std::thread stop([this] { server().Drain(); });
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(client->AwaitEnd().message(), HasSubstr("on another server"));
  EXPECT_EQ(client->failure().reason(), v1::REASON_STOPPING);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_MAYBE);
  stop.join();
  EXPECT_TRUE(stream.cancelled());
  EXPECT_EQ(GoodLane().counts.stopped_running, 1u);
  stream.Finish();
}

TEST_P(StreamTest, AStopEndsWhatIsLeftOpenWhileItWaits) {
  Gate in_handler;
  OnWorker([&](StreamShard& shard, Things stream) {
    in_handler.Pass();
    shard.kept.emplace(std::move(stream));
  });
  Start({.workers = 1, .grace = absl::Hours(1)});
  const auto client = Open();
  in_handler.AwaitArrivals(1);
  std::thread stop([this] { server().Drain(); });
  // Until the door is closed it takes them; this one has no valid key.
  for (;;) {
    OpenCall probe(channel(), kAdd, "");
    if (probe.Await().code() == absl::StatusCode::kUnavailable) break;
  }
  in_handler.Open();
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->failure().reason(), v1::REASON_STOPPING);
  stop.join();
}

TEST_P(StreamTest, AStopLeavesTheGraceToWhatHasAnOnChange) {
  Gate told;
  OnWorker([&](StreamShard& shard, Things stream) {
    shard.kept.emplace(std::move(stream));
    shard.kept->OnChange([&] {
      if (!shard.kept->stopping()) return;
      told.Open();
      // It has more to send, and takes its time.
      shard.on_timer = [&] {
        EXPECT_FALSE(shard.kept->cancelled());
        EXPECT_TRUE(shard.kept->Send(Named("last")).ok());
        shard.kept->Finish();
      };
      shard.timer.StartAfter(std::chrono::milliseconds(50));
    });
    EXPECT_TRUE(shard.kept->Send(Named("first")).ok());
  });
  Start({.workers = 1, .grace = absl::Hours(1)});
  const auto client = Open();
  // It is open, and can hear of the stop.
  EXPECT_EQ(NextName(*client), "first");
  std::thread stop([this] { server().Drain(); });
  told.Pass();
  EXPECT_EQ(NextName(*client), "last");
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  stop.join();
}

TEST_P(StreamTest, AStopEndsWhatIsOpenWhenItsGraceIsOver) {
  Keep();
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  const auto client = Open();
  Things& stream = AwaitKept();
  std::thread stop([this] { server().Drain(); });
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->failure().reason(), v1::REASON_STOPPING);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_MAYBE);
  stop.join();
  EXPECT_TRUE(stream.cancelled());
  EXPECT_EQ(stream.Send(Named("late")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GoodLane().counts.stopped_running, 1u);
  stream.Finish();
}

TEST_P(StreamTest, AStopCutsOffWhatItsClientDoesNotTakeAndSaysSo) {
  Keep();
  Start({.workers = 1,
         .stream_bytes = int64_t{1} << 30,
         .write_timeout = absl::Hours(1),
         .grace = absl::ZeroDuration()});
  const auto client = Open();
  Things& stream = AwaitKept();
  const Thing large = Large(0, 1 << 20);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(stream.Send(large).ok());
  stream.Finish();
  server().Drain();
  // It takes what was on its way, and then the end.
  EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(client->AwaitEnd().message(), HasSubstr("the whole stream"));
  EXPECT_EQ(client->failure().reason(), v1::REASON_STOPPING);
  EXPECT_EQ(client->failure().executed(), v1::EXECUTED_YES);
}

TEST_P(StreamTest, MayOutliveItsServer) {
  std::vector<Things> kept;
  Gate all_kept;
  OnWorker([&](StreamShard&, Things stream) {
    stream.OnChange([] {});
    kept.push_back(std::move(stream));
    if (kept.size() == 3) all_kept.Open();
  });
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(Open());
  all_kept.Pass();
  std::thread destroy([this] { DestroyServer(); });
  for (const auto& client : clients) {
    EXPECT_EQ(client->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  }
  destroy.join();
  EXPECT_TRUE(kept[0].cancelled());
  EXPECT_EQ(kept[0].Send(Named("late")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(kept[0].context().key()->bytes(), "a");
  kept[0].Finish();
  kept[1].Finish(absl::AbortedError("late"));
  kept.clear();
}

TEST_P(StreamTest, OnesThatStayOpenDoNotMakeTheirLaneSlow) {
  if (kBlindToGrpc) GTEST_SKIP();
  std::vector<Things> kept;
  OnWorker(
      [&](StreamShard&, Things stream) { kept.push_back(std::move(stream)); });
  StartManual({.workers = 1, .stall_after = absl::Milliseconds(10)});
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(Open());
    manual().AwaitWaiting(1);
    manual().RunUntilIdle();
    // Each stays open for longer than a handler may run.
    manual().Advance(absl::Seconds(1));
    OpenCall call(channel(), kKeyed, Named("b").SerializeAsString(),
                  {.timeout = absl::Minutes(5)});
    manual().AwaitWaiting(1);
    manual().RunUntilIdle();
    ASSERT_TRUE(call.Await().ok()) << call.Await();
  }
  EXPECT_EQ(GoodLane().counts.running, 50u);
  EXPECT_EQ(GoodLane().counts.refusals(), 0u);
  EXPECT_GT(std::chrono::milliseconds(1), GoodLane().time_per_call);
  for (Things& stream : kept) stream.Finish();
}

TEST_P(StreamTest, WithinASessionItIsUnimplementedAndSaysWhy) {
  OnWorker([](StreamShard&, Things) { ADD_FAILURE(); });
  Start({.workers = 1});
  SessionClient session(channel());
  v1::OpenRequest request;
  v1::SessionCall* call = request.add_calls();
  call->set_id(7);
  call->set_method(kStreaming);
  call->set_payload(Named("a").SerializeAsString());
  session.Send(request);
  const v1::SessionAnswer answer = session.Await(7);
  EXPECT_EQ(answer.code(), static_cast<int>(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(answer.message(), HasSubstr(kStreaming));
  EXPECT_THAT(answer.message(), HasSubstr("plain gRPC call"));
  EXPECT_EQ(answer.failure().executed(), v1::EXECUTED_NO);
}

TEST_P(StreamTest, TellsWhereTheTimeWentAtItsEnd) {
  Keep();
  Start({.workers = 1});
  const auto client = Open({.metadata = {{"pinion-timing", "1"}}});
  AwaitKept().Finish();
  EXPECT_EQ(client->AwaitEnd(), absl::OkStatus());
  v1::Timing timing;
  EXPECT_TRUE(timing.ParseFromString(client->trailer("pinion-timing-bin")));
  EXPECT_EQ(timing.batch(), 1u);
  EXPECT_GT(timing.ran_ns(), 0u);
}

TEST(StreamDeathTest, StopsAtAUseAfterTheEnd) {
  Things gone(nullptr);
  EXPECT_DEATH(gone.Finish(), "used after it was finished or moved away");
}

}  // namespace
}  // namespace pinion
