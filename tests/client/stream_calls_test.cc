// SPDX-License-Identifier: Apache-2.0
//
// A client's server streams, of a real server; in-process and over TCP.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/v1/session.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::Gate;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OrderAsGrpcDoes;
using ::pinion::testing::TransportName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr StreamMethod<Thing, Thing> kStreaming(
    "/pinion.test.GoodService/Streaming");

Thing Named(absl::string_view name) {
  Thing thing;
  thing.set_name(std::string(name));
  return thing;
}

class StreamShard {
 public:
  using Handler = std::function<void(Stream<Thing>)>;

  explicit StreamShard(const Handler& handler) : handler_(handler) {}
  void Do(const Thing&, Stream<Thing> stream) {
    OrderAsGrpcDoes();
    handler_(std::move(stream));
    OrderAsGrpcDoes();
  }

 private:
  const Handler& handler_;
};

class StreamCallsTest : public LaneTest {
 protected:
  void HostMore(Server& server) override {
    server
        .Host<StreamShard>(
            "pinion.test.GoodService",
            [this] { return std::make_unique<StreamShard>(handler_); })
        .On("Streaming", &StreamShard::Do);
  }
  void StartAndConnect(StreamShard::Handler handler,
                       HostingOptions options = {.workers = 1}) {
    handler_ = std::move(handler);
    LaneTest::Start(std::move(options));
    client_ = NewClient(/*unary=*/true);
  }
  // Whose handler gives its stream to the test.
  void StartAndKeep(HostingOptions options = {.workers = 1}) {
    StartAndConnect(
        [this](Stream<Thing> stream) {
          kept_.emplace(std::move(stream));
          is_kept_.Open();
        },
        std::move(options));
  }
  Stream<Thing>& AwaitKept() {
    is_kept_.Pass();
    return *kept_;
  }
  std::unique_ptr<Client> NewClient(bool unary) {
    return std::make_unique<Client>(
        channel().channel,
        ClientOptions{.unary = unary, .guard = channel().guard});
  }
  StreamReader<Thing> Open(const CallOptions& options = {}) {
    OrderAsGrpcDoes();
    return client_->Stream(kStreaming, Named("a"), options);
  }

  StreamShard::Handler handler_;
  std::optional<Stream<Thing>> kept_;
  Gate is_kept_;
  std::unique_ptr<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(, StreamCallsTest, ::testing::Bool(), TransportName);

std::vector<std::string> NamesOf(StreamReader<Thing>& stream) {
  std::vector<std::string> names;
  while (const auto thing = stream.Next()) names.push_back(thing->name());
  return names;
}

void SendThree(Stream<Thing>& stream) {
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(stream.Send(Named(absl::StrCat(i))).ok());
  }
}

TEST_P(StreamCallsTest, GiveEachMessageInItsOrderAndThenTheEnd) {
  StartAndConnect([](Stream<Thing> stream) {
    SendThree(stream);
    stream.Finish();
  });
  auto stream = Open({.want_timing = true});
  EXPECT_THAT(NamesOf(stream), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(stream.status().ok()) << stream.status();
  EXPECT_TRUE(stream.timing().has_value());
  EXPECT_FALSE(stream.Next().has_value()) << "the end is not the end";
}

TEST_P(StreamCallsTest, GiveTheHandlersErrorAfterItsMessages) {
  StartAndConnect([](Stream<Thing> stream) {
    SendThree(stream);
    EXPECT_TRUE(stream.context().AddTrailingMetadata("x-kind", "test").ok());
    stream.Finish(absl::NotFoundError("no more"));
  });
  auto stream = Open();
  EXPECT_THAT(NamesOf(stream), ElementsAre("1", "2", "3"));
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FailureOf(stream.status())->executed(), v1::EXECUTED_YES);
  EXPECT_THAT(stream.trailing(), ElementsAre(std::pair("x-kind", "test")));
}

TEST_P(StreamCallsTest, CallBackWithEachMessageAndThenWithNone) {
  StartAndConnect([](Stream<Thing> stream) {
    SendThree(stream);
    stream.Finish();
  });
  auto stream = Open();
  std::vector<std::string> names;
  Gate ended;
  std::function<void()> take = [&] {
    stream.StartNext([&](std::optional<Thing> thing) {
      names.push_back(thing.has_value() ? thing->name() : "none");
      if (thing.has_value()) return take();
      ended.Open();
    });
  };
  take();
  ended.Pass();
  EXPECT_THAT(names, ElementsAre("1", "2", "3", "none"));
  EXPECT_TRUE(stream.status().ok());
}

TEST_P(StreamCallsTest, GoOnWhileTheHandlerSendsNow) {
  StartAndKeep();
  auto stream = Open();
  ASSERT_TRUE(AwaitKept().Send(Named("first")).ok());
  EXPECT_EQ(stream.Next()->name(), "first");
  ASSERT_TRUE(kept_->Send(Named("second")).ok());
  EXPECT_EQ(stream.Next()->name(), "second");
  kept_->Finish();
  EXPECT_FALSE(stream.Next().has_value());
}

TEST_P(StreamCallsTest, EndAtTheServerWhenTheyAreCancelled) {
  StartAndKeep();
  auto stream = Open();
  ASSERT_TRUE(AwaitKept().Send(Named("first")).ok());
  EXPECT_EQ(stream.Next()->name(), "first");
  ASSERT_TRUE(kept_->Send(Named("not taken")).ok());
  stream.Cancel();
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kCancelled);
  while (!kept_->cancelled()) std::this_thread::yield();
}

