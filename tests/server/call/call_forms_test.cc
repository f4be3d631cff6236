// SPDX-License-Identifier: Apache-2.0
//
// Handlers that are given Calls, one or a batch, and shards that end batches;
// unary calls in-process and over TCP, and within a session.
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
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/call.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OrderAsGrpcDoes;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TransportName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using ThingCall = Call<Thing, Thing>;

constexpr char kGood[] = "pinion.test.GoodService";
constexpr char kKeyed[] = "/pinion.test.GoodService/Keyed";
constexpr char kKeyless[] = "/pinion.test.GoodService/Keyless";

std::string Named(absl::string_view name) {
  Thing thing;
  thing.set_name(std::string(name));
  return thing.SerializeAsString();
}

std::string NameIn(const OpenCall& call) {
  Thing thing;
  EXPECT_TRUE(thing.ParseFromString(call.response()));
  return thing.name();
}

void Echo(ThingCall& call) {
  call.response()->set_name(call.request().name());
  call.Finish();
}

// What the test says, in each form.
struct Deeds {
  std::function<void(ThingCall)> later;
  std::function<void(absl::Span<ThingCall>)> batch;
  std::function<absl::Status(const Thing&, Thing*)> one;
  std::function<absl::Status()> end_batch;
};

// Runs a deed, between what gRPC orders before and after it.
template <typename Deed, typename... Arguments>
auto Run(const Deed& deed, Arguments&&... arguments) {
  OrderAsGrpcDoes();
  const absl::Cleanup after = [] { OrderAsGrpcDoes(); };
  return deed(std::forward<Arguments>(arguments)...);
}

class LaterShard {
 public:
  explicit LaterShard(const Deeds& deeds) : deeds_(deeds) {}
  void Do(ThingCall call) { Run(deeds_.later, std::move(call)); }

 private:
  const Deeds& deeds_;
};

class BatchShard {
 public:
  explicit BatchShard(const Deeds& deeds) : deeds_(deeds) {}
  void Do(absl::Span<ThingCall> calls) { Run(deeds_.batch, calls); }
  absl::Status One(const Thing& request, Thing* response) const {
    return Run(deeds_.one, request, response);
  }

 protected:
  const Deeds& deeds_;
};

class EndingShard : public BatchShard {
 public:
  using BatchShard::BatchShard;
  absl::Status EndBatch() { return Run(deeds_.end_batch); }
};

class CallFormsTest : public LaneTest {
 protected:
  template <typename Shard>
  auto Make() {
    return [this] { return std::make_unique<Shard>(deeds_); };
  }

  void StartLater(HostingOptions options = {.workers = 1}) {
    host_ = [this](Server& server) {
      server.Host<LaterShard>(kGood, Make<LaterShard>())
          .On("Keyed", &LaterShard::Do);
    };
    Start(std::move(options));
  }
  // As many as there are, however slow the machine is.
  static constexpr BatchBudget kWholeBatches = {.time = std::chrono::hours(1)};

  void StartBatch(BatchBudget budget = kWholeBatches) {
    host_ = [this, budget](Server& server) {
      server.Host<BatchShard>(kGood, Make<BatchShard>())
          .On("Keyed", &BatchShard::Do)
          .On("Keyless", &BatchShard::One)
          .Batch(budget);
    };
    Start({.workers = 1});
  }
  void StartEnding() {
    host_ = [this](Server& server) {
      server.Host<EndingShard>(kGood, Make<EndingShard>())
          .On("Keyed", &EndingShard::Do)
          .On("Keyless", &EndingShard::One)
          .Batch(kWholeBatches);
    };
    Start({.workers = 1});
  }
  void HostMore(Server& server) override { host_(server); }

  LaneSnapshot GoodLane() {
    for (LaneSnapshot& lane : server().Snapshot().lanes) {
      if (lane.service == kGood) return std::move(lane);
    }
    ADD_FAILURE() << "there is no lane of " << kGood;
    return {};
  }
  void AwaitListed(int64_t calls) {
    while (GoodLane().listed_calls < calls) std::this_thread::yield();
  }
  void AwaitHeldCalls(int64_t calls) {
    while (GoodLane().held_calls != calls) std::this_thread::yield();
  }

  // Sends so many calls, named 0, 1, ..., that the worker finds all at once.
  std::vector<std::unique_ptr<OpenCall>> SendAtOnce(int calls) {
    HeldWorker held(channel());
    std::vector<std::unique_ptr<OpenCall>> sent;
    for (int i = 0; i < calls; ++i) {
      sent.push_back(std::make_unique<OpenCall>(channel(), kKeyed,
                                                Named(absl::StrCat(i))));
      AwaitListed(i + 1);
    }
    return sent;
  }

