// SPDX-License-Identifier: Apache-2.0
//
// The testing kit, by tests such as its users write. docs/testing.md prints the
// first part of them to the letter.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/client/method.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/server.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/shard_timer.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing.h"
#include "pinion/tests/support/sanitized.h"
#include "shop/v1/counter.pb.h"

namespace {

// [setup]
using pinion::testing::ManualServer;
using shop::v1::AddRequest;
using shop::v1::AddResponse;

constexpr pinion::Method<AddRequest, AddResponse> kAdd(
    "/shop.v1.CounterService/Add");

class Counter {
 public:
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    response->set_value(values_[request.name()] += request.by());
    return absl::OkStatus();
  }

 private:
  std::map<std::string, int64_t> values_;
};

void HostCounter(pinion::Server& server) {
  server.Host<Counter>("shop.v1.CounterService").On("Add", &Counter::Add);
}

AddRequest Of(const char* name, int64_t by) {
  AddRequest request;
  request.set_name(name);
  request.set_by(by);
  return request;
}
// [setup]

// [order]
TEST(CounterTest, CallsOfOneKeyRunInTheOrderInWhichTheyCame) {
  ManualServer test(HostCounter);
  const auto first = test.Call(kAdd, Of("apples", 3));
  const auto second = test.Call(kAdd, Of("apples", 4));
  test.RunUntilIdle();
  EXPECT_EQ(second.Await()->value(), 7);
}
// [order]

// [timeout]
TEST(CounterTest, ACallThatWaitsForTooLongIsAnsweredAndNeverRuns) {
  ManualServer test(HostCounter);
  const auto add =
      test.Call(kAdd, Of("apples", 3), {.timeout = absl::Minutes(5)});
  test.Advance(absl::Minutes(5));
  EXPECT_TRUE(absl::IsDeadlineExceeded(add.Await().status()));
  EXPECT_TRUE(pinion::NotExecuted(add.Await().status()));
}
// [timeout]

// [stop]
TEST(CounterTest, AStopStillRunsWhatWaits) {
  ManualServer test(HostCounter);
  const auto add = test.Call(kAdd, Of("apples", 3));
  test.BeginStop();
  test.RunUntilIdle();
  EXPECT_EQ(add.Await()->value(), 3);
}

TEST(CounterTest, AStopLetsNothingMoreIn) {
  ManualServer test(HostCounter);
  test.BeginStop();
  const auto late = test.Call(kAdd, Of("apples", 3));
  EXPECT_TRUE(absl::IsUnavailable(late.Await().status()));
}

TEST(CounterTest, AStopAnswersWhatThereIsNoTimeFor) {
  ManualServer test(HostCounter);
  const auto add = test.Call(kAdd, Of("apples", 3));
  EXPECT_TRUE(test.Stop().ok());
  EXPECT_TRUE(absl::IsUnavailable(add.Await().status()));
  EXPECT_TRUE(pinion::NotExecuted(add.Await().status()));
}
// [stop]

// [stream]
TEST(WatchTest, AWatcherHearsOfAChangeAndLeaves) {
  ManualServer test([](pinion::Server& server) { pinion::kv::HostKv(server); });
  pinion::kv::v1::WatchRequest apples;
  apples.set_key("apples");
  const auto watch = test.Stream(pinion::kv::kWatch, apples);
  test.RunUntilIdle();
  EXPECT_FALSE(watch.Next()->has_value());

  pinion::kv::v1::PutRequest put;
  put.set_key("apples");
  put.set_value("3");
  test.Call(pinion::kv::kPut, put);
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->value(), "3");

  watch.Cancel();
  EXPECT_TRUE(absl::IsCancelled(watch.AwaitEnd()));
  test.AwaitOpenStreams(0);  // The server has heard of it, too.
}
// [stream]

}  // namespace

namespace pinion::testing {
namespace {

using ::testing::SizeIs;

constexpr char kCounter[] = "shop.v1.CounterService";

std::string Read(const char* file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(TestingKitTest, ThePagePrintsTheseTestsToTheLetter) {
  const std::string page = Read("docs/testing.md");
  const std::string source = Read("tests/server/testing/testing_kit_test.cc");
  for (const char* name :
       {"setup", "order", "timeout", "stop", "stream", "gate"}) {
    const std::string mark = std::string("// [") + name + "]\n";
    const size_t begin = source.find(mark) + mark.size();
    const std::string block =
        source.substr(begin, source.find(mark, begin) - begin);
    EXPECT_TRUE(absl::StrContains(page, "```cpp\n" + block + "```")) << name;
  }
}

// Both ways in which a client calls.
class ManualCallTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && kBlindToGrpc) GTEST_SKIP();
  }
  ManualOptions Options(HostingOptions server = {.workers = 2}) {
    ClientOptions client = TestClient();
    client.unary = !GetParam();
    return {.hosting = std::move(server), .client = client};
  }
};

