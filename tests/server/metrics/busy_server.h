// SPDX-License-Identifier: Apache-2.0
//
// BusyServer: a server whose test makes each outcome of a call happen, and its
//             metrics.
//
// Threads: the test's only.
// Example: BusyServer busy;
//          busy.Fail(absl::StatusCode::kNotFound);
//          EXPECT_THAT(busy.Text(), HasSubstr("grpc_code=\"NotFound\"} 1"));
#ifndef PINION_TESTS_SERVER_METRICS_BUSY_SERVER_H_
#define PINION_TESTS_SERVER_METRICS_BUSY_SERVER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/call_options.h"
#include "pinion/client/kv_methods.h"
#include "pinion/client/method.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/hosting.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/metrics/metrics.h"
#include "pinion/server/metrics/process_facts.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/manual_server.h"
#include "shop/v1/counter.pb.h"

namespace pinion::testing {

class BusyServer {
 public:
  static constexpr Method<shop::v1::AddRequest, shop::v1::AddResponse> kAdd{
      "/shop.v1.CounterService/Add"};

  // Its lanes have two places each.
  explicit BusyServer(HostingOptions options = {.workers = 1, .lane_calls = 2})
      : server_(
            [](Server& server) {
              server.Host<Counter>("shop.v1.CounterService")
                  .On("Add", &Counter::Add);
              kv::HostKv(server);
            },
            {.hosting = std::move(options)}) {}

  // A call that waits for its worker, or was refused.
  PendingCall<shop::v1::AddResponse> Begin(absl::string_view key,
                                           const CallOptions& options = {},
                                           int code = 0) {
    shop::v1::AddRequest request;
    request.set_name(std::string(key));
    request.set_by(code);
    return server_.Call(kAdd, request, options);
  }
  void Succeed(absl::string_view key = "apples") { Run(Begin(key)); }
  void Fail(absl::StatusCode code) {
    Run(Begin("apples", {}, static_cast<int>(code)));
  }
  void Expire() {
    const auto call = Begin("apples", {.timeout = absl::Minutes(5)});
    server_.Advance(absl::Minutes(5));
    call.Await().status().IgnoreError();
  }
  // The lane is full for the third.
  void Refuse() {
    const auto first = Begin("apples");
    const auto second = Begin("apples");
    Begin("apples").Await().status().IgnoreError();
    Run(first);
    Run(second);
  }
  void Put(absl::string_view key, absl::string_view value) {
    kv::v1::PutRequest request;
    request.set_key(std::string(key));
    request.set_value(std::string(value));
    Run(server_.Call(kv::kPut, request));
  }

  ServerSnapshot Snapshot() { return server_.server().Snapshot(); }
  std::string Text() {
    return MetricsText({.snapshot = Snapshot(),
                        .version = "1.2.3",
                        .process = ReadProcessFacts()});
  }
  ManualServer& server() { return server_; }

 private:
  // Ends each call with the code that `by` is.
  class Counter {
   public:
    static absl::Status Add(const shop::v1::AddRequest& request,
                            shop::v1::AddResponse*) {
      return {static_cast<absl::StatusCode>(request.by()), "asked for"};
    }
  };

  template <typename Call>
  void Run(const Call& call) {
    server_.RunUntilIdle();
    call.Await().status().IgnoreError();
  }

  ManualServer server_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_METRICS_BUSY_SERVER_H_
