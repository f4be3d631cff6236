// SPDX-License-Identifier: Apache-2.0
//
// A server with a policy over principals, which tokens prove: each call is
// judged by its own path and its own caller, whoever opened its session.
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/server/policy_options.h"
#include "pinion/server/tracing_options.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/token_maker.h"
#include "pinion/tests/support/trace_collector.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::ClaimsOf;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TokenMaker;
using ::pinion::testing::TransportName;
using ::pinion::testing::WriteFile;

class PolicedPrincipalsTest : public SessionTest {
 protected:
  // Of these, bob alone may call Add; anyone with a token may call Hold.
  void StartWith(PartyLimitOptions limits = {}, TracingOptions tracing = {}) {
    const std::string keys =
        absl::StrCat(::testing::TempDir(), "/policed_keys");
    const std::string policy =
        absl::StrCat(::testing::TempDir(), "/policed_principals");
    WriteFile(keys, KeySetOf({&issuer_}));
    std::ofstream(policy) << "name: p\n"
                             "allow_rules:\n"
                             "  - name: bob_adds\n"
                             "    source: {principals: "
                             "[\"jwt:https://issuer.example#bob\"]}\n"
                             "    request: {paths: ["
                          << kAdd
                          << "]}\n"
                             "  - name: all_hold\n"
                             "    source: {principals: [\"jwt:*\"]}\n"
                             "    request: {paths: ["
                          << testing::kHold << "]}\n";
    gate_.Open();
    HostingOptions options = {.workers = 1,
                              .limits = limits,
                              .token_keys = keys,
                              .token_issuer = testing::kIssuer,
                              .token_audience = testing::kAudience,
                              .policy = {.policy_file = policy}};
    options.tracing = std::move(tracing);
    Start(std::move(options));
  }

  std::string BearerOf(const std::string& subject) const {
    return absl::StrCat("Bearer ",
                        issuer_.Sign(ClaimsOf({.subject = subject})));
  }
  absl::Status AddAs(const std::string& subject) {
    OpenCall call(channel(), kAdd, AddOf("a"),
                  {.metadata = {{"authorization", BearerOf(subject)}}});
    return call.Await();
  }

  // The same call with a token of its own.
  v1::SessionCall As(const std::string& subject, v1::SessionCall call) const {
    v1::Metadata* const metadata = call.add_metadata();
    metadata->set_name("authorization");
    metadata->set_value(BearerOf(subject));
    return call;
  }
  const TokenMaker issuer_ = TokenMaker::Ec("k1");
};

INSTANTIATE_TEST_SUITE_P(, PolicedPrincipalsTest, ::testing::Bool(),
                         TransportName);

TEST_P(PolicedPrincipalsTest, APlainCallIsJudgedByItsToken) {
  StartWith();
  EXPECT_TRUE(AddAs("bob").ok());
  EXPECT_EQ(AddAs("eve").code(), absl::StatusCode::kPermissionDenied);
  OpenCall nobody(channel(), kAdd, AddOf("a"));
  EXPECT_EQ(nobody.Await().code(), absl::StatusCode::kPermissionDenied);
}

// Else anyone could fill the queue of spans.
TEST_P(PolicedPrincipalsTest, OnlyACallThatMayBeMadeHasASpan) {
  testing::TraceCollector collector;
  StartWith({}, {.collector = collector.address()});
  const std::string traceparent =
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::string eve = BearerOf("eve");
  const std::string forged = absl::StrCat(
      "Bearer ", TokenMaker::Ec("k1").Sign(ClaimsOf({.subject = "bob"})));
  // Each token is checked first, and remembered then.
  for (const std::string& token : {eve, eve, forged, forged}) {
    OpenCall call(
        channel(), kAdd, AddOf("a"),
        {.metadata = {{"authorization", token}, {"traceparent", traceparent}}});
    EXPECT_FALSE(call.Await().ok());
  }
  OpenCall nobody(channel(), kAdd, AddOf("a"),
                  {.metadata = {{"traceparent", traceparent}}});
  EXPECT_EQ(nobody.Await().code(), absl::StatusCode::kPermissionDenied);
  OpenCall bob(channel(), kAdd, AddOf("a"),
               {.metadata = {{"authorization", BearerOf("bob")},
                             {"traceparent", traceparent}}});
  EXPECT_TRUE(bob.Await().ok()) << bob.Await();
  test().Stop();
  const auto spans = collector.spans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(testing::AttributeOf(spans[0], "pinion.outcome"), "answered");
}

