// SPDX-License-Identifier: Apache-2.0
//
// SessionScriptTest: a client and a server of sessions that says what the test
//                    says.
//
// Threads: the test's.
// Example: TEST_F(SessionScriptTest, SendsACall) {
//            Open();
//            Started call(*client_, kEcho, "a");
//            Stream(0).Answer(Stream(0).AwaitCall().id());
#ifndef PINION_TESTS_CLIENT_SESSION_SCRIPT_H_
#define PINION_TESTS_CLIENT_SESSION_SCRIPT_H_

#include <cstddef>
#include <memory>

#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/tests/support/scripted_sessions.h"
#include "pinion/tests/support/started_call.h"

namespace pinion::testing {

inline constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";

class SessionScriptTest : public ::testing::Test {
 protected:
  void Connect(const ClientOptions& options = {}) {
    client_ = Client::Connect(server_->address(), options);
  }
  // The same with a session that has carried a call.
  void Open(const ClientOptions& options = {}) {
    Connect(options);
    Started first(*client_, kEcho, "first");
    Stream(0).SendHello();
    Stream(0).Answer(Stream(0).AwaitCall().id());
    EXPECT_TRUE(first.Await().ok());
  }
  ScriptedStream& Stream(size_t n) { return server_->AwaitStream(n); }

  std::unique_ptr<ScriptedSessions> server_ =
      std::make_unique<ScriptedSessions>();
  std::unique_ptr<Client> client_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_CLIENT_SESSION_SCRIPT_H_
