// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/top_page.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/text_width.h"

namespace pinion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TopReading Reading(const std::string& state) {
  TopReading reading;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"pb(
        program: "shop-server"
        version: "0.1.0"
        process_id: 4711
        started_ms: 1796117467000
      )pb",
      &reading.info));
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(state, &reading.state));
  return reading;
}

// After 100 s, and 2 s later: worker 1 got stuck.
TopReading Before() {
  return Reading(R"pb(
    now_ms: 1796117567000
    serving: true
    workers { worker: 0 busy_ns: 10000000000 idle_ns: 90000000000 }
    workers { worker: 1 busy_ns: 20000000000 idle_ns: 80000000000 }
    methods {
      method: "/shop.v1.CartService/Add"
      counts {
        accepted: 1000
        error: 10
        refused { reason: REASON_LANE_FULL calls: 4 }
      }
    }
    methods {
      method: "/shop.v1.CartService/List"
      counts { accepted: 9000 }
    }
  )pb");
}
TopReading Now() {
  return Reading(R"pb(
    now_ms: 1796117569000
    serving: true
    held_calls: 12
    max_calls: 65536
    held_bytes: 3174
    max_bytes: 268435456
    open_connections: 3
    open_sessions: 2
    workers { worker: 0 busy_ns: 10060000000 idle_ns: 91940000000 }
    workers {
      worker: 1
      busy_ns: 22000000000
      idle_ns: 80000000000
      waiting: 16384
      running {
        method: "/shop.v1.CartService/Add"
        key { key: "cart-17" }
        age_ns: 1900000000
      }
      stalled: true
    }
    methods {
      method: "/shop.v1.CartService/Add"
      counts {
        accepted: 26000
        error: 12
        refused { reason: REASON_LANE_FULL calls: 104 }
        refused { reason: REASON_WAIT_TOO_LONG calls: 1 }
      }
      waited { calls: 25000 p50_ns: 1200 p99_ns: 3400000 }
      ran { calls: 25000 p50_ns: 820 p99_ns: 12300 }
    }
    methods {
      method: "/shop.v1.CartService/List"
      counts { accepted: 9000 }
    }
  )pb");
}

std::string TextOf(const std::vector<TopLine>& page) {
  std::string text;
  for (const TopLine& line : page) absl::StrAppend(&text, line.text, "\n");
  return text;
}

std::string PageText(const TopReading* previous, const TopReading& current,
                     TopSize size, const std::string& trouble = "") {
  return TextOf(TopPage(previous, current, size, absl::UTCTimeZone(), trouble));
}

TEST(TopPageTest, ShowsWhatHappenedBetweenTwoReadings) {
  const TopReading before = Before();
  EXPECT_EQ(
      PageText(&before, Now(), {.width = 80}),
      R"(shop-server 0.1.0, up 1m 42s                                            09:32:49
SERVING; worker 1 is STALLED
12.5k calls/s, 1.00 errors/s, 50.5 refused/s
holds 12 of 65.5k calls, 3.1 KiB of 256 MiB
3 connections, 2 sessions

WORKER  BUSY  WAITING    FOR  RUNS
     0    3%        0      -  -
     1  100%    16.4k  1.90s  STALLED /shop.v1.CartService/Add cart-17

METHOD                    CALLS/s  ERRORS/s  WAITED p50     p99  RAN p50     p99
/shop.v1.CartService/Add    12.5k      1.00      1.20us  3.40ms    820ns  12.3us
~hop.v1.CartService/List        0         0           -       -        -       -

REFUSED        CALLS/s  IN ALL
LANE_FULL         50.0     104
WAIT_TOO_LONG     0.50       1
)");
}

TEST(TopPageTest, ReadsWellInSixtyColumns) {
  const TopReading before = Before();
  EXPECT_EQ(PageText(&before, Now(), {.width = 60}),
            R"(shop-server 0.1.0, up 1m 42s                        09:32:49
SERVING; worker 1 is STALLED
12.5k calls/s, 1.00 errors/s, 50.5 refused/s
holds 12 of 65.5k calls, 3.1 KiB of 256 MiB
3 connections, 2 sessions

WORKER  BUSY  WAITING    FOR  RUNS
     0    3%        0      -  -
     1  100%    16.4k  1.90s  STALLED ~Service/Add cart-17

METHOD                CALLS/s  ERRORS/s  WAITED p99  RAN p99
~.v1.CartService/Add    12.5k      1.00      3.40ms   12.3us
~v1.CartService/List        0         0           -        -

REFUSED        CALLS/s  IN ALL
LANE_FULL         50.0     104
WAIT_TOO_LONG     0.50       1
)");
}