INSTANTIATE_TEST_SUITE_P(, ManualCallTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "InASession" : "Unary";
                         });

TEST_P(ManualCallTest, ACallWaitsUntilItsWorkerIsStepped) {
  ManualServer test(HostCounter, Options({.workers = 1}));
  const auto add = test.Call(kAdd, Of("apples", 1));
  test.AwaitWaiting(1);
  EXPECT_FALSE(add.answered());
  EXPECT_TRUE(test.Step(0));
  EXPECT_EQ(add.Await()->value(), 1);
  EXPECT_FALSE(test.Step(0));
}

TEST_P(ManualCallTest, ACallThatIsRefusedIsNotWaitedFor) {
  ManualServer test(HostCounter, Options({.workers = 1, .lane_calls = 1}));
  const auto add = test.Call(kAdd, Of("apples", 1));
  const auto refused = test.Call(kAdd, Of("apples", 1));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.Await().status()));
  const auto bad = test.Call(kAdd, Of("", 1));
  EXPECT_TRUE(absl::IsInvalidArgument(bad.Await().status()));
  constexpr Method<AddRequest, AddResponse> kUnknown("/a.B/C");
  const auto unknown = test.Call(kUnknown, Of("apples", 1));
  EXPECT_TRUE(absl::IsUnimplemented(unknown.Await().status()));
  EXPECT_FALSE(add.answered());
}

TEST_P(ManualCallTest, ADeadlineThatHasNotPassedIsNotAnswered) {
  ManualServer test(HostCounter, Options());
  const auto add =
      test.Call(kAdd, Of("apples", 1), {.timeout = absl::Minutes(5)});
  test.Advance(absl::Minutes(4));
  EXPECT_FALSE(add.answered());
  test.RunUntilIdle();
  EXPECT_TRUE(add.Await().ok());
}

TEST_P(ManualCallTest, ADeadlineThatPassesIsAnsweredEachTime) {
  ManualServer test(HostCounter, Options());
  for (int i = 0; i < 200; ++i) {
    const auto add =
        test.Call(kAdd, Of("apples", 1), {.timeout = absl::Minutes(5)});
    test.Advance(absl::Minutes(5));
    EXPECT_TRUE(absl::IsDeadlineExceeded(add.Await().status()));
  }
  test.RunUntilIdle();
  EXPECT_EQ(test.server().Snapshot().methods[0].counts.expired, 200u);
}

TEST_P(ManualCallTest, AStopRefusesAndRunsAndAnswersInThatOrder) {
  ManualServer test(HostCounter, Options({.workers = 1}));
  const auto run = test.Call(kAdd, Of("apples", 1));
  test.BeginStop();
  if (!GetParam()) {  // In sessions a client first looks for another server.
    const auto late = test.Call(kAdd, Of("apples", 1));
    EXPECT_TRUE(absl::IsUnavailable(late.Await().status()));
  }
  test.RunUntilIdle();
  EXPECT_EQ(run.Await()->value(), 1);
  EXPECT_TRUE(test.Stop().ok());
  const auto after = test.Call(kAdd, Of("apples", 1));
  EXPECT_TRUE(absl::IsUnavailable(after.Await().status()));
}

TEST(ManualServerTest, WaitsForCallsOfOthersToArrive) {
  if (kBlindToGrpc) GTEST_SKIP();
  ManualServer test(HostCounter);
  const auto client = test.in_process().NewClient({});
  std::vector<PendingCall<AddResponse>> calls(10);
  for (const auto& call : calls) {
    client->Start(kAdd, Of("apples", 1), {},
                  [call](absl::StatusOr<AddResponse> answer) {
                    call.Answer(std::move(answer));
                  });
  }
  test.AwaitWaiting(10);
  test.RunUntilIdle();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(calls[i].Await()->value(), i + 1);
}

kv::v1::WatchRequest WatchOf(const char* key) {
  kv::v1::WatchRequest request;
  request.set_key(key);
  return request;
}

TEST(ManualServerTest, AStopIsToldToOpenStreamsByTheNextSteps) {
  if (kBlindToGrpc) GTEST_SKIP();
  ManualServer test([](Server& server) { kv::HostKv(server); });
  const auto watch = test.Stream(kv::kWatch, WatchOf("a"));
  test.RunUntilIdle();
  test.BeginStop();
  ASSERT_GT(test.RunUntilIdle(), 0);
  EXPECT_TRUE(absl::IsUnavailable(watch.AwaitEnd()));
}