TEST_P(PolicedPrincipalsTest, ASessionOfAStrangerEnds) {
  StartWith();
  SessionClient session(channel());
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kPermissionDenied);
}

// One party has many sessions, and each its own answers.
TEST_P(PolicedPrincipalsTest, TwoSessionsOfOnePrincipalGetTheirOwnAnswers) {
  StartWith();
  const std::string bob = BearerOf("bob");
  SessionClient first(channel(), SessionClient::Takes::kAll,
                      {{"authorization", bob}});
  SessionClient second(test().TcpChannel(), SessionClient::Takes::kAll,
                       {{"authorization", bob}});
  for (int round = 0; round < 20; ++round) {
    // All are run as one batch.
    HeldWorker held(channel(), {.timeout = absl::Hours(1),
                                .metadata = {{"authorization", bob}}});
    first.Send(Message({Add(1), Add(2), Add(3)}));
    second.Send(Message({Add(1), Add(2), Add(4)}));
    AwaitWaiting(6);
    held.Release();
    for (const uint64_t id : {1, 2, 3}) ExpectAdded(first.Await(id));
    for (const uint64_t id : {1, 2, 4}) ExpectAdded(second.Await(id));
  }
}

TEST_P(PolicedPrincipalsTest, ADeniedCallersMistakeTellsNothingOfTheMethod) {
  StartWith();
  const std::string large(20 << 10, 'x');
  for (const char* const path : {kAdd, "/shop.v1.CounterService/Subtract"}) {
    // Unknown and known tokens, each with too much metadata.
    for (const std::string& token : {BearerOf("eve"), BearerOf("eve")}) {
      OpenCall call(channel(), path, AddOf("a"),
                    {.metadata = {{"authorization", token}, {"x", large}}});
      EXPECT_EQ(call.Await().code(), absl::StatusCode::kPermissionDenied)
          << path << ": " << call.Await();
    }
    SessionClient session(channel(), SessionClient::Takes::kAll,
                          {{"authorization", BearerOf("eve")}});
    v1::SessionCall forged = As("bob", Add(1));
    forged.set_method(path);
    forged.mutable_metadata(0)->mutable_value()->append("AAAA");
    session.Send(Message({forged}));
    ExpectFailed(session.Await(1), absl::StatusCode::kUnauthenticated,
                 v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
  }
}

// A confused deputy would lend its rights to the calls that it carries.
TEST_P(PolicedPrincipalsTest, ACallWithATokenOfItsOwnHasThatOnesRights) {
  StartWith();
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        {{"authorization", BearerOf("bob")}});
  session.Send(Message({Add(1), As("eve", Add(2)), Add(3)}));
  ExpectAdded(session.Await(1));
  ExpectFailed(session.Await(2), absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
  ExpectAdded(session.Await(3));
}

TEST_P(PolicedPrincipalsTest, ASessionOfOneWhoMayNotCarriesCallsOfOneWhoMay) {
  StartWith();
  SessionClient session(channel(), SessionClient::Takes::kAll,
                        {{"authorization", BearerOf("eve")}});
  session.Send(Message({Add(1), As("bob", Add(2)), Add(3)}));
  for (const uint64_t id : {1, 3}) {
    ExpectFailed(session.Await(id), absl::StatusCode::kPermissionDenied,
                 v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
  }
  ExpectAdded(session.Await(2));
}

TEST_P(PolicedPrincipalsTest, APrincipalIsOnePartyOnAllItsConnections) {
  StartWith({.sessions_per_party = 1});
  const std::string bob = BearerOf("bob");
  SessionClient first(channel(), SessionClient::Takes::kAll,
                      {{"authorization", bob}});
  first.Send(Message({Add(1)}));
  ExpectAdded(first.Await(1));
  SessionClient second(test().TcpChannel(), SessionClient::Takes::kAll,
                       {{"authorization", bob}});
  EXPECT_EQ(second.AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  SessionClient eve(channel(), SessionClient::Takes::kAll,
                    {{"authorization", BearerOf("eve")}});
  eve.Send(Message({Add(2)}));
  ExpectFailed(eve.Await(2), absl::StatusCode::kPermissionDenied,
               v1::REASON_NOT_ALLOWED, v1::EXECUTED_NO);
}

}  // namespace
}  // namespace pinion
