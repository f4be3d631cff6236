// SPDX-License-Identifier: Apache-2.0
//
// Who makes a call, as its handler sees it: plain calls, sessions and streams,
// with tokens that are good, bad, late, renewed and dropped.
#include "pinion/server/security/identity/callers.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/health_watch.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/reflection_client.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/token_maker.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::ClaimsOf;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HealthRequest;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::ListServices;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::ReflectionClient;
using ::pinion::testing::ServicesIn;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::StatusIn;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestClaims;
using ::pinion::testing::TokenMaker;
using ::pinion::testing::TransportName;
using ::pinion::testing::UnsignedToken;
using ::pinion::testing::WriteFile;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;
using Metadata = SessionClient::Metadata;

Metadata Bearer(const std::string& token) {
  return {{"authorization", "Bearer " + token}};
}

v1::SessionCall WithToken(v1::SessionCall call, const std::string& token) {
  v1::Metadata* const entry = call.add_metadata();
  entry->set_name("authorization");
  entry->set_value("Bearer " + token);
  return call;
}

void ExpectUnauthenticated(const v1::SessionAnswer& answer) {
  ExpectFailed(answer, absl::StatusCode::kUnauthenticated,
               v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
}

class CallersTest : public SessionTest {
 protected:
  CallersTest() {
    on_add_ = [this](const auto& request, auto* response,
                     CallContext& context) {
      const std::lock_guard lock(mutex_);
      callers_.push_back(context.principals());
      names_.push_back(request.name());
      response->set_value(request.by());
      return absl::OkStatus();
    };
    WriteFile(path_, KeySetOf({&issuer_}));
  }

  ~CallersTest() override {
    judge_gate_.Open();
    DestroyServer();
  }

  void HostMore(Server& server) override { kv::HostKv(server); }

  HostingOptions WithTokens() const {
    HostingOptions options;
    options.workers = 1;
    options.token_keys = path_;
    options.token_issuer = testing::kIssuer;
    options.token_audience = testing::kAudience;
    return options;
  }
  std::string TokenOf(const std::string& subject,
                      absl::Duration lasts = absl::Hours(1)) const {
    return issuer_.Sign(
        ClaimsOf({.subject = subject, .expires = absl::Now() + lasts}));
  }

  // Whose calls have run since the last look, in their order.
  std::vector<Names> TakeCallers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(callers_, {});
  }
  Names TakeNames() {
    const std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }

  // A plain call that runs.
  void CallWith(const Metadata& metadata) {
    OpenCall call(channel(), kAdd, AddOf("a"), {.metadata = metadata});
    EXPECT_TRUE(call.Await().ok()) << call.Await();
  }
  // A plain call that is refused, and why.
  std::string RefusalWith(const Metadata& metadata) {
    OpenCall call(channel(), kAdd, AddOf("a"), {.metadata = metadata});
    ExpectFailure(call, absl::StatusCode::kUnauthenticated,
                  v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
    return std::string(call.Await().message());
  }

  TokenJudge& judge() {
    return *internal::ServerForTest::runtime(server()).token_judge();
  }
  // Keeps all threads of the judge until ReleaseJudge().
  void HoldJudge() {
    for (int i = 0; i < TokenJudge::kThreads; ++i) {
      EXPECT_EQ(judge().Check(TokenOf(absl::StrCat("holder", i)), "",
                              [&](SharedVerdict) { judge_gate_.Pass(); }),
                nullptr);
    }
    judge_gate_.AwaitArrivals(TokenJudge::kThreads);
  }
  void ReleaseJudge() { judge_gate_.Open(); }

  const std::string path_ = ::testing::TempDir() + "/callers_keys.json";
  const TokenMaker issuer_ = TokenMaker::Ec("k1");
  const std::string alice_ = "jwt:https://issuer.example#alice";
  const std::string bob_ = "jwt:https://issuer.example#bob";

 private:
  Gate judge_gate_;
  std::mutex mutex_;
  std::vector<Names> callers_;
  Names names_;
};

INSTANTIATE_TEST_SUITE_P(, CallersTest, ::testing::Bool(), TransportName);

TEST_P(CallersTest, ATokenProvesWhoMakesAPlainCall) {
  Start(WithTokens());
  CallWith(Bearer(TokenOf("alice")));
  CallWith({});
  EXPECT_THAT(TakeCallers(), ElementsAre(ElementsAre(alice_), IsEmpty()));
}

TEST_P(CallersTest, ABadTokenRefusesAPlainCallAndIsNotLikeNone) {
  Start(WithTokens());
  const std::string claims = ClaimsOf({.subject = "alice"});
  EXPECT_THAT(
      RefusalWith(Bearer(UnsignedToken(R"({"alg":"none"})", claims, "AA"))),
      HasSubstr("does not take"));
  EXPECT_THAT(RefusalWith(Bearer(TokenMaker::Ec("k1").Sign(claims))),
              HasSubstr("not that of its key"));
  EXPECT_THAT(RefusalWith(Bearer(TokenOf("alice", -absl::Hours(1)))),
              HasSubstr("has expired"));
  EXPECT_THAT(RefusalWith({{"authorization", "Basic YTpi"}}),
              HasSubstr("not \"Bearer\""));
  Metadata twice = Bearer(TokenOf("alice"));
  twice.push_back(twice.front());
  EXPECT_THAT(RefusalWith(twice), HasSubstr("not \"Bearer\""));
  EXPECT_THAT(TakeCallers(), IsEmpty());
}

TEST_P(CallersTest, ATokenIsTheHandlersBusinessWhereTheServerJudgesNone) {
  Start({.workers = 1});
  CallWith({{"authorization", "Basic YTpi"}});
  EXPECT_THAT(TakeCallers(), ElementsAre(IsEmpty()));
}

// The confused deputy: whoever is not listed, and not even proven, tells who it
// is.
TEST_P(CallersTest, MetadataOfAStrangerProvesNothing) {
  HostingOptions options = WithTokens();
  options.forwarded_identity_from = "x509:spiffe://mesh/gateway";
  Start(options);
  CallWith({{"x-forwarded-client-cert", "URI=spiffe://mesh/gateway"},
            {"pinion-principal", "x509:spiffe://mesh/admin"}});
  SessionClient session(
      channel(), SessionClient::Takes::kAll,
      {{"x-forwarded-client-cert", "URI=spiffe://mesh/gateway"}});
  v1::SessionCall call = Add(1);
  v1::Metadata* const entry = call.add_metadata();
  entry->set_name("x-forwarded-client-cert");
  entry->set_value("URI=spiffe://mesh/admin");
  session.Send(Message({call}));
  ExpectAdded(session.Await(1));
  EXPECT_THAT(TakeCallers(), ElementsAre(IsEmpty(), IsEmpty()));
}

TEST_P(CallersTest, ASessionsTokenIsThatOfItsCallsAndACallsOwnReplacesIt) {
  Start(WithTokens());
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("alice")));
  session.Send(Message({Add(1), WithToken(Add(2), TokenOf("bob")), Add(3)}));
  for (const uint64_t id : {1, 2, 3}) ExpectAdded(session.Await(id));
  EXPECT_THAT(TakeCallers(), ElementsAre(ElementsAre(alice_), ElementsAre(bob_),
                                         ElementsAre(alice_)));
}