TEST_P(StreamCallsTest, EndAtTheServerWhenTheirReaderIsDestroyed) {
  StartAndKeep();
  {
    const auto stream = Open();
    AwaitKept();
  }
  while (!kept_->cancelled()) std::this_thread::yield();
}

TEST_P(StreamCallsTest, EndAtTheirDeadline) {
  StartAndKeep();
  auto stream = Open({.timeout = absl::Milliseconds(1)});
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kDeadlineExceeded);
  // The handler may run yet, and uses what goes with this test.
  EXPECT_TRUE(server().Stop().ok());
}

TEST_P(StreamCallsTest, EndBeforeTheirClientIsGone) {
  std::vector<Stream<Thing>> kept;
  Gate both_kept;
  StartAndConnect([&](Stream<Thing> stream) {
    EXPECT_TRUE(stream.Send(Named("first")).ok());
    kept.push_back(std::move(stream));
    if (kept.size() == 2) both_kept.Open();
  });
  auto unread = Open();
  auto waiting = Open();
  EXPECT_EQ(waiting.Next()->name(), "first");
  both_kept.Pass();
  bool told = false;
  waiting.StartNext([&](std::optional<Thing> thing) {
    EXPECT_FALSE(thing.has_value());
    told = true;
  });
  client_ = nullptr;
  EXPECT_TRUE(told);
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(unread.Next().has_value());
  EXPECT_EQ(unread.status().code(), absl::StatusCode::kCancelled);
}

TEST_P(StreamCallsTest, OpenedAgainAsTheirClientGoesAreRefused) {
  StartAndKeep();
  Client* const client = client_.get();
  auto stream = Open();
  AwaitKept();
  std::optional<StreamReader<Thing>> again;
  stream.StartNext([&](std::optional<Thing>) {
    again = client->Stream(kStreaming, Named("a"));
  });
  client_ = nullptr;
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->Next().has_value());
  EXPECT_EQ(again->status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(NotExecuted(again->status()));
}

TEST_P(StreamCallsTest, OpenedByAnAnswerAsTheirClientGoesAreRefused) {
  StartAndKeep();
  for (const bool unary : {true, false}) {
    client_ = NewClient(unary);
    Client* const client = client_.get();
    std::optional<StreamReader<Thing>> opened;
    // Its handler waits at the gate.
    client->StartRaw(
        pinion::testing::kAdd, pinion::testing::AddOf("a"), {},
        [&](const Reply&) { opened = client->Stream(kStreaming, Named("a")); });
    client_ = nullptr;
    ASSERT_TRUE(opened.has_value());
    EXPECT_FALSE(opened->Next().has_value());
    EXPECT_TRUE(NotExecuted(opened->status())) << opened->status();
  }
}

// The server's windows and stream_bytes hold the handler, not this side.
TEST_P(StreamCallsTest, HoldTheHandlerBackWhileNobodyReads) {
  StartAndKeep({.workers = 1, .stream_bytes = 4 << 20});
  auto stream = Open();
  Thing large = Named("a");
  large.add_tags(std::string(100'000, 'x'));
  size_t sent = 0;
  for (AwaitKept(); kept_->writable(); ++sent) {
    ASSERT_TRUE(kept_->Send(large).ok());
    ASSERT_LT(sent, 10'000u) << "nothing holds it back";
  }
  kept_->Finish();
  EXPECT_EQ(NamesOf(stream).size(), sent);
  EXPECT_TRUE(stream.status().ok()) << stream.status();
}

TEST_P(StreamCallsTest, SayThatNoHandlerRanWhenTheyAreRefused) {
  StartAndKeep({.workers = 1, .lane_streams = 1});
  auto first = Open();
  AwaitKept();
  auto second = Open();
  EXPECT_FALSE(second.Next().has_value());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(NotExecuted(second.status()));
}

TEST_P(StreamCallsTest, AreRefusedAtOnceForOptionsThatCannotBeSent) {
  StartAndKeep();
  auto stream = Open({.metadata = {{"X-Upper", "1"}}});
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(StreamCallsTest, FailWithInternalForAMessageOfAnotherType) {
  StartAndKeep();
  // An OpenRequest has a message where a Thing has its name, and this is none.
  auto stream = client_->Stream<v1::OpenRequest>(kStreaming.name(), Named("a"));
  ASSERT_TRUE(AwaitKept().Send(Named("\x08")).ok());
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(stream.status().message()),
              HasSubstr("pinion.v1.OpenRequest"));
  while (!kept_->cancelled()) std::this_thread::yield();
}

TEST_P(StreamCallsTest, OfAClientOfSessionsGoBesideThem) {
  StartAndConnect([](Stream<Thing> stream) {
    SendThree(stream);
    stream.Finish();
  });
  gate_.Open();
  client_ = NewClient(/*unary=*/false);
  auto stream = Open();
  const RawReply reply =
      client_->CallRaw(pinion::testing::kAdd, pinion::testing::AddOf("a"));
  EXPECT_TRUE(reply.response.ok()) << reply.response.status();
  EXPECT_THAT(NamesOf(stream), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(stream.status().ok());
}

TEST_P(StreamCallsTest, AreUnavailableOnceTheirServerHasStopped) {
  StartAndKeep();
  test().Stop();
  auto stream = Open();
  EXPECT_FALSE(stream.Next().has_value());
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace pinion