  // Has a call expire that a handler has begun, and then expects its answer.
  // Within a session, where no timer of the client's may be the first. On a
  // busy machine one may expire before; then another has more time.
  static void ExpectExpiryOfABegunCall(SessionClient& session) {
    v1::SessionAnswer answer;
    for (uint64_t timeout_us = 20'000;
         answer.failure().executed() != v1::EXECUTED_MAYBE; timeout_us *= 2) {
      v1::OpenRequest request;
      v1::SessionCall* call = request.add_calls();
      call->set_id(1);
      call->set_method(kKeyed);
      call->set_payload(Named("a"));
      call->set_timeout_us(timeout_us);
      session.Send(request);
      answer = session.Await(1);
      ASSERT_EQ(answer.failure().reason(), v1::REASON_EXPIRED);
    }
  }

  Deeds deeds_;

 private:
  std::function<void(Server&)> host_;
};

INSTANTIATE_TEST_SUITE_P(, CallFormsTest, ::testing::Bool(), TransportName);

TEST_P(CallFormsTest, ACallIsAnsweredLaterFromAnotherThread) {
  std::optional<ThingCall> kept;
  Gate is_kept;
  deeds_.later = [&](ThingCall call) {
    if (call.request().name() == "now") return Echo(call);
    kept.emplace(std::move(call));
    is_kept.Open();
  };
  StartLater();
  OpenCall later(channel(), kKeyed, Named("later"));
  is_kept.Pass();
  // Its worker is free meanwhile.
  OpenCall now(channel(), kKeyed, Named("now"));
  EXPECT_TRUE(now.Await().ok()) << now.Await();
  EXPECT_EQ(GoodLane().counts.running, 1u);
  EXPECT_EQ(GoodLane().held_calls, 1);
  EXPECT_EQ(kept->context().key()->bytes(), "later");
  EXPECT_EQ(kept->context().worker(), 0);
  EXPECT_TRUE(kept->context().AddTrailingMetadata("took", "long").ok());
  Echo(*kept);
  EXPECT_TRUE(kept->finished());
  EXPECT_TRUE(later.Await().ok()) << later.Await();
  EXPECT_EQ(NameIn(later), "later");
  EXPECT_EQ(later.trailer("took"), "long");
  AwaitHeldCalls(0);
}

