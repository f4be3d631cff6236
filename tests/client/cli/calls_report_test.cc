// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/calls_report.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

using ::testing::HasSubstr;

template <typename Message>
Message Of(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

TEST(SlowReportTest, SaysWhereTheTimeOfEachCallWent) {
  EXPECT_EQ(
      SlowReport(Of<admin::v1::ListSlowCallsResponse>(R"pb(
                   kept_ns: 600000000000
                   slowest {
                     ended_ms: 1796117467000
                     method: "/shop.v1.CartService/Add"
                     key { key: "cart\033[2J" }
                     principal: "x509:cart"
                     worker: 1
                     waited_ns: 3400000
                     ran_ns: 1200000000
                     batch: 7
                     code: 5
                   }
                   slowest {
                     ended_ms: 1796117468000
                     method: "/shop.v1.CartService/List"
                     key { hash: 17 slot: 1234 }
                     ran_ns: 820
                     batch: 1
                   }
                   slowest {
                     ended_ms: 1796117468000
                     method: "/shop.v1.CartService/Watch"
                     ran_ns: 810
                     batch: 1
                     kept: true
                   }
                 )pb"),
                 absl::UTCTimeZone()),
      R"(ENDED                METHOD                      KEY                          PRINCIPAL  WORKER  WAITED    RAN  BATCH  CODE
2026-12-01 09:31:07  /shop.v1.CartService/Add    cart\x1b[2J                  x509:cart       1  3.40ms  1.20s      7  NOT_FOUND
2026-12-01 09:31:08  /shop.v1.CartService/List   #0000000000000011 slot 1234  -               0      0s  820ns      1  OK
2026-12-01 09:31:08  /shop.v1.CartService/Watch  -                            -               0      0s  810ns      1  kept
the slowest of all calls, each kept for 10m 00s at most
)");
}

TEST(SlowReportTest, SaysThatThereIsNone) {
  EXPECT_EQ(SlowReport({}, absl::UTCTimeZone()),
            "no handler has run a call lately\n");
}

TEST(HotReportTest, HasTheKeysOfEachServiceByCallsAndByTime) {
  EXPECT_EQ(
      HotReport(Of<admin::v1::ListHotKeysResponse>(R"pb(
                  sampled_of: 64
                  services {
                    service: "shop.v1.CartService"
                    calls: 1234567
                    ran_ns: 61000000000
                    since_ms: 1796117467000
                    by_calls {
                      key { key: "cart-17" }
                      worker: 1
                      calls: 61728
                      ran_ns: 1500000000
                      error: 64
                      share: 0.05
                    }
                    by_calls {
                      key { hash: 17 slot: 1234 }
                      calls: 640
                      ran_ns: 640000
                      error: 640
                      share: 0.0005
                    }
                    by_time {
                      key { key: "cart-4" }
                      calls: 64
                      ran_ns: 30500000000
                      error: 1000000
                      share: 0.5
                    }
                  }
                )pb"),
                absl::UTCTimeZone()),
      R"(shop.v1.CartService: about 1.23M calls, which ran for 1m 01s, since 2026-12-01 09:31:07
  KEY, BY CALLS                WORKER  SHARE  CALLS  LESS AT MOST   TIME
  cart-17                           1   5.0%  61.7k            64  1.50s
  #0000000000000011 slot 1234       0   0.1%    640           640  640us
  KEY, BY TIME  WORKER  SHARE   TIME  LESS AT MOST  CALLS
  cart-4             0  50.0%  30.5s        1.00ms     64

estimates: one of 64 calls is recorded
)");
}

constexpr char kStuck[] = R"pb(
  service: "shop.v1.CartService"
  key { key: "cart-17" hash: 99 slot: 1234 }
  worker: 3
  running {
    method: "/shop.v1.CartService/Add"
    key { key: "cart-17" hash: 99 slot: 1234 }
    principal: "x509:cart"
    age_ns: 12300000000
  }
  runs_this_key: true
  waiting_before: 16384
  wait_ns: 4200000000
  verdict: "worker 3 is stalled;\033[2J retry later"
  reason: REASON_LANE_STALLED
  stalled: true
  sampled_of: 64
  recent {
    ended_ms: 1796117467000
    method: "/shop.v1.CartService/Add"
    key { key: "cart-17" }
    worker: 3
    waited_ns: 3400
    ran_ns: 820
    batch: 1
  }
)pb";

TEST(WhyReportTest, SaysInSentencesWhatKeepsTheKey) {
  EXPECT_EQ(
      WhyReport(Of<admin::v1::ExplainKeyResponse>(kStuck),
                absl::FromUnixSeconds(1796117467), absl::UTCTimeZone()),
      R"(The key "cart-17" of shop.v1.CartService is in slot 1234, which runs on worker 3.
Worker 3 is STALLED: it runs /shop.v1.CartService/Add of the key "cart-17" for x509:cart, a call of this key. It has done so for 12.3s, since 2026-12-01 09:30:54.
16.4k calls wait before a new call of this key, which takes about 4.20s if calls go on as lately.
A call without a deadline would be refused now, LANE_STALLED: worker 3 is stalled;\x1b[2J retry later
Its calls that were recorded lately, of which one of 64 calls is recorded:

ENDED                METHOD                    KEY      PRINCIPAL  WORKER  WAITED    RAN  BATCH  CODE
2026-12-01 09:31:07  /shop.v1.CartService/Add  cart-17  -               3  3.40us  820ns      1  OK
)");
}

TEST(WhyReportTest, AKeyThatNothingKeepsIsAdmitted) {
  EXPECT_EQ(
      WhyReport(Of<admin::v1::ExplainKeyResponse>(R"pb(
                  service: "shop.v1.CartService"
                  key { hash: 17 slot: 17 }
                  worker: 1
                  verdict: "admitted"
                  sampled_of: 64
                )pb"),
                absl::FromUnixSeconds(1796117467), absl::UTCTimeZone()),
      R"(The key with the hash 0000000000000011 of shop.v1.CartService is in slot 17, which runs on worker 1.
Worker 1 runs nothing now.
No call waits before a new call of this key.
A call without a deadline would be admitted now.
No call of this key was recorded lately; one of 64 calls is recorded.
)");
}

TEST(WhyReportTest, TellsAnotherKeyAndOtherWorkFromThisKey) {
  auto why = Of<admin::v1::ExplainKeyResponse>(kStuck);
  const auto report = [&] {
    return WhyReport(why, absl::FromUnixSeconds(1796117467),
                     absl::UTCTimeZone());
  };
  why.set_runs_this_key(false);
  EXPECT_THAT(report(), HasSubstr(", a call of another key or of none. It"));
  why.mutable_running()->set_method("");
  why.mutable_running()->set_work("a hop of shop.v1.CartService");
  EXPECT_THAT(
      report(),
      HasSubstr("it runs a hop of shop.v1.CartService. It has done so for"));
  why.clear_sampled_of();
  EXPECT_THAT(report(), HasSubstr("Of its calls the server samples no calls"));
}

TEST(StallsReportTest, HasTheStackOfEach) {
  EXPECT_EQ(
      StallsReport(Of<admin::v1::ListStallsResponse>(R"pb(
                     stalls {
                       worker: 3
                       reported_ms: 1796117467000
                       ran_ns: 12300000000
                       had_cpu_ns: 2000000
                       blocked: true
                       running {
                         method: "/shop.v1.CartService/Add"
                         key { key: "cart-17" }
                       }
                       waiting: 17
                       stack: "shop::Cart::Sum(int)"
                       stack: "shop::Carts::Add\033[2J()"
                     }
                     stalls {
                       worker: 1
                       reported_ms: 1796117466000
                       ran_ns: 1000000000
                       had_cpu_ns: 1000000000
                       running { work: "a hop of shop.v1.CartService" }
                       ended: true
                       no_stack: "too many stacks were taken lately"
                     }
                   )pb"),
                   absl::UTCTimeZone()),
      R"(worker 3, 2026-12-01 09:31:07: /shop.v1.CartService/Add of the key "cart-17" had run for 12.3s, 2.00ms of it with a CPU (it was blocked); 17 calls waited behind it; it STILL RUNS
    shop::Cart::Sum(int)
    shop::Carts::Add\x1b[2J()

worker 1, 2026-12-01 09:31:06: a hop of shop.v1.CartService had run for 1.00s, 1.00s of it with a CPU; no call waited behind it; it has ended since
    no stack: too many stacks were taken lately
)");
  EXPECT_EQ(StallsReport({}, absl::UTCTimeZone()),
            "no handler has held a worker for too long\n");
}

}  // namespace
}  // namespace pinion::cli
