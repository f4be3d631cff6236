// SPDX-License-Identifier: Apache-2.0
//
// What a handler learns of its call; in-process and over TCP.
#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/tests/support/lane_test.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::TransportName;
using ::testing::Contains;
using ::testing::Optional;
using ::testing::Pair;

class ContextTest : public LaneTest {
 protected:
  // Has the handler of one call look at its context.
  void Look(const std::string& name, const OpenCallOptions& options,
            std::function<void(CallContext&)> look) {
    on_add_ = [look](const auto&, auto*, CallContext& context) {
      look(context);
      return absl::OkStatus();
    };
    Start({.workers = 2});
    OpenCall add(channel(), kAdd, AddOf(name), options);
    EXPECT_TRUE(add.Await().ok()) << add.Await();
  }
};

INSTANTIATE_TEST_SUITE_P(, ContextTest, ::testing::Bool(), TransportName);

TEST_P(ContextTest, TellsTheDeadlineAndTheTimeThatIsLeft) {
  Look("a", {.timeout = absl::Minutes(2)}, [](CallContext& context) {
    EXPECT_GT(context.time_left(), absl::Minutes(1));
    EXPECT_LT(context.time_left(), absl::Minutes(3));
    EXPECT_GT(context.deadline(), absl::Now() + absl::Minutes(1));
    EXPECT_LT(context.deadline(), absl::Now() + absl::Minutes(3));
  });
}

TEST_P(ContextTest, HasForeverWithoutADeadline) {
  Look("a", {}, [](CallContext& context) {
    EXPECT_EQ(context.time_left(), absl::InfiniteDuration());
    EXPECT_EQ(context.deadline(), absl::InfiniteFuture());
  });
}

TEST_P(ContextTest, HasTheMetadataAsTheClientSentIt) {
  const std::string bytes("\0\xff\n\x01", 4);
  const OpenCallOptions options = {.metadata = {{"tenant", "blue"},
                                                {"trace-bin", bytes},
                                                {"tag", "first"},
                                                {"tag", "second"},
                                                {"empty", ""}}};
  Look("a", options, [&](CallContext& context) {
    EXPECT_THAT(context.metadata("tenant"), Optional(std::string("blue")));
    EXPECT_THAT(context.metadata("trace-bin"), Optional(bytes));
    EXPECT_THAT(context.metadata("tag"), Optional(std::string("first")));
    EXPECT_THAT(context.metadata("empty"), Optional(std::string()));
    EXPECT_EQ(context.metadata("absent"), std::nullopt);
    EXPECT_THAT(context.metadata(), Contains(Pair("tag", "first")));
    EXPECT_THAT(context.metadata(), Contains(Pair("tag", "second")));
  });
}