TEST_P(CallFormsTest, ACallOfASessionIsAnsweredLaterToo) {
  std::vector<ThingCall> kept;
  Gate all_kept;
  deeds_.later = [&](ThingCall call) {
    kept.push_back(std::move(call));
    if (kept.size() == 3) all_kept.Open();
  };
  StartLater();
  SessionClient session(channel());
  v1::OpenRequest request;
  for (int id = 1; id <= 3; ++id) {
    v1::SessionCall* call = request.add_calls();
    call->set_id(id);
    call->set_method(kKeyed);
    call->set_payload(Named(absl::StrCat(id)));
  }
  session.Send(request);
  all_kept.Pass();
  EXPECT_TRUE(kept[0].context().in_session());
  kept[2].Finish(absl::NotFoundError("none of that name"));
  EXPECT_EQ(session.Await(3).message(), "none of that name");
  Echo(kept[1]);
  EXPECT_EQ(session.Await(2).code(), 0);
  kept.clear();
  const v1::SessionAnswer dropped = session.Await(1);
  EXPECT_EQ(dropped.code(), static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_EQ(dropped.failure().executed(), v1::EXECUTED_YES);
}

TEST_P(CallFormsTest, ACallThatIsDroppedIsAnsweredSo) {
  deeds_.later = [](ThingCall) {};
  StartLater();
  OpenCall call(channel(), kKeyed, Named("a"));
  EXPECT_EQ(call.Await(), absl::InternalError("the handler dropped the call"));
  EXPECT_EQ(call.failure().executed(), v1::EXECUTED_YES);
  EXPECT_EQ(call.failure().reason(), v1::REASON_HANDLER);
  EXPECT_EQ(call.failure().worker(), 0u);
}

TEST_P(CallFormsTest, ACallMayBeFinishedElsewhereBeforeItsHandlerReturns) {
  deeds_.later = [](ThingCall call) {
    std::thread([call = std::move(call)]() mutable { Echo(call); }).join();
  };
  StartLater();
  OpenCall call(channel(), kKeyed, Named("a"));
  EXPECT_TRUE(call.Await().ok()) << call.Await();
  EXPECT_EQ(NameIn(call), "a");
}

TEST_P(CallFormsTest, AHeldCallExpiresAndKeepsItsPlaceUntilItIsFinished) {
  std::optional<ThingCall> kept;
  Gate is_kept;
  deeds_.later = [&](ThingCall call) {
    kept.emplace(std::move(call));
    is_kept.Open();
  };
  StartLater();
  SessionClient session(channel());
  ExpectExpiryOfABegunCall(session);
  is_kept.Pass();
  EXPECT_EQ(GoodLane().counts.abandoned, 1u);
  EXPECT_TRUE(kept->context().cancelled());
  EXPECT_EQ(GoodLane().held_calls, 1);
  Echo(*kept);  // Nothing comes of it.
  EXPECT_EQ(GoodLane().held_calls, 0);
  EXPECT_EQ(GoodLane().counts.abandoned, 0u);
  EXPECT_EQ(GoodLane().counts.expired_running, 1u);
  EXPECT_EQ(GoodLane().counts.ok, 0u);
}

TEST_P(CallFormsTest, AStopWaitsForAHeldCallAsForAHandler) {
  std::optional<ThingCall> kept;
  Gate is_kept;
  deeds_.later = [&](ThingCall call) {
    if (call.request().name() == "now") return Echo(call);
    kept.emplace(std::move(call));
    is_kept.Open();
  };
  StartLater({.workers = 1, .grace = absl::Hours(1)});
  OpenCall call(channel(), kKeyed, Named("a"));
  is_kept.Pass();
  std::thread stop([this] { test().Stop(); });
  while (OpenCall(channel(), kKeyed, Named("now")).Await().ok()) {
  }
  Echo(*kept);
  stop.join();
  EXPECT_TRUE(call.Await().ok()) << call.Await();
}

TEST_P(CallFormsTest, ACallMayOutliveItsServer) {
  std::vector<ThingCall> kept;
  Gate all_kept;
  deeds_.later = [&](ThingCall call) {
    kept.push_back(std::move(call));
    if (kept.size() == 3) all_kept.Open();
  };
  StartLater({.workers = 1, .grace = absl::ZeroDuration()});
  OpenCall unary(channel(), kKeyed, Named("a"));
  {
    SessionClient session(channel());
    v1::OpenRequest request;
    for (int id = 1; id <= 2; ++id) {
      v1::SessionCall* call = request.add_calls();
      call->set_id(id);
      call->set_method(kKeyed);
      call->set_payload(Named("a"));
    }
    session.Send(request);
    all_kept.Pass();
    DestroyServer();
    EXPECT_EQ(session.Await(1).failure().reason(), v1::REASON_STOPPING);
  }
  EXPECT_EQ(unary.Await().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(kept[0].context().cancelled());
  EXPECT_EQ(kept[0].context().key()->bytes(), "a");
  EXPECT_EQ(kept[1].request().name(), "a");
  Echo(kept[0]);
  Echo(kept[1]);
  kept.clear();
}

TEST_P(CallFormsTest, ACallMayBeFinishedWhileItsServerGoes) {
  std::optional<ThingCall> kept;
  Gate is_kept;
  deeds_.later = [&](ThingCall call) {
    kept.emplace(std::move(call));
    is_kept.Open();
  };
  StartLater({.workers = 1, .grace = absl::ZeroDuration()});
  OpenCall call(channel(), kKeyed, Named("a"));
  is_kept.Pass();
  std::thread finisher([&] {
    // About when the server lets go of what is left.
    while (!kept->context().cancelled()) std::this_thread::yield();
    std::this_thread::yield();
    Echo(*kept);
  });
  DestroyServer();
  finisher.join();
  EXPECT_EQ(call.Await().code(), absl::StatusCode::kUnavailable);
}

TEST_P(CallFormsTest, ABatchIsAnsweredOneByOneEachToItsOwnCaller) {
  std::vector<int> sizes;
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    sizes.push_back(static_cast<int>(calls.size()));
    for (ThingCall& call : calls) {
      if (call.request().name() == "3") {
        call.Finish(absl::AbortedError("not 3"));
      } else {
        Echo(call);
      }
    }
  };
  StartBatch();
  const auto sent = SendAtOnce(5);
  for (int i = 0; i < 5; ++i) {
    if (i == 3) {
      EXPECT_EQ(sent[i]->Await(), absl::AbortedError("not 3"));
    } else {
      EXPECT_TRUE(sent[i]->Await().ok()) << sent[i]->Await();
      EXPECT_EQ(NameIn(*sent[i]), absl::StrCat(i));
    }
  }
  EXPECT_THAT(sizes, ElementsAre(5));
}

TEST_P(CallFormsTest, ABatchHasNoMoreCallsThanItsBudget) {
  std::vector<int> sizes;
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    sizes.push_back(static_cast<int>(calls.size()));
    for (ThingCall& call : calls) Echo(call);
  };
  StartBatch({.calls = 2, .time = kWholeBatches.time});
  for (const auto& call : SendAtOnce(5)) EXPECT_TRUE(call->Await().ok());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
}

