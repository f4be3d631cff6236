// SPDX-License-Identifier: Apache-2.0
//
// What a server logs, and that it waits for nobody who takes it.
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::AddShard;
using ::pinion::testing::Gate;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::testing::HasSubstr;

// What a stalled worker's line says of the call is in program_json_log_test.
TEST(LogTest, ALogFunctionThatDoesNotReturnHoldsUpNeitherCallsNorTheStop) {
  Gate in_handler;
  Gate in_log;
  std::string line;
  const AddShard::Handler at_gate = [&](const auto&, auto*, CallContext&) {
    in_handler.Pass();
    return absl::OkStatus();
  };
  TestServer test({.workers = 1,
                   .stall_after = absl::Milliseconds(10),
                   .log = [&](absl::string_view logged) {
                     line = std::string(logged);
                     in_log.Pass();
                   }});
  HostAdd(test.server(), at_gate);
  test.Start();
  {
    OpenCall stalled(test.TcpChannel(), kAdd, AddOf("a"));
    in_log.AwaitArrivals(1);
    EXPECT_THAT(line, HasSubstr(kAdd));
    in_handler.Open();
    EXPECT_TRUE(stalled.Await().ok()) << stalled.Await();
    OpenCall another(test.TcpChannel(), kAdd, AddOf("a"));
    EXPECT_TRUE(another.Await().ok()) << another.Await();
  }
  test.Stop();
  EXPECT_FALSE(test.server().hosting().FlushLog(absl::ZeroDuration()));
  in_log.Open();  // For the destructor, which waits for it.
}

}  // namespace
}  // namespace pinion