TEST_P(ContextTest, KeepsTheMetadataOfACallThatWasCancelledMeanwhile) {
  on_add_ = [&](const auto& request, auto*, CallContext& context) {
    gate_.Pass();
    while (!context.cancelled()) std::this_thread::yield();
    EXPECT_THAT(context.metadata("tenant"), Optional(std::string("blue")));
    EXPECT_EQ(context.key()->ToString(), "\"a\"");
    EXPECT_EQ(request.name(), "a");
    return absl::OkStatus();
  };
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a"), {.metadata = {{"tenant", "blue"}}});
  gate_.AwaitArrivals(1);
  add.Cancel();
  // The answer has left, with all that gRPC had of the call.
  AwaitAnswered(1);
  gate_.Open();
  AwaitHeld(0);
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(ContextTest, AddsTrailersToAResponseAndToAnError) {
  const std::string bytes("\0\xff\n\x01", 4);
  on_add_ = [&](const auto& request, auto*, CallContext& context) {
    EXPECT_TRUE(context.AddTrailingMetadata("cost.units_1", "12 of 34").ok());
    EXPECT_TRUE(context.AddTrailingMetadata("trace-bin", bytes).ok());
    return request.by() > 0 ? absl::OkStatus()
                            : absl::NotFoundError("there is none");
  };
  Start({.workers = 1});
  for (const int by : {1, 0}) {
    OpenCall add(channel(), kAdd, AddOf("a", by));
    EXPECT_EQ(add.Await().ok(), by > 0);
    EXPECT_EQ(add.trailer("cost.units_1"), "12 of 34");
    EXPECT_EQ(add.trailer("trace-bin"), bytes);
  }
}

TEST_P(ContextTest, TakesNoTrailerThatGrpcOrPinionCouldNotSend) {
  Look("a", {}, [](CallContext& context) {
    for (const char* name :
         {"", "Upper", "a b", ":status", "\xc3\xa4", "grpc-status", "te",
          "pinion-executed", "content-type"}) {
      EXPECT_EQ(context.AddTrailingMetadata(name, "x").code(),
                absl::StatusCode::kInvalidArgument)
          << name;
    }
    for (const char* value : {"\n", "\x7f", "\xc3\xa4"}) {
      EXPECT_EQ(context.AddTrailingMetadata("a", value).code(),
                absl::StatusCode::kInvalidArgument);
    }
    const std::string large(4096 - 32 - 5, '\0');
    EXPECT_EQ(context.AddTrailingMetadata("a-bin", large + "x").code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(context.AddTrailingMetadata("a-bin", large).ok());
    EXPECT_EQ(context.AddTrailingMetadata("b", "").code(),
              absl::StatusCode::kResourceExhausted);
  });
}

TEST_P(ContextTest, SendsTheDetailsOfAHandlersErrorBesideTheFailure) {
  constexpr char kUrl[] = "type.googleapis.com/shop.v1.AddRequest";
  on_add_ = [&](const auto& request, auto*, CallContext&) {
    absl::Status error = absl::AbortedError("not now");
    error.SetPayload(kUrl, absl::Cord(AddOf("other", request.by())));
    // As of an error of another Pinion's, which was passed on.
    v1::Failure passed_on;
    passed_on.set_reason(v1::REASON_LANE_FULL);
    error.SetPayload("type.googleapis.com/pinion.v1.Failure",
                     absl::Cord(passed_on.SerializeAsString()));
    if (request.by() < 0) {
      error.SetPayload("x.org/large", absl::Cord(std::string(6000, 'x')));
    }
    return error;
  };
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a", 7));
  EXPECT_EQ(add.Await().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(add.failure().reason(), v1::REASON_HANDLER);
  EXPECT_EQ(add.failure().executed(), v1::EXECUTED_YES);
  std::string detail;
  AppendStatusDetail(kUrl, AddOf("other", 7), &detail);
  EXPECT_THAT(add.details(), ::testing::HasSubstr(detail));
  // What no client would take is left out, and the error still comes.
  OpenCall large(channel(), kAdd, AddOf("a", -1));
  EXPECT_EQ(large.Await().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(large.failure().reason(), v1::REASON_HANDLER);
  EXPECT_LT(large.details().size(), 500u);
}

TEST_P(ContextTest, KnowsTheKeyAndTheWorker) {
  const auto look = [](const auto& request, auto* response,
                       CallContext& context) {
    EXPECT_EQ(context.key()->bytes(), request.name());
    EXPECT_FALSE(context.in_session());
    EXPECT_FALSE(context.cancelled());
    response->set_value(context.worker());
    return absl::OkStatus();
  };
  on_add_ = look;
  Start({.workers = 2});
  bool seen[2] = {};
  for (int i = 0; i < 20; ++i) {
    OpenCall add(channel(), kAdd, AddOf(absl::StrCat(i)));
    ASSERT_TRUE(add.Await().ok());
    shop::v1::AddResponse response;
    ASSERT_TRUE(response.ParseFromString(add.response()));
    ASSERT_THAT(response.value(), ::testing::AnyOf(0, 1));
    seen[response.value()] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1]);
}

}  // namespace
}  // namespace pinion