TEST_P(CallFormsTest, ABatchHasOnlyWhatCanRunAndIsOfOneMethod) {
  std::vector<std::string> ran;
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    ran.push_back("batch");
    for (ThingCall& call : calls) {
      ran.push_back(call.request().name());
      Echo(call);
    }
  };
  deeds_.one = [&](const Thing&, Thing*) {
    ran.push_back("one");
    return absl::OkStatus();
  };
  StartBatch();
  std::vector<std::unique_ptr<OpenCall>> sent;
  {
    HeldWorker held(channel());
    const auto send = [&](const char* method, const std::string& bytes) {
      sent.push_back(std::make_unique<OpenCall>(channel(), method, bytes));
      AwaitListed(static_cast<int64_t>(sent.size()));
    };
    send(kKeyed, Named("a"));
    send(kKeyed, Named("b"));
    // With a tag that is not UTF-8, which does not keep the key from being
    // read.
    send(kKeyed, Named("c") + "\x1a\x01\xff");
    send(kKeyed, Named("d"));
    send(kKeyless, Named("e"));
    send(kKeyed, Named("f"));
    sent[1]->Cancel();
    EXPECT_EQ(sent[1]->Await().code(), absl::StatusCode::kCancelled);
    while (GoodLane().counts.cancelled != 1) std::this_thread::yield();
  }
  for (const int i : {0, 3, 4, 5}) {
    EXPECT_TRUE(sent[i]->Await().ok()) << i << ": " << sent[i]->Await();
  }
  EXPECT_EQ(sent[2]->Await().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sent[2]->failure().executed(), v1::EXECUTED_NO);
  EXPECT_THAT(ran, ElementsAre("batch", "a", "d", "one", "batch", "f"));
}

TEST_P(CallFormsTest, WhatABatchLeavesIsDroppedAndWhatItMovesOutIsNot) {
  std::optional<ThingCall> kept;
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    Echo(calls[0]);
    kept.emplace(std::move(calls[1]));
  };
  StartBatch();
  const auto sent = SendAtOnce(3);
  EXPECT_TRUE(sent[0]->Await().ok()) << sent[0]->Await();
  EXPECT_THAT(sent[2]->Await().message(), HasSubstr("dropped"));
  Echo(*kept);
  EXPECT_TRUE(sent[1]->Await().ok()) << sent[1]->Await();
}

TEST_P(CallFormsTest, AnswersWaitForTheEndOfTheirBatchWhateverTheirMethod) {
  Gate end;
  std::atomic<int> ends{0};
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) Echo(call);
  };
  deeds_.one = [&](const Thing&, Thing*) { return absl::OkStatus(); };
  deeds_.end_batch = [&] {
    ++ends;
    end.Pass();
    return absl::OkStatus();
  };
  StartEnding();
  std::optional<HeldWorker> held(std::in_place, channel());
  OpenCall first(channel(), kKeyed, Named("a"));
  AwaitListed(1);
  OpenCall second(channel(), kKeyless, Named("b"));
  AwaitListed(2);
  held.reset();
  end.AwaitArrivals(1);
  EXPECT_EQ(GoodLane().counts.running, 2u);
  EXPECT_EQ(GoodLane().counts.answered(), 0u);
  end.Open();
  EXPECT_TRUE(first.Await().ok()) << first.Await();
  EXPECT_TRUE(second.Await().ok()) << second.Await();
  EXPECT_EQ(ends, 1);
}