TEST_P(CallersTest, ACallsBadTokenRefusesItAndNeverFallsBack) {
  Start(WithTokens());
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("alice")));
  const std::string forged =
      TokenMaker::Ec("k1").Sign(ClaimsOf({.subject = "bob"}));
  v1::SessionCall twice = WithToken(Add(5), TokenOf("bob"));
  session.Send(
      Message({WithToken(Add(1), forged), WithToken(Add(2), "x"), Add(3),
               WithToken(Add(4), TokenOf("bob", -absl::Hours(2))),
               WithToken(twice, TokenOf("bob"))}));
  for (const uint64_t id : {1, 2, 4, 5}) {
    ExpectUnauthenticated(session.Await(id));
  }
  ExpectAdded(session.Await(3));
  EXPECT_THAT(TakeCallers(), ElementsAre(ElementsAre(alice_)));
}

TEST_P(CallersTest, ARefusedCallsTokenIsNotThatOfTheNextCall) {
  Start(WithTokens());
  SessionClient session(channel());
  v1::SessionCall refused = WithToken(Add(1), TokenOf("bob"));
  refused.set_priority(static_cast<v1::Priority>(99));
  session.Send(
      Message({refused, Add(2), WithToken(Add(3), TokenOf("bob")), Add(4)}));
  testing::ExpectBadRequest(session.Await(1));
  for (const uint64_t id : {2, 3, 4}) ExpectAdded(session.Await(id));
  EXPECT_THAT(TakeCallers(),
              ElementsAre(IsEmpty(), ElementsAre(bob_), IsEmpty()));
}

TEST_P(CallersTest, ASessionOfABadTokenEnds) {
  Start(WithTokens());
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenMaker::Ec("k1").Sign(ClaimsOf({}))));
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnauthenticated);
}

