// SPDX-License-Identifier: Apache-2.0
//
// What shards throw beside their handlers: from factories, hops, timers and own
// work. What handlers throw: call_forms_test.cc.
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/base/thread_annotations.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/call.h"
#include "pinion/server/shard_timer.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/test_server.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::TestServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

#ifdef ABSL_HAVE_EXCEPTIONS

constexpr char kCounter[] = "shop.v1.CounterService";

class ThrowingShard {
 public:
  explicit ThrowingShard(const ShardInfo& info)
      : info_(info), timer_(info, TaskClass::kNormal, [] {
          throw std::runtime_error("the timer's");
        }) {}

  void Add(Call<AddRequest, AddResponse> call) {
    const std::string what = call.request().name();
    if (what == "timer") {
      timer_.StartAfter(std::chrono::nanoseconds(0));
    } else if (what == "work") {
      info_.Post(TaskClass::kNormal,
                 [] { throw std::runtime_error("the work's"); });
    } else if (what == "hop") {
      Hop hop = call.context().TakeHop();
      return std::move(hop).Post<ThrowingShard>(
          0, [call = std::move(call)](ThrowingShard&) {
            throw std::runtime_error("the hop's");
          });
    }
    call.Finish();
  }

 private:
  const ShardInfo& info_;
  ShardTimer timer_;
};

class ExceptionsTest : public ::testing::Test {
 protected:
  absl::Status Add(const char* what) {
    AddRequest request;
    request.set_name(what);
    return test_.client()
        .Call<AddResponse>("/shop.v1.CounterService/Add", request)
        .status();
  }
  void Start() {
    test_.server().Host<ThrowingShard>(kCounter).On("Add", &ThrowingShard::Add);
    test_.Start();
  }
  std::vector<std::string> logged() {
    MutexLock lock(mutex_);
    return lines_;
  }

  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  Gate is_logged_;
  TestServer test_{{.workers = 1, .log = [this](absl::string_view line) {
                      MutexLock lock(mutex_);
                      lines_.emplace_back(line);
                      is_logged_.Open();
                    }}};
};

TEST_F(ExceptionsTest, WhatAHopThrowsAnswersTheCallThatItHasAndIsLogged) {
  Start();
  const absl::Status answer = Add("hop");
  EXPECT_EQ(answer.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(answer.message(), "a hop's function threw an exception: the hop's");
  is_logged_.Pass();
  EXPECT_THAT(logged(),
              Contains(AllOf(HasSubstr(kCounter), HasSubstr("the hop's"))));
  EXPECT_EQ(Add("nothing"), absl::OkStatus());
}

TEST_F(ExceptionsTest, WhatATimerThrowsIsLoggedAndTheShardGoesOn) {
  Start();
  EXPECT_EQ(Add("timer"), absl::OkStatus());
  is_logged_.Pass();
  EXPECT_THAT(logged(), Contains(HasSubstr("the timer's")));
  // It can be started again.
  EXPECT_EQ(Add("timer"), absl::OkStatus());
  while (logged().size() < 2) std::this_thread::yield();
}

TEST_F(ExceptionsTest, WhatOwnWorkThrowsIsLoggedAndTheShardGoesOn) {
  Start();
  EXPECT_EQ(Add("work"), absl::OkStatus());
  is_logged_.Pass();
  EXPECT_THAT(logged(), Contains(HasSubstr("the work's")));
  EXPECT_EQ(Add("nothing"), absl::OkStatus());
}

TEST(FactoryExceptionTest, WhatAFactoryThrowsStopsTheStart) {
  Server server({.listen = "127.0.0.1:0"});
  server
      .Host<ThrowingShard>(kCounter,
                           []() -> std::unique_ptr<ThrowingShard> {
                             throw std::runtime_error("no such file");
                           })
      .On("Add", &ThrowingShard::Add);
  const absl::Status started = server.Start();
  EXPECT_EQ(started.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(started.message(),
              AllOf(HasSubstr(kCounter), HasSubstr("no such file")));
}

#endif  // ABSL_HAVE_EXCEPTIONS

}  // namespace
}  // namespace pinion
