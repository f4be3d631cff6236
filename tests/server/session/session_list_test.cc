// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_list.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::testing::AnyOf;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Entry = SessionList::Entry;

std::shared_ptr<std::atomic<int64_t>> Bytes(int64_t bytes) {
  return std::make_shared<std::atomic<int64_t>>(bytes);
}

TEST(SessionListTest, TheSessionThatHoldsTheMostIsFirst) {
  SessionList list;
  const Entry small(list, {.peer = "a"}, Bytes(1));
  const Entry large(list, {.peer = "b"}, Bytes(100));
  Entry unsent(list, {.peer = "c"}, Bytes(1));
  unsent.unsent_bytes.Set(50);
  const auto listed = list.List(2);
  EXPECT_EQ(listed.open(), 3);
  ASSERT_THAT(listed.sessions(), SizeIs(2));
  EXPECT_EQ(listed.sessions(0).peer(), "b");
  EXPECT_EQ(listed.sessions(0).held_bytes(), 100);
  EXPECT_EQ(listed.sessions(1).peer(), "c");
  EXPECT_EQ(listed.sessions(1).held_bytes(), 51);
  EXPECT_EQ(listed.sessions(1).unsent_bytes(), 50);
}

TEST(SessionListTest, ListsAThousandAtMostWhateverIsAsked) {
  SessionList list;
  std::deque<Entry> entries;
  for (int i = 0; i < 1500; ++i) {
    entries.emplace_back(list, SessionList::Fixed{.peer = "a"}, Bytes(i));
  }
  const auto listed = list.List(5000);
  EXPECT_EQ(listed.open(), 1500);
  ASSERT_EQ(listed.sessions_size(), int{SessionList::kMostListed});
  EXPECT_EQ(listed.sessions(0).held_bytes(), 1499);
  EXPECT_EQ(listed.sessions(999).held_bytes(), 500);
}

TEST(SessionListTest, AnEntryThatIsGoneIsInTheListNoMore) {
  SessionList list;
  std::optional<Entry> first, second;
  first.emplace(list, SessionList::Fixed{.peer = "a"}, Bytes(0));
  second.emplace(list, SessionList::Fixed{.peer = "b"}, Bytes(0));
  first.reset();
  ASSERT_THAT(list.List(0).sessions(), SizeIs(1));
  EXPECT_EQ(list.List(0).sessions(0).peer(), "b");
  EXPECT_EQ(list.open(), 1);
  second.reset();
  EXPECT_THAT(list.List(0).sessions(), IsEmpty());
}

TEST(SessionListTest, EscapesAndCutsWhatClientsSayOfThemselves) {
  SessionList list([] { return absl::FromUnixMillis(5000); });
  Entry entry(list, {.peer = "ipv4:1.2.3.4:5", .io_thread = 2}, Bytes(0));
  entry.SetClient("cart\x1b[2J\n\xff");
  entry.SetPrincipal("jwt:a\nb");
  auto listed = list.List(0);
  const admin::v1::SessionState& state = listed.sessions(0);
  EXPECT_EQ(state.client(), "cart\\x1b[2J\\n\\xff");
  EXPECT_EQ(state.principal(), "jwt:a\\nb");
  EXPECT_EQ(state.io_thread(), 2u);
  EXPECT_EQ(state.opened_ms(), 5000u);
  entry.SetClient(std::string(10'000, 'x'));
  listed = list.List(0);
  EXPECT_THAT(listed.sessions(0).client(), SizeIs(SessionList::kMaxNameBytes));
}

TEST(SessionListTest, IsListedWhileSessionsComeAndGo) {
  SessionList list;
  std::atomic<bool> ended{false};
  std::thread lister([&] {
    while (!ended) {
      const auto listed = list.List(10);
      for (const auto& state : listed.sessions()) {
        EXPECT_THAT(state.client(), AnyOf("", "cart"));
      }
    }
  });
  std::thread comers[2];
  for (std::thread& comer : comers) {
    comer = std::thread([&list] {
      for (int i = 0; i < 1000; ++i) {
        Entry entry(list, {.peer = "a"}, Bytes(i));
        entry.SetClient("cart");
        entry.open_calls.Add(1);
      }
    });
  }
  for (std::thread& comer : comers) comer.join();
  ended = true;
  lister.join();
  EXPECT_EQ(list.open(), 0);
}

class OpenSessionsTest : public ::pinion::testing::SessionTest {
 protected:
  const SessionList& list() {
    return *internal::ServerForTest::runtime(server()).sessions();
  }
  void AwaitOpen(int64_t sessions) {
    while (list().open() != sessions) std::this_thread::yield();
  }
  // The session whose client has this name, once it is known.
  admin::v1::SessionState Await(const std::string& client) {
    while (true) {
      const auto listed = list().List(0);
      for (const admin::v1::SessionState& state : listed.sessions()) {
        if (state.client() == client) return state;
      }
      std::this_thread::yield();
    }
  }
};
INSTANTIATE_TEST_SUITE_P(, OpenSessionsTest, ::testing::Bool(),
                         ::pinion::testing::TransportName);

v1::OpenRequest HelloOf(const std::string& name) {
  v1::OpenRequest request;
  request.mutable_hello()->set_name(name);
  return request;
}

TEST_P(OpenSessionsTest, AreListedWithTheirClientsUntilTheyAreClosed) {
  Start({.workers = 1});
  gate_.Open();
  SessionClient stays(channel());
  stays.Send(HelloOf("cart/2.3"));
  {
    SessionClient closes(channel());
    closes.Send(HelloOf("\x1b[2Jevil\n"));
    const admin::v1::SessionState state = Await("\\x1b[2Jevil\\n");
    EXPECT_NE(state.id(), Await("cart/2.3").id());
    EXPECT_GT(state.opened_ms(), 0u);
    EXPECT_EQ(list().open(), 2);
    // The first name holds.
    closes.Send(HelloOf("another"));
    closes.Send(Message({Add(1)}));
    closes.Await(1);
    EXPECT_EQ(Await("\\x1b[2Jevil\\n").id(), state.id());
  }
  AwaitOpen(1);
  EXPECT_EQ(list().List(0).sessions(0).client(), "cart/2.3");
}

TEST_P(OpenSessionsTest, TellWhatTheyHoldWhileTheirWorkerIsStuck) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(HelloOf("cart"));
  session.Send(Message({Add(1), Add(2), Add(3)}));
  gate_.AwaitArrivals(1);
  admin::v1::SessionState state;
  do {
    state = Await("cart");
  } while (state.open_calls() != 3);
  EXPECT_EQ(state.calls(), 3u);
  EXPECT_GT(state.held_bytes(), 0);
  gate_.Open();
  session.AwaitAnswers(3);
  do {
    state = Await("cart");
  } while (state.open_calls() != 0 || state.held_bytes() != 0);
  EXPECT_EQ(state.calls(), 3u);
  EXPECT_EQ(state.unsent_bytes(), 0);
}

}  // namespace
}  // namespace pinion