TEST_P(CallersTest, ANewTokenTakesThePlaceOfTheOldOne) {
  StartManual(WithTokens());
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("alice", absl::Hours(1))));
  const auto call = [&](uint64_t id) {
    session.Send(Message({Add(id)}));
    manual().AwaitWaiting(1);
    manual().RunUntilIdle();
    ExpectAdded(session.Await(id));
  };
  call(1);
  manual().Advance(absl::Hours(2));
  session.Send(Message({Add(2)}));
  ExpectUnauthenticated(session.Await(2));
  // The session lives.
  v1::OpenRequest renewal;
  renewal.set_token(TokenOf("alice", absl::Hours(5)));
  session.Send(renewal);
  call(3);
  EXPECT_THAT(TakeCallers(),
              ElementsAre(ElementsAre(alice_), ElementsAre(alice_)));
}

TEST_P(CallersTest, ANewTokenOfAnotherSubjectOrABadOneCountsAsNone) {
  Start(WithTokens());
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("alice")));
  uint64_t id = 0;
  for (const std::string& token :
       {TokenOf("bob"), std::string("nonsense"),
        TokenMaker::Ec("k1").Sign(ClaimsOf({.subject = "alice"}))}) {
    v1::OpenRequest renewal = Message({Add(++id)});
    renewal.set_token(token);
    session.Send(renewal);
    ExpectUnauthenticated(session.Await(id));
    v1::OpenRequest good = Message({Add(++id)});
    good.set_token(TokenOf("alice"));
    session.Send(good);
    ExpectAdded(session.Await(id));
  }
}

TEST_P(CallersTest, WhatAKeyHasProvenEndsWithTheKey) {
  Start(WithTokens());
  const std::string token = TokenOf("alice");
  SessionClient session(channel(), SessionClient::Takes::kAll, Bearer(token));
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  CallWith(Bearer(token));
  const TokenMaker next = TokenMaker::Ec("k2");
  WriteFile(path_, KeySetOf({&next}));
  ASSERT_TRUE(judge().Look(/*always=*/true).ok());
  session.Send(Message({Add(2)}));
  ExpectUnauthenticated(session.Await(2));
  EXPECT_THAT(RefusalWith(Bearer(token)), HasSubstr("does not have"));
  CallWith(Bearer(next.Sign(ClaimsOf({}))));
}

TEST_P(CallersTest, WhileATokenIsCheckedOthersAreServed) {
  Start(WithTokens());
  const std::string known = TokenOf("alice");
  CallWith(Bearer(known));
  HoldJudge();
  OpenCall unary(channel(), kAdd, AddOf("unary"),
                 {.metadata = Bearer(TokenOf("bob"))});
  SessionClient opening(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("carol")));
  opening.Send(Message({Add(1, "opening")}));
  SessionClient session(channel());
  session.Send(
      Message({Add(1, "before"), WithToken(Add(2, "own"), TokenOf("dave")),
               Add(3, "behind")}));
  ExpectAdded(session.Await(1));
  CallWith(Bearer(known));
  EXPECT_THAT(TakeNames(), ElementsAre("a", "before", "a"));
  ReleaseJudge();
  EXPECT_TRUE(unary.Await().ok()) << unary.Await();
  ExpectAdded(opening.Await(1));
  ExpectAdded(session.Await(2));
  ExpectAdded(session.Await(3));
}

TEST_P(CallersTest, CallsOfASessionKeepTheirOrderWhileATokenIsChecked) {
  Start(WithTokens());
  HoldJudge();
  SessionClient session(channel());
  session.Send(
      Message({WithToken(Add(1, "first"), TokenOf("bob")), Add(2, "first")}));
  session.Send(Message({Add(3, "first")}));
  ReleaseJudge();
  for (const uint64_t id : {1, 2, 3}) ExpectAdded(session.Await(id));
  EXPECT_THAT(TakeCallers(),
              ElementsAre(ElementsAre(bob_), IsEmpty(), IsEmpty()));
}

TEST_P(CallersTest, DeadlinesHoldWhileATokenIsChecked) {
  Start(WithTokens());
  HoldJudge();
  OpenCall unary(
      channel(), kAdd, AddOf("a"),
      {.timeout = absl::Milliseconds(20), .metadata = Bearer(TokenOf("bob"))});
  EXPECT_EQ(unary.Await().code(), absl::StatusCode::kDeadlineExceeded);
  SessionClient session(channel());
  v1::SessionCall late = WithToken(Add(1), TokenOf("carol"));
  late.set_timeout_us(20'000);
  session.Send(Message({late, Add(2)}));
  testing::ExpectExpired(session.Await(1), v1::EXECUTED_NO);
  ExpectAdded(session.Await(2));
  EXPECT_THAT(TakeCallers(), ElementsAre(IsEmpty()));
  ReleaseJudge();
}

TEST_P(CallersTest, AServerStopsThoughTokensWaitForTheirCheck) {
  Start(WithTokens());
  HoldJudge();
  auto unary = std::make_unique<OpenCall>(
      channel(), kAdd, AddOf("a"),
      OpenCallOptions{.metadata = Bearer(TokenOf("bob"))});
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("carol")));
  session.Send(Message({Add(1)}));
  ReleaseJudge();
  test().Stop();
  unary->Await().IgnoreError();
  session.Break();
}