TEST(TopPageTest, TheFirstPageHasTheRatesSinceTheStart) {
  const std::string page = PageText(nullptr, Now(), {.width = 80});
  // 26,000 and 9,000 calls in 102 s.
  EXPECT_THAT(page, HasSubstr("343 calls/s, 0.12 errors/s, 1.03 refused/s "
                              "since the start\n"));
  EXPECT_THAT(page, HasSubstr("     1   22%"));
}

TEST(TopPageTest, AServerThatWasStartedAgainHasNoRatesFromBefore) {
  const TopReading before = Before();
  TopReading now = Now();
  now.info.set_started_ms(1796117568000);
  EXPECT_THAT(PageText(&before, now, {.width = 80}),
              HasSubstr("since the start\n"));
  now = Now();
  now.info.set_process_id(4712);
  EXPECT_THAT(PageText(&before, now, {.width = 80}),
              HasSubstr("since the start\n"));
}

TEST(TopPageTest, MarksByKindWhatItsWordsSay) {
  TopReading now = Now();
  EXPECT_EQ(TopPage(nullptr, now, {}, absl::UTCTimeZone())[1].kind,
            TopLine::kAlarm);
  now.state.mutable_workers(1)->set_stalled(false);
  EXPECT_EQ(TopPage(nullptr, now, {}, absl::UTCTimeZone())[1].kind,
            TopLine::kPlain);
  now.state.set_serving(false);
  const auto page = TopPage(nullptr, now, {}, absl::UTCTimeZone());
  EXPECT_EQ(page[1].text, "NOT SERVING");
  EXPECT_EQ(page[1].kind, TopLine::kAlarm);
}

TEST(TopPageTest, SaysThatItIsOldIfTheServerIsGone) {
  const auto page = TopPage(nullptr, Now(), {.width = 60}, absl::UTCTimeZone(),
                            "connection\x1b[2J refused");
  EXPECT_EQ(page[1].text,
            "NO ANSWER, so this is old: connection\\x1b[2J refused");
  EXPECT_EQ(page[1].kind, TopLine::kAlarm);
  EXPECT_EQ(page[2].text, "SERVING; worker 1 is STALLED");
}

TEST(TopPageTest, HasAPageBeforeAnythingWasRead) {
  EXPECT_EQ(TextOf(TopPageWithoutReading("", {.width = 60})),
            "pinion top\nasks the server\n");
  EXPECT_EQ(TextOf(TopPageWithoutReading("no server listens", {.width = 14})),
            "pinion top\nno server lis~\nit keeps tryi~\n");
}

TEST(TopPageTest, KeepsTheStalledAndTheBusyWorkersIfNotAllHaveRoom) {
  TopReading now = Now();
  for (int worker = 2; worker < 40; ++worker) {
    auto& added = *now.state.add_workers();
    added.set_worker(worker);
    added.set_waiting(worker == 30 ? 5 : 0);
  }
  now.state.mutable_workers(39)->set_stalled(true);
  const std::string page = TextOf(
      TopPage(nullptr, now, {.width = 80, .height = 20}, absl::UTCTimeZone()));
  EXPECT_THAT(page, HasSubstr("\n     1 "));
  EXPECT_THAT(page, HasSubstr("\n    30 "));
  EXPECT_THAT(page, HasSubstr("\n    39 "));
  EXPECT_THAT(page, HasSubstr(" more workers\n"));
  EXPECT_THAT(page, HasSubstr("CartService/Add"));
  EXPECT_THAT(page, HasSubstr("LANE_FULL"));
  // All of them, if there is no limit.
  EXPECT_THAT(PageText(nullptr, now, {.width = 80}),
              Not(HasSubstr("more workers")));
}

// What strangers may name, and characters of two columns and of none.
TEST(TopPageTest, NeverWrapsOrLeavesItsHeightWhateverIsNamed) {
  TopReading now = Now();
  auto& running = *now.state.mutable_workers(1)->mutable_running();
  for (const std::string& name :
       {std::string(300, 'k'), std::string("\x1b[2J\x1b]0;title\x07\r\n\t"),
        std::string("東京\u202e都\u0301\xff")}) {
    running.set_method(name);
    running.mutable_key()->set_key(name);
    running.set_principal(name);
    now.state.mutable_methods(0)->set_method(name);
    now.info.set_program(name);
    for (int width = 20; width < 130; width += 7) {
      for (int height = 1; height < 30; ++height) {
        const auto page =
            TopPage(nullptr, now, {.width = width, .height = height},
                    absl::UTCTimeZone(), name);
        EXPECT_LE(static_cast<int>(page.size()), height);
        for (const TopLine& line : page) {
          EXPECT_LE(WidthOf(line.text), width) << line.text;
          for (const char c : line.text) {
            EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
                << line.text;
          }
          EXPECT_EQ(line.text.find("\u202e"), std::string::npos);
        }
      }
    }
  }
}

}  // namespace
}  // namespace pinion::cli