TEST_P(CallFormsTest, AnswersThatWaitedLeaveInTheirOrder) {
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) Echo(call);
  };
  deeds_.one = [&](const Thing&, Thing*) { return absl::OkStatus(); };
  deeds_.end_batch = [] { return absl::OkStatus(); };
  StartEnding();
  SessionClient session(channel());
  v1::OpenRequest request;
  for (int id = 1; id <= 6; ++id) {
    v1::SessionCall* call = request.add_calls();
    call->set_id(id);
    call->set_method(id % 2 == 0 ? kKeyed : kKeyless);
    call->set_payload(Named("a"));
  }
  session.Send(request);
  for (int id = 1; id <= 6; ++id) EXPECT_EQ(session.Await(id).code(), 0);
  EXPECT_THAT(session.ids_come(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_P(CallFormsTest, AnErrorOfTheEndOfABatchAnswersAllOfIt) {
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) Echo(call);
  };
  deeds_.end_batch = [] { return absl::DataLossError("cannot write the log"); };
  StartEnding();
  for (const auto& call : SendAtOnce(3)) {
    EXPECT_EQ(call->Await(), absl::DataLossError("cannot write the log"));
    EXPECT_EQ(call->failure().executed(), v1::EXECUTED_YES);
  }
  EXPECT_EQ(GoodLane().counts.error, 3u);
}

TEST_P(CallFormsTest, ACallCanExpireWhileItsAnswerWaitsForTheEndOfItsBatch) {
  Gate end;
  deeds_.batch = [&](absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) Echo(call);
  };
  deeds_.end_batch = [&] {
    end.Pass();
    return absl::OkStatus();
  };
  StartEnding();
  SessionClient session(channel());
  ExpectExpiryOfABegunCall(session);
  end.Open();
  AwaitHeldCalls(0);
  EXPECT_EQ(GoodLane().counts.expired_running, 1u);
  EXPECT_EQ(GoodLane().counts.ok, 0u);
}

#ifdef ABSL_HAVE_EXCEPTIONS

TEST_P(CallFormsTest, AnExceptionAnswersItsOneCallAndTheLaneGoesOn) {
  deeds_.one = [](const Thing& request, Thing*) -> absl::Status {
    if (request.name() == "bad") throw std::runtime_error("out of cheese");
    if (request.name() == "odd") throw 42;
    return absl::OkStatus();
  };
  StartBatch();
  OpenCall bad(channel(), kKeyless, Named("bad"));
  EXPECT_EQ(bad.Await(), absl::InternalError(
                             "the handler threw an exception: out of cheese"));
  EXPECT_EQ(bad.failure().reason(), v1::REASON_HANDLER);
  OpenCall odd(channel(), kKeyless, Named("odd"));
  EXPECT_EQ(odd.Await().code(), absl::StatusCode::kInternal);
  OpenCall good(channel(), kKeyless, Named("good"));
  EXPECT_TRUE(good.Await().ok()) << good.Await();
}

TEST_P(CallFormsTest, AnExceptionOfABatchAnswersWhatItHasNotFinished) {
  deeds_.batch = [](absl::Span<ThingCall> calls) {
    Echo(calls[0]);
    throw std::runtime_error("out of cheese");
  };
  StartBatch();
  const auto sent = SendAtOnce(3);
  EXPECT_TRUE(sent[0]->Await().ok()) << sent[0]->Await();
  for (const int i : {1, 2}) {
    EXPECT_THAT(sent[i]->Await().message(), HasSubstr("out of cheese"));
  }
}

TEST_P(CallFormsTest, AnExceptionOfAHandlerThatHoldsItsCallAnswersThat) {
  deeds_.later = [](ThingCall) { throw std::runtime_error("out of cheese"); };
  StartLater();
  OpenCall call(channel(), kKeyed, Named("a"));
  EXPECT_THAT(call.Await().message(), HasSubstr("out of cheese"));
}

TEST_P(CallFormsTest, AnExceptionOfTheEndOfABatchAnswersAllOfIt) {
  deeds_.batch = [](absl::Span<ThingCall> calls) {
    for (ThingCall& call : calls) Echo(call);
  };
  deeds_.end_batch = []() -> absl::Status {
    throw std::runtime_error("out of cheese");
  };
  StartEnding();
  for (const auto& call : SendAtOnce(2)) {
    EXPECT_EQ(
        call->Await(),
        absl::InternalError("EndBatch() threw an exception: out of cheese"));
  }
}

#endif  // ABSL_HAVE_EXCEPTIONS

TEST(CallDeathTest, StopsAtAUseAfterTheEnd) {
  ThingCall gone(nullptr);
  EXPECT_DEATH(gone.Finish(), "used after it was finished or moved away");
}

}  // namespace
}  // namespace pinion
