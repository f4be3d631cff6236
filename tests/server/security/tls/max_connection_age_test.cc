// SPDX-License-Identifier: Apache-2.0
//
// That unary calls change to a new connection when theirs is old, without an
// error, and that sessions and streams stay where they are.
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::GuardedChannel;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TestServer;

class MaxConnectionAgeTest : public ::testing::Test {
 protected:
  MaxConnectionAgeTest() {
    kv::HostKv(test_.server());
    test_.Start();
  }

  static kv::v1::PutRequest Request() {
    kv::v1::PutRequest request;
    request.set_key("a");
    return request;
  }

  // Makes calls until so many connections have been accepted.
  void CallUntilAccepted(Client& client, int64_t connections) {
    while (test_.server().Snapshot().connections.accepted < connections) {
      const auto put =
          client.Call(kv::kPut, Request(), {.timeout = absl::Minutes(5)});
      ASSERT_EQ(put.status(), absl::OkStatus());
    }
  }

  TestServer test_{{.workers = 1},
                   {.max_connection_age = absl::Milliseconds(100)}};
};

TEST_F(MaxConnectionAgeTest, UnaryCallsChangeToANewConnectionWithoutAnError) {
  const auto client = test_.TcpClient();
  CallUntilAccepted(*client, 4);
}

TEST_F(MaxConnectionAgeTest, ASessionStaysOnItsOldConnection) {
  const GuardedChannel channel = test_.TcpChannel();
  SessionClient session(channel);
  session.AwaitHello();
  // They begin on the session's connection, and leave it.
  Client unary(channel.channel, {.unary = true});
  CallUntilAccepted(unary, 3);
  v1::OpenRequest request;
  v1::SessionCall* const call = request.add_calls();
  call->set_id(7);
  call->set_method("/pinion.kv.v1.KvService/Put");
  call->set_payload(Request().SerializeAsString());
  session.Send(request);
  EXPECT_EQ(session.Await(7).code(), 0);
  EXPECT_GE(test_.server().Snapshot().connections.open, 2);
}

TEST_F(MaxConnectionAgeTest, AStreamStaysOnItsOldConnection) {
  const GuardedChannel channel = test_.TcpChannel();
  Client client(channel.channel, {.unary = true});
  kv::v1::WatchRequest watch;
  watch.set_key("a");
  auto stream = client.Stream(kv::kWatch, watch);
  ASSERT_TRUE(stream.Next().has_value());
  CallUntilAccepted(client, 3);
  // Of the calls on the new connections.
  EXPECT_TRUE(stream.Next().has_value());
  stream.Cancel();
}

}  // namespace
}  // namespace pinion
