// SPDX-License-Identifier: Apache-2.0
//
// Started: a call of a Client's that was started, and its answer.
//
// Threads: anyone; the answer comes on a thread of gRPC's.
// Life:    it waits for its answer before it goes.
// Example: Started call(client, kAdd, AddOf("a"));
//          client.Cancel(call.id());
//          EXPECT_FALSE(call.Await().ok());
#ifndef PINION_TESTS_SUPPORT_STARTED_CALL_H_
#define PINION_TESTS_SUPPORT_STARTED_CALL_H_

#include <atomic>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::testing {

class Started {
 public:
  Started(Client& client, absl::string_view method, absl::string_view request,
          const CallOptions& options = {})
      : id_(client.StartRaw(method, request, options,
                            [this](const Reply& reply) {
                              EXPECT_EQ(++answers_, 1);
                              OrderAsGrpcDoes();
                              status_ = reply.status;
                              response_ = std::string(reply.response);
                              timing_ = reply.timing;
                              trailing_ = reply.trailing;
                              answered_.Open();
                            })) {}
  ~Started() { answered_.Pass(); }

  CallId id() const { return id_; }
  bool answered() const { return answers_ > 0; }
  const absl::Status& Await() {
    answered_.Pass();
    return status_;
  }
  // The rest is for afterwards.
  const std::string& response() const { return response_; }
  const std::optional<v1::Timing>& timing() const { return timing_; }
  const Metadata& trailing() const { return trailing_; }

 private:
  std::atomic<int> answers_{0};
  absl::Status status_;
  std::string response_;
  std::optional<v1::Timing> timing_;
  Metadata trailing_;
  Gate answered_;
  CallId id_;  // The last: the answer may come within StartRaw().
};

inline void ExpectFailure(Started& call, absl::StatusCode code,
                          v1::Reason reason, v1::Executed executed) {
  const absl::Status status = call.Await();
  EXPECT_EQ(status.code(), code) << status;
  const v1::Failure failure = FailureOf(status).value_or(v1::Failure());
  EXPECT_EQ(failure.reason(), reason) << status;
  EXPECT_EQ(failure.executed(), executed) << status;
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_STARTED_CALL_H_