TEST(ManualServerTest, AStreamWaitsUntilItsWorkerIsStepped) {
  ManualServer test([](Server& server) { kv::HostKv(server); },
                    {.hosting = {.workers = 1}});
  const auto watch = test.Stream(kv::kWatch, WatchOf("a"));
  test.AwaitWaiting(1);
  test.AwaitOpenStreams(1);
  EXPECT_EQ(watch.received(), 0u);
  EXPECT_TRUE(test.Step(0));
  EXPECT_TRUE(watch.Next().has_value());
  EXPECT_FALSE(watch.ended());
}

TEST(ManualServerTest, AStreamThatIsRefusedIsNotWaitedFor) {
  ManualServer test([](Server& server) { kv::HostKv(server); });
  const auto watch = test.Stream(kv::kWatch, WatchOf(""));
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(watch.AwaitEnd()));
  EXPECT_TRUE(NotExecuted(watch.AwaitEnd()));
}

TEST(ManualServerTest, AStreamThatNobodyHoldsIsCancelled) {
  ManualServer test([](Server& server) { kv::HostKv(server); });
  {
    const auto watch = test.Stream(kv::kWatch, WatchOf("a"));
    test.RunUntilIdle();
    test.AwaitOpenStreams(1);
  }
  test.AwaitOpenStreams(0);
}

TEST(ManualServerTest, AStreamWhoseTimeIsUpEndsByItsClock) {
  ManualServer test([](Server& server) { kv::HostKv(server); });
  const auto watch =
      test.Stream(kv::kWatch, WatchOf("a"), {.timeout = absl::Minutes(5)});
  test.RunUntilIdle();
  EXPECT_TRUE(watch.Next().has_value());
  test.Advance(absl::Minutes(5));
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded(watch.AwaitEnd()));
}

TEST(ManualServerTest, AStopEndsStreamsThatNobodySteps) {
  ManualServer test([](Server& server) { kv::HostKv(server); });
  const auto watch = test.Stream(kv::kWatch, WatchOf("a"));
  EXPECT_TRUE(test.Stop().ok());
  EXPECT_TRUE(absl::IsUnavailable(watch.AwaitEnd()));
}

// In which order eight workers run a call each.
std::vector<int> Story(uint64_t seed) {
  struct Recorder {
    absl::Status Add(const AddRequest&, AddResponse*) {
      ran.push_back(worker);
      return absl::OkStatus();
    }
    const int worker;
    std::vector<int>& ran;
  };
  std::vector<int> ran;
  ManualServer test(
      [&](Server& server) {
        server
            .Host<Recorder>(kCounter,
                            [&](const ShardInfo& info) {
                              return std::unique_ptr<Recorder>(
                                  new Recorder{info.worker(), ran});
                            })
            .On("Add", &Recorder::Add);
      },
      {.hosting = {.workers = 8}, .seed = seed});
  std::vector<PendingCall<AddResponse>> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(test.Call(kAdd, Of(std::to_string(i).c_str(), 1)));
  }
  test.RunUntilIdle();
  for (const auto& call : calls) EXPECT_TRUE(call.Await().ok());
  EXPECT_THAT(ran, SizeIs(32));
  return ran;
}

TEST(ManualServerTest, ASeedDecidesWhichWorkerRunsWhen) {
  std::set<std::vector<int>> stories;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const std::vector<int> story = Story(seed);
    EXPECT_EQ(story, Story(seed));
    stories.insert(story);
  }
  EXPECT_GT(stories.size(), 4u) << "the seed hardly matters";
}

TEST(ManualServerTest, TimersOfShardsGoByItsClock) {
  struct Ticker {
    explicit Ticker(const ShardInfo& info, int& ticks)
        : timer(info, TaskClass::kNormal, [&ticks] { ++ticks; }) {
      timer.StartAfter(std::chrono::minutes(1));
    }
    absl::Status Add(const AddRequest&, AddResponse*) {
      return absl::OkStatus();
    }
    ShardTimer timer;
  };
  int ticks = 0;
  ManualServer test(
      [&](Server& server) {
        server
            .Host<Ticker>(kCounter,
                          [&](const ShardInfo& info) {
                            return std::make_unique<Ticker>(info, ticks);
                          })
            .On("Add", &Ticker::Add);
      },
      {.hosting = {.workers = 1}});
  test.RunUntilIdle();
  EXPECT_EQ(ticks, 0);
  test.Advance(absl::Minutes(1));
  test.RunUntilIdle();
  EXPECT_EQ(ticks, 1);
}

