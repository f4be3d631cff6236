// SPDX-License-Identifier: Apache-2.0
//
// Probes over servers: which state has which answer, and that it comes while
// everything else is held.
#include "pinion/server/probes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/health.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/http_client.h"
#include "pinion/tests/support/lane_test.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::Attached;
using ::pinion::testing::HttpAsk;
using ::pinion::testing::HttpGet;
using ::pinion::testing::HttpReply;
using ::pinion::testing::ItemFor;
using ::pinion::testing::kAdd;
using ::pinion::testing::kAddItem;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::RequestFor;
using ::pinion::testing::TransportName;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kAnyPort[] = "127.0.0.1:0";
// More than the number of workers of any of these servers.
constexpr int kMany = 200;

int StatusOf(const Probes& probes, const char* path) {
  return HttpGet(probes.address(), path).status;
}

// The three answers.
void ExpectAnswers(const Probes& probes, int healthz, int readyz,
                   int startupz) {
  EXPECT_EQ(StatusOf(probes, "/healthz"), healthz);
  EXPECT_EQ(StatusOf(probes, "/readyz"), readyz);
  EXPECT_EQ(StatusOf(probes, "/startupz"), startupz);
}

void StartProbes(Probes& probes) {
  const absl::Status started = probes.Start();
  ASSERT_TRUE(started.ok()) << started;
}

class ProbesTest : public LaneTest {
 protected:
  // The probes of server(), which has started.
  void Watch() {
    StartProbes(probes_);
    probes_.SetStarted(server().hosting());
  }
  ~ProbesTest() override {
    gate_.Open();
    probes_.Stop();
  }

  Probes probes_{kAnyPort};
};

INSTANTIATE_TEST_SUITE_P(, ProbesTest, ::testing::Values(true), TransportName);

TEST_P(ProbesTest, AnswersBeforeTheStartThatItIsAliveAndNothingElse) {
  StartProbes(probes_);
  ExpectAnswers(probes_, 200, 503, 503);
  Start({.workers = 1});
  ExpectAnswers(probes_, 200, 503, 503);  // Nobody has said so yet.
  probes_.SetStarted(server().hosting());
  ExpectAnswers(probes_, 200, 200, 200);
}

TEST_P(ProbesTest, AnswersWithAWordAndNothingElse) {
  Start({.workers = 1});
  Watch();
  const HttpReply ready = HttpGet(probes_.address(), "/readyz");
  EXPECT_EQ(ready.body, "ok\n");
  server().health().SetStopping();
  const HttpReply unready = HttpGet(probes_.address(), "/readyz");
  EXPECT_EQ(unready.body, "unavailable\n");
  for (const char* path : {"/", "/metrics", "/readyz/", "/readyz/x", "//readyz",
                           "/READYZ", "/../readyz", "/admin", "*"}) {
    const HttpReply reply = HttpGet(probes_.address(), path);
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_EQ(reply.body, "unknown\n") << path;
  }
  EXPECT_EQ(HttpAsk(probes_.address(), RequestFor("/readyz", "POST")).status,
            405);
}

TEST_P(ProbesTest, AnswersWhileEveryWorkerIsHeldAndManyCallsWait) {
  Start({.workers = 2, .stall_after = absl::Hours(1)});
  Watch();
  std::deque<OpenCall> calls;
  // Of many keys, so that both workers have some.
  for (int i = 0; i < kMany; ++i) {
    calls.emplace_back(channel(), kAdd, AddOf(absl::StrCat("key", i)));
  }
  gate_.AwaitArrivals(2);
  ExpectAnswers(probes_, 200, 200, 200);
  gate_.Open();
  for (OpenCall& call : calls) EXPECT_TRUE(call.Await().ok());
}

TEST_P(ProbesTest, IsReadyWhileEnoughWorkersAreNotStalled) {
  Start({.workers = 2});
  Watch();
  server().health().SetStalled(0, true);
  ExpectAnswers(probes_, 200, 200, 200);
  server().health().SetStalled(1, true);
  ExpectAnswers(probes_, 200, 503, 200);
  server().health().SetStalled(0, false);
  ExpectAnswers(probes_, 200, 200, 200);
}

TEST_P(ProbesTest, IsNotReadyFromTheFirstMomentOfAStop) {
  gate_.Open();
  Start({.workers = 1, .lame_duck = absl::Hours(1)});
  Watch();
  std::thread stopper([&] { server().Drain(); });
  while (StatusOf(probes_, "/readyz") != 503) {
  }
  // As a lame duck it still takes calls.
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok()) << add.Await();
  ExpectAnswers(probes_, 200, 503, 200);
  server().HurryStop();
  stopper.join();
  ExpectAnswers(probes_, 200, 503, 200);
  test().Stop();
  ExpectAnswers(probes_, 200, 503, 200);
}

