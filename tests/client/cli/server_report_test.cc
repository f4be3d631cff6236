// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/server_report.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename Message>
Message Of(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

constexpr char kInfo[] = R"pb(
  program: "shop-server"
  version: "0.1.0"
  process_id: 4711
  address: "127.0.0.1:50051"
  started_ms: 1796117467000
  now_ms: 1796117651000
  workers: 2
  io_threads: 1
  services {
    name: "shop.v1.CartService"
    methods { path: "/shop.v1.CartService/Add" key: "cart" }
    methods { path: "/shop.v1.CartService/Watch" streams: true }
  }
)pb";

constexpr char kState[] = R"pb(
  now_ms: 1796117651000
  serving: true
  workers { worker: 0 }
  workers { worker: 1 }
  lanes {
    service: "shop.v1.CartService"
    worker: 1
    counts { accepted: 20500 waiting: 12 running: 1 }
    held_calls: 13
    max_calls: 16384
    held_bytes: 3174
    max_bytes: 268435456
    time_per_call_ns: 12300
  }
  lanes { service: "shop.v1.CartService" max_calls: 16384 }
  methods {
    method: "/shop.v1.CartService/Add"
    counts {
      accepted: 20500
      ok: 20480
      error: 7
      waiting: 12
      running: 1
      refused { reason: REASON_LANE_FULL calls: 30 }
      refused { reason: REASON_WAIT_TOO_LONG calls: 2 }
    }
    waited { calls: 20487 p50_ns: 1200 p99_ns: 3400000 }
    ran { calls: 20487 p50_ns: 820 p99_ns: 12300 }
  }
  held_calls: 13
  max_calls: 65536
  held_bytes: 3174
  max_bytes: 1073741824
  open_connections: 3
  open_sessions: 2
)pb";

TEST(InfoReportTest, SaysWhoTheServerIsAndWhatBecameOfItsCalls) {
  EXPECT_EQ(
      InfoReport(Of<admin::v1::GetInfoResponse>(kInfo),
                 Of<admin::v1::GetStateResponse>(kState), absl::UTCTimeZone()),
      R"(program      shop-server 0.1.0, process 4711
listens on   127.0.0.1:50051
health       SERVING
up           3m 04s, since 2026-12-01 09:31:07
threads      2 workers, 1 for I/O
holds        13 of 65.5k calls, 3.1 KiB of 1 GiB
connections  3, with 2 sessions
calls        20.5k accepted: 20.5k ok, 7 errors, 12 waiting, 1 running
refused      32: 30 LANE_FULL, 2 WAIT_TOO_LONG

METHOD                                KEY         CALLS  ERRORS  WAITED p50     p99  RAN p50     p99
/shop.v1.CartService/Add              cart        20.5k       7      1.20us  3.40ms    820ns  12.3us
/shop.v1.CartService/Watch (streams)  any worker      0       0           -       -        -       -

LANE HOLDS CALLS     WORKER  WAITING  RUNNING  STREAMS  CALLS OF         BYTES OF  PER CALL
shop.v1.CartService       1       12        1        0  13/16.4k  3.1 KiB/256 MiB    12.3us
)");
}

TEST(InfoReportTest, HealthNamesTheStalledWorkers) {
  auto state = Of<admin::v1::GetStateResponse>(kState);
  EXPECT_EQ(HealthWords(state), "SERVING");
  state.mutable_workers(1)->set_stalled(true);
  EXPECT_EQ(HealthWords(state), "SERVING; worker 1 is STALLED");
  state.mutable_workers(0)->set_stalled(true);
  EXPECT_EQ(HealthWords(state), "SERVING; workers 0, 1 are STALLED");
  state.set_serving(false);
  state.clear_workers();
  EXPECT_EQ(HealthWords(state), "NOT SERVING");
  state.set_stopping(true);
  EXPECT_EQ(HealthWords(state), "STOPPING");
}

TEST(InfoReportTest, AServerThatSaysNothingHasAReport) {
  const std::string report = InfoReport({}, {}, absl::UTCTimeZone());
  EXPECT_THAT(report, HasSubstr("health       NOT SERVING\n"));
  EXPECT_THAT(report, HasSubstr("refused      none\n"));
  EXPECT_THAT(report, Not(HasSubstr("METHOD")));
}

TEST(SessionsReportTest, HasARowForEachAndSaysHowManyMoreThereAre) {
  EXPECT_EQ(
      SessionsReport(Of<admin::v1::ListSessionsResponse>(R"pb(
                       open: 5
                       sessions {
                         id: 17
                         peer: "10.0.0.7:4711"
                         client: "cart\033[2J"
                         principal: "x509:spiffe://shop/cart"
                         io_thread: 1
                         opened_ms: 1796117467000
                         open_calls: 3
                         held_bytes: 3174
                         unsent_bytes: 512
                         calls: 16384
                       }
                       sessions { id: 4 opened_ms: 1796117467000 }
                     )pb"),
                     absl::UTCTimeZone()),
      R"(ID  PEER           CLIENT       PRINCIPAL                I/O  OPENED               CALLS  OPEN     HELD  UNSENT
17  10.0.0.7:4711  cart\x1b[2J  x509:spiffe://shop/cart    1  2026-12-01 09:31:07  16.4k     3  3.1 KiB   512 B
 4  -              -            -                          0  2026-12-01 09:31:07      0     0      0 B     0 B
and 3 more, which hold no more than these; --limit shows more
)");
  EXPECT_EQ(SessionsReport({}, absl::UTCTimeZone()), "no session is open\n");
}

TEST(SettingsReportTest, SaysWhereEachValueIsFromAndHowItChanges) {
  EXPECT_EQ(SettingsReport(Of<admin::v1::GetSettingsResponse>(R"pb(
              settings { name: "workers" value: "4" origin: ORIGIN_FLAG }
              settings {
                name: "show_keys"
                value: "true"
                origin: ORIGIN_RUN_TIME
                can_change: true
                reloads: true
              }
              settings { name: "tls_key" origin: ORIGIN_DEFAULT }
              settings { name: "summary" value: "false" reloads: true }
            )pb")),
            R"(NAME       VALUE  FROM      CHANGES BY
workers    4      flag      a restart
show_keys  true   run time  pinion set
tls_key    ""     default   a restart
summary    false  unknown   a reload
)");
}

TEST(SetReportTest, SaysTheOldAndTheNewValue) {
  EXPECT_EQ(SetReport(Of<admin::v1::SetRequest>(R"pb(name: "stall_after"
                                                     value: "1s")pb"),
                      Of<admin::v1::SetResponse>(R"pb(old_value: "250ms\n"
                                                      new_value: "1s")pb")),
            "stall_after: 250ms\\n -> 1s\n");
}

}  // namespace
}  // namespace pinion::cli