TEST_P(CallersTest, TheClientLibrarySendsItsTokenAndRenewsItInTheStream) {
  Start(WithTokens());
  std::mutex mutex;
  std::string token = TokenOf("alice");
  ClientOptions options;
  options.token_refresh = absl::Milliseconds(1);
  options.token_source = [&]() -> absl::StatusOr<std::string> {
    const std::lock_guard lock(mutex);
    return token;
  };
  for (const bool unary : {true, false}) {
    options.unary = unary;
    const auto client = Client::Connect(server().address(), options);
    const auto call = [&] {
      const RawReply reply = client->CallRaw(kAdd, AddOf("a"));
      EXPECT_TRUE(reply.response.ok()) << reply.response.status();
      EXPECT_THAT(TakeCallers(), ElementsAre(ElementsAre(alice_)));
    };
    call();
    const uint64_t checks = judge().checks();
    {
      const std::lock_guard lock(mutex);
      token = TokenOf("alice", absl::Hours(unary ? 2 : 3));
    }
    while (judge().checks() == checks) call();
    call();
  }
}

TEST_P(CallersTest, ABudgetOfChecksRefusesAndSaysWhenToAskAgain) {
  HostingOptions options = WithTokens();
  options.token_checks_per_second = 1;
  StartManual(options);
  OpenCall checked(channel(), kAdd, AddOf("a"),
                   {.metadata = Bearer(TokenOf("alice"))});
  manual().AwaitWaiting(1);
  OpenCall refused(channel(), kAdd, AddOf("a"),
                   {.metadata = Bearer(TokenOf("bob"))});
  ExpectFailure(refused, absl::StatusCode::kResourceExhausted,
                v1::REASON_SERVER_FULL, v1::EXECUTED_NO);
  EXPECT_GT(refused.failure().retry_after_us(), 0u);
  manual().Advance(absl::Seconds(1));
  OpenCall later(channel(), kAdd, AddOf("a"),
                 {.metadata = Bearer(TokenOf("bob"))});
  manual().AwaitWaiting(2);
  manual().RunUntilIdle();
  EXPECT_TRUE(checked.Await().ok()) << checked.Await();
  EXPECT_TRUE(later.Await().ok()) << later.Await();
}

TEST_P(CallersTest, ANewTokenThatCannotBeCheckedNowIsNeverIgnored) {
  HostingOptions options = WithTokens();
  options.token_checks_per_second = 1;
  StartManual(options);
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        Bearer(TokenOf("alice")));
  const auto call = [&](uint64_t id) {
    session.Send(Message({Add(id)}));
    manual().AwaitWaiting(1);
    manual().RunUntilIdle();
    ExpectAdded(session.Await(id));
  };
  call(1);  // The second's one check was the opening's.
  v1::OpenRequest forged = Message({Add(2)});
  forged.set_token(TokenOf("alice", absl::Hours(3)) + "AAAA");
  session.Send(forged);
  const v1::SessionAnswer unchecked = session.Await(2);
  ExpectFailed(unchecked, absl::StatusCode::kResourceExhausted,
               v1::REASON_SERVER_FULL, v1::EXECUTED_NO);
  EXPECT_GT(unchecked.failure().retry_after_us(), 0u);
  manual().Advance(absl::Seconds(1));
  session.Send(Message({Add(3)}));
  ExpectUnauthenticated(session.Await(3));
  // The same with a good one.
  v1::OpenRequest good = Message({Add(4)});
  good.set_token(TokenOf("alice", absl::Hours(4)));
  session.Send(good);
  ExpectFailed(session.Await(4), absl::StatusCode::kResourceExhausted,
               v1::REASON_SERVER_FULL, v1::EXECUTED_NO);
  manual().Advance(absl::Seconds(1));
  call(5);
}