// With the handler's time in the test's hands: it probes from within.
class HeldProbesTest : public ProbesTest {
 protected:
  // The answer of /healthz to each of these times since a handler began.
  std::vector<int> HealthzIn(
      int workers, const std::vector<absl::Duration>& times,
      const std::function<void()>& first = [] {}) {
    std::vector<int> answers;
    on_add_ = [&](const auto&, auto*, CallContext&) {
      first();
      absl::Duration now = absl::ZeroDuration();
      for (const absl::Duration time : times) {
        manual().time().Advance(
            absl::ToChronoNanoseconds(time - std::exchange(now, time)));
        answers.push_back(StatusOf(probes_, "/healthz"));
      }
      return absl::OkStatus();
    };
    StartManual({.workers = workers});
    Watch();
    OpenCall add(channel(), kAdd, AddOf("a"));
    manual().AwaitWaiting(1);
    manual().RunUntilIdle();
    EXPECT_TRUE(add.Await().ok()) << add.Await();
    answers.push_back(StatusOf(probes_, "/healthz"));
    return answers;
  }

  static constexpr absl::Duration kShort = absl::Nanoseconds(1);
};

INSTANTIATE_TEST_SUITE_P(, HeldProbesTest, ::testing::Values(true),
                         TransportName);

TEST_P(HeldProbesTest, ReportsWhenAllWorkersWereHeldForAMinute) {
  EXPECT_EQ(HealthzIn(1, {absl::Seconds(59), Probes::kHeld - kShort,
                          Probes::kHeld, absl::Hours(1)}),
            (std::vector<int>{200, 200, 503, 503, 200}));
}

TEST_P(HeldProbesTest, IsAliveWhileOneWorkerIsNotHeld) {
  EXPECT_EQ(HealthzIn(2, {Probes::kHeld, absl::Hours(1)}),
            (std::vector<int>{200, 200, 200}));
}

TEST_P(HeldProbesTest, IsAliveInAStopThoughHandlersTakeTheirTime) {
  EXPECT_EQ(HealthzIn(1, {Probes::kHeld, absl::Hours(1)},
                      [&] { server().health().SetStopping(); }),
            (std::vector<int>{200, 200, 200}));
}

TEST(ProbesAttachedTest, WatchAHostingInAServerOfYourOwn) {
  Attached test;
  Probes probes(kAnyPort);
  StartProbes(probes);
  test.Start();
  ExpectAnswers(probes, 200, 503, 503);
  probes.SetStarted(test.hosting());
  OpenCall held(test.channel(), kAddItem, ItemFor("held"));
  test.gate().AwaitArrivals(1);
  ExpectAnswers(probes, 200, 200, 200);
  test.gate().Open();
  EXPECT_TRUE(held.Await().ok());
  test.Stop();
  ExpectAnswers(probes, 200, 503, 200);
  probes.Stop();
}

TEST(ProbesStartTest, ListensOnAUnixSocketToo) {
  // Relative: the folder's own name may be too long.
  ASSERT_EQ(chdir(::testing::TempDir().c_str()), 0);
  const std::string path = absl::StrCat("probes", getpid());
  {
    Probes probes("unix:" + path);
    StartProbes(probes);
    EXPECT_EQ(probes.address(), "unix:" + path);
    EXPECT_EQ(StatusOf(probes, "/healthz"), 200);
  }
  struct stat file;
  EXPECT_NE(stat(path.c_str(), &file), 0) << "its file is left";
}

TEST(ProbesStartTest, SaysWhichOptionIsWrongOrWhoHasThePort) {
  for (const char* bad : {"", "nonsense", "127.0.0.1", "127.0.0.1:65536",
                          "::1:80", "unix:", "systemd"}) {
    Probes probes(bad);
    const absl::Status started = probes.Start();
    EXPECT_EQ(started.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(started.message()),
                AllOf(HasSubstr(absl::StrCat("probe_listen is \"", bad, "\"")),
                      HasSubstr("valid are host:port")));
    EXPECT_EQ(Probes::Check(bad), started);
  }
  Probes first(kAnyPort);
  StartProbes(first);
  EXPECT_TRUE(Probes::Check(first.address()).ok());
  Probes second(first.address());
  const absl::Status taken = second.Start();
  EXPECT_EQ(taken.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(taken.message()),
      AllOf(HasSubstr("probe_listen: cannot listen on " + first.address()),
            HasSubstr("in use")));
}

TEST(ProbesStartTest, TakesAnAddressThatOthersReach) {
  EXPECT_TRUE(Probes::Check("0.0.0.0:8080").ok());
  Probes probes("0.0.0.0:0");
  StartProbes(probes);
  const std::string port = probes.address().substr(probes.address().find(':'));
  EXPECT_EQ(HttpGet("127.0.0.1" + port, "/healthz").status, 200);
}

}  // namespace
}  // namespace pinion