// [gate]
TEST(CounterTest, ACallIsAnsweredWhenItsHandlerReturns) {
  pinion::testing::Gate gate;
  struct Held {
    absl::Status Add(const AddRequest& request, AddResponse*) {
      if (request.name() == "held") gate.Pass();
      return absl::OkStatus();
    }
    pinion::testing::Gate& gate;
  };
  pinion::testing::InProcessServer test([&](pinion::Server& server) {
    const auto make = [&] { return std::unique_ptr<Held>(new Held{gate}); };
    server.Host<Held>("shop.v1.CounterService", make).On("Add", &Held::Add);
  });
  const auto held = test.Begin(kAdd, Of("held", 1));
  gate.AwaitArrivals(1);
  EXPECT_FALSE(held.answered());
  gate.Open();
  EXPECT_TRUE(held.Await().ok());
}
// [gate]

TEST(InProcessServerTest, AClientOfAServerThatHasStoppedHearsOfIt) {
  InProcessServer test(HostCounter);
  EXPECT_EQ(test.client().Call(kAdd, Of("apples", 3))->value(), 3);
  EXPECT_TRUE(test.Stop().ok());
  EXPECT_TRUE(
      absl::IsUnavailable(test.client().Call(kAdd, Of("apples", 3)).status()));
}

TEST(InProcessServerDeathTest, AMistakeInWhatIsHostedEndsTheProgram) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto mistake = [](Server& server) {
    server.Host<Counter>(kCounter).On("Addd", &Counter::Add);
  };
  EXPECT_DEATH(InProcessServer test(mistake), "no method Addd");
  EXPECT_DEATH(ManualServer test(mistake), "no method Addd");
}

TEST(ManualServerDeathTest, AWaitForWhatNobodyRunsEndsWithALineThatSaysSo) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ManualServer test(HostCounter);
        const auto one = test.Call(kAdd, Of("apples", 3));
        const auto two = test.Call(kAdd, Of("pears", 3));
        EXPECT_TRUE(two.Await().ok());
      },
      "Await\\(\\) of /shop.v1.CounterService/Add would never return: 2 calls "
      "wait for their workers.*call RunUntilIdle");
}

TEST(ManualServerDeathTest, AWaitForAStreamThatNobodyRunsSaysSoToo) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ManualServer test([](Server& server) { kv::HostKv(server); });
        test.Stream(kv::kWatch, WatchOf("a")).Next();
      },
      "Next\\(\\) of /pinion.kv.v1.KvService/Watch would never return: 1 call "
      "waits for its worker.*call RunUntilIdle");
}

// It is no longer among what has not been answered.
TEST(ManualServerDeathTest, AfterAStreamAWaitForWhatNobodyRunsStillSaysSo) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ManualServer test([](Server& server) { kv::HostKv(server); });
        EXPECT_FALSE(test.Stream(kv::kWatch, WatchOf("")).AwaitEnd().ok());
        test.Stream(kv::kWatch, WatchOf("a")).Next();
      },
      "would never return: 1 call waits");
}

constexpr StreamMethod<kv::v1::WatchRequest, kv::v1::WatchResponse> kMisspelt(
    "/pinion.kv.v1.KvService/Wach");

TEST(InProcessServerDeathTest, AMessageThatDidNotComeSaysWhyWhenItIsRead) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        InProcessServer test([](Server& server) { kv::HostKv(server); });
        test.BeginStream(kMisspelt, WatchOf("a")).Next()->value();
      },
      "/pinion.kv.v1.KvService/Wach ended with UNIMPLEMENTED: .*"
      "NO_SUCH_METHOD, EXECUTED_NO.*; it has no further message");
}

TEST(ManualServerDeathTest, AnAnswerThatIsAnErrorSaysWhichWhenItIsRead) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ManualServer test(HostCounter);
        test.BeginStop();
        test.Call(kAdd, Of("apples", 3)).Await()->value();
      },
      "/shop.v1.CounterService/Add was answered UNAVAILABLE: the server is "
      "stopping; call another \\(STOPPING, EXECUTED_NO\\); it has no response");
}

// The other call still waits, and the answer may be on its way.
TEST(ManualServerTest, AWaitForWhatHasRunReturnsThoughOthersWait) {
  ManualServer test(HostCounter, {.hosting = {.workers = 1}});
  const auto first = test.Call(kAdd, Of("apples", 3));
  test.RunUntilIdle();
  const auto second = test.Call(kAdd, Of("apples", 4));
  EXPECT_EQ(first.Await()->value(), 3);
  test.RunUntilIdle();
  EXPECT_EQ(second.Await()->value(), 7);
}

TEST(ManualServerTest, AnotherThreadMayWaitForWhatTheTestRunsLater) {
  ManualServer test(HostCounter);
  const auto add = test.Call(kAdd, Of("apples", 3));
  Gate waits;
  waits.Open();
  std::thread waiter([&] {
    waits.Pass();
    EXPECT_EQ(add.Await()->value(), 3);
  });
  waits.AwaitArrivals(1);
  test.RunUntilIdle();
  waiter.join();
}

}  // namespace
}  // namespace pinion::testing