TEST_P(CallersTest, AStreamEndsWithItsToken) {
  StartManual(WithTokens());
  kv::v1::WatchRequest request;
  request.set_key("k");
  StreamClient stream(channel(), "/pinion.kv.v1.KvService/Watch",
                      request.SerializeAsString(),
                      {.metadata = Bearer(TokenOf("alice", absl::Hours(1)))});
  manual().AwaitOpenStreams(1);
  manual().RunUntilIdle();
  EXPECT_TRUE(stream.Next().has_value());
  manual().Advance(absl::Minutes(59));
  manual().AwaitOpenStreams(1);
  manual().Advance(absl::Minutes(3));
  EXPECT_EQ(stream.AwaitEnd().code(), absl::StatusCode::kUnauthenticated);
  manual().RunUntilIdle();
}

TEST_P(CallersTest, AStreamEndsWithTheKeyOfItsToken) {
  Start(WithTokens());
  kv::v1::WatchRequest request;
  request.set_key("k");
  StreamClient stream(channel(), "/pinion.kv.v1.KvService/Watch",
                      request.SerializeAsString(),
                      {.metadata = Bearer(TokenOf("alice"))});
  StreamClient stays(channel(), "/pinion.kv.v1.KvService/Watch",
                     request.SerializeAsString());
  EXPECT_TRUE(stream.Next().has_value());
  EXPECT_TRUE(stays.Next().has_value());
  const TokenMaker next = TokenMaker::Ec("k2");
  WriteFile(path_, KeySetOf({&next}));
  ASSERT_TRUE(judge().Look(/*always=*/true).ok());
  EXPECT_EQ(stream.AwaitEnd().code(), absl::StatusCode::kUnauthenticated);
  stays.Cancel();
  EXPECT_EQ(stays.AwaitEnd().code(), absl::StatusCode::kCancelled);
}

TEST_P(CallersTest, TheServersOwnServicesWaitForTheVerdictToo) {
  Start(WithTokens());
  HoldJudge();
  const Metadata alice = Bearer(TokenOf("alice"));
  const std::string check = "/grpc.health.v1.Health/Check";
  OpenCall asks(channel(), check, HealthRequest(kCounter), {.metadata = alice});
  ReflectionClient lists(channel(), {.metadata = alice});
  StreamClient watches(channel(), "/grpc.health.v1.Health/Watch",
                       HealthRequest(kCounter), {.metadata = alice});
  OpenCall lost(channel(), "/a.B/C", "", {.metadata = alice});
  // Nobody else waits.
  OpenCall stranger(channel(), check, HealthRequest(kCounter));
  EXPECT_TRUE(stranger.Await().ok()) << stranger.Await();
  ReleaseJudge();
  EXPECT_TRUE(asks.Await().ok()) << asks.Await();
  EXPECT_EQ(lost.Await().code(), absl::StatusCode::kUnimplemented);
  const auto listed = lists.Ask(ListServices());
  ASSERT_TRUE(listed.has_value());
  EXPECT_THAT(ServicesIn(*listed), Contains(kCounter));
  const std::optional<std::string> status = watches.Next();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(StatusIn(*status), HealthStatus::kServing);
}

TEST_P(CallersTest, TheServersOwnServicesRefuseABadTokenToo) {
  Start(WithTokens());
  const Metadata bad = Bearer(TokenOf("alice") + "AAAA");
  for (const char* const path : {"/grpc.health.v1.Health/Check", "/a.B/C"}) {
    OpenCall call(channel(), path, HealthRequest(kCounter), {.metadata = bad});
    EXPECT_EQ(call.Await().code(), absl::StatusCode::kUnauthenticated) << path;
  }
  StreamClient watches(channel(), "/grpc.health.v1.Health/Watch",
                       HealthRequest(kCounter), {.metadata = bad});
  EXPECT_EQ(watches.AwaitEnd().code(), absl::StatusCode::kUnauthenticated);
  ReflectionClient lists(channel(), {.metadata = bad});
  EXPECT_EQ(lists.Ask(ListServices()), std::nullopt);
  EXPECT_EQ(lists.Finish().code(), absl::StatusCode::kUnauthenticated);
}

TEST_P(CallersTest, AWatchOfHealthEndsWithTheKeyOfItsToken) {
  Start(WithTokens());
  StreamClient watches(channel(), "/grpc.health.v1.Health/Watch",
                       HealthRequest(kCounter),
                       {.metadata = Bearer(TokenOf("alice"))});
  EXPECT_TRUE(watches.Next().has_value());
  const TokenMaker next = TokenMaker::Ec("k2");
  WriteFile(path_, KeySetOf({&next}));
  ASSERT_TRUE(judge().Look(/*always=*/true).ok());
  EXPECT_EQ(watches.AwaitEnd().code(), absl::StatusCode::kUnauthenticated);
}

}  // namespace
}  // namespace pinion
