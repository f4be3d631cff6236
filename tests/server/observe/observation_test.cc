// SPDX-License-Identifier: Apache-2.0
//
// What a server notes of the calls that its handlers run, as its operator gets
// it.
#include "pinion/server/observe/observation.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/client/kv_methods.h"
#include "pinion/client/method.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/call.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/server.h"
#include "pinion/server/slot.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::kv::v1::WatchRequest;
using ::pinion::kv::v1::WatchResponse;
using ::pinion::testing::InProcessServer;
using ::pinion::testing::ManualServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kService[] = "shop.v1.CounterService";
constexpr char kAddPath[] = "/shop.v1.CounterService/Add";
constexpr Method<AddRequest, AddResponse> kAdd(kAddPath);
constexpr char kKvService[] = "pinion.kv.v1.KvService";
constexpr uint64_t kMilli = 1'000'000;

AddRequest AddTo(absl::string_view name, int64_t by = 0) {
  AddRequest request;
  request.set_name(std::string(name));
  request.set_by(by);
  return request;
}

using KeptCall = std::optional<Call<AddRequest, AddResponse>>;
using KeptStream = std::optional<Stream<WatchResponse>>;

// Takes `by` milliseconds, and fails if that is more than a second.
struct Taking {
  absl::Status Add(const AddRequest& request, AddResponse*) {
    time->Advance(milliseconds(request.by()));
    if (request.by() > 1000) return absl::ResourceExhaustedError("too much");
    return absl::OkStatus();
  }
  FakeClock*& time;
};

// Gets its calls together, and takes 10 ms for them. Keeps the one named
// "kept", and answers the others: "bad" with an error.
struct Together {
  void Add(absl::Span<Call<AddRequest, AddResponse>> calls) {
    time->Advance(milliseconds(10));
    for (auto& call : calls) {
      if (call.request().name() == "kept") {
        kept.emplace(std::move(call));
      } else if (call.request().name() == "bad") {
        call.Finish(absl::NotFoundError("no such"));
      } else {
        call.Finish();
      }
    }
  }
  FakeClock*& time;
  KeptCall& kept;
};

struct Watching {
  void Watch(const WatchRequest&, Stream<WatchResponse> stream) {
    time->Advance(milliseconds(3));
    kept.emplace(std::move(stream));
  }
  FakeClock*& time;
  KeptStream& kept;
};

class ObservationTest : public ::testing::Test {
 protected:
  ObservationTest() {
    options_.hosting.workers = 1;
    options_.hosting.sample_calls = 1;
    options_.hosting.show_keys = true;
  }

  // With a shard of the test's time, and of `rest`.
  template <typename Shard, typename Handler, typename... Rest>
  void Start(absl::string_view service, absl::string_view method,
             Handler handler, Rest&... rest) {
    test_ = std::make_unique<ManualServer>(
        [&](Server& server) {
          server
              .Host<Shard>(
                  service,
                  [&] {
                    return std::unique_ptr<Shard>(new Shard{time_, rest...});
                  })
              .On(method, handler);
        },
        options_);
    time_ = &test_->time();
  }

  // Makes the calls, which wait for `waited` together, and runs them.
  void Make(const std::vector<AddRequest>& requests,
            milliseconds waited = milliseconds(0)) {
    std::vector<testing::PendingCall<AddResponse>> calls;
    for (const AddRequest& request : requests) {
      calls.push_back(test_->Call(kAdd, request));
    }
    time_->Advance(waited);
    test_->RunUntilIdle();
  }

  absl::Status Reload(const HostingOptions& options) {
    return test_->server().Reload({.listen = "127.0.0.1:0"}, options);
  }

  Observation& observation() {
    return internal::ServerForTest::runtime(test_->server()).observation();
  }
  admin::v1::ListSlowCallsResponse Slow() {
    return observation().ListSlowCalls({});
  }
  admin::v1::ListHotKeysResponse Hot(absl::string_view service = "") {
    admin::v1::ListHotKeysRequest request;
    request.set_service(std::string(service));
    return observation().ListHotKeys(request);
  }
  admin::v1::ExplainKeyResponse Recent(absl::string_view key,
                                       absl::string_view service = kService) {
    admin::v1::ExplainKeyResponse response;
    observation().AddRecent(service, key, response);
    return response;
  }

  testing::ManualOptions options_;
  FakeClock* time_ = nullptr;
  std::unique_ptr<ManualServer> test_;
};

TEST_F(ObservationTest, ASlowCallIsListedWithItsTimesItsKeyAndItsCode) {
  const auto before = absl::ToUnixMillis(absl::Now());
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("apples", 1500), AddTo("pears", 20)}, milliseconds(5));
  const admin::v1::ListSlowCallsResponse slow = Slow();
  EXPECT_EQ(slow.kept_ns(), 600'000 * kMilli);
  ASSERT_THAT(slow.slowest(), SizeIs(2));
  // The pears had to wait for the apples.
  const admin::v1::CallRecord& pears = slow.slowest(0);
  EXPECT_EQ(pears.key().key(), "pears");
  EXPECT_EQ(pears.waited_ns(), 1505 * kMilli);
  EXPECT_EQ(pears.ran_ns(), 20 * kMilli);
  EXPECT_EQ(pears.code(), 0);
  const admin::v1::CallRecord& apples = slow.slowest(1);
  EXPECT_EQ(apples.method(), kAddPath);
  EXPECT_EQ(apples.key().key(), "apples");
  EXPECT_EQ(apples.key().hash(), Key::FromBytes("apples").Hash(0));
  EXPECT_EQ(apples.waited_ns(), 5 * kMilli);
  EXPECT_EQ(apples.ran_ns(), 1500 * kMilli);
  EXPECT_EQ(apples.batch(), 2u);
  EXPECT_EQ(apples.worker(), 0u);
  EXPECT_EQ(apples.code(),
            static_cast<int>(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(apples.kept());
  EXPECT_EQ(apples.principal(), "nobody");
  // By the wall clock, which the machine may set meanwhile.
  EXPECT_GE(apples.ended_ms(), static_cast<uint64_t>(before) - 3'600'000);
  EXPECT_EQ(pears.ended_ms() - apples.ended_ms(), 20u);
}

TEST_F(ObservationTest, SlowCallsAreListedThoughNothingIsSampled) {
  options_.hosting.sample_calls = 0;
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("apples", 1500)});
  EXPECT_THAT(Slow().slowest(), SizeIs(1));
  EXPECT_EQ(Hot().sampled_of(), 0u);
  EXPECT_EQ(Hot().services(0).calls(), 0u);
  EXPECT_THAT(Hot().services(0).by_calls(), IsEmpty());
  EXPECT_THAT(Recent("apples").recent(), IsEmpty());
}

TEST_F(ObservationTest, EachCallIsSampledIfThatIsSet) {
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("apples", 1), AddTo("pears", 100), AddTo("apples", 2)});
  const admin::v1::ListHotKeysResponse hot = Hot(kService);
  EXPECT_EQ(hot.sampled_of(), 1u);
  ASSERT_THAT(hot.services(), SizeIs(1));
  const admin::v1::HotKeysOfService& service = hot.services(0);
  EXPECT_EQ(service.service(), kService);
  EXPECT_EQ(service.calls(), 3u);
  EXPECT_EQ(service.ran_ns(), 103 * kMilli);
  ASSERT_THAT(service.by_calls(), SizeIs(2));
  EXPECT_EQ(service.by_calls(0).key().key(), "apples");
  EXPECT_EQ(service.by_calls(0).calls(), 2u);
  EXPECT_EQ(service.by_calls(0).ran_ns(), 3 * kMilli);
  EXPECT_EQ(service.by_calls(0).error(), 0u);
  EXPECT_NEAR(service.by_calls(0).share(), 2.0 / 3, 1e-9);
  EXPECT_EQ(service.by_time(0).key().key(), "pears");
  EXPECT_EQ(service.by_time(0).ran_ns(), 100 * kMilli);
  EXPECT_EQ(service.by_time(0).calls(), 1u);
  EXPECT_THAT(Hot("shop.v1.NoSuchService").services(), IsEmpty());

  const admin::v1::ExplainKeyResponse apples = Recent("apples");
  EXPECT_EQ(apples.sampled_of(), 1u);
  ASSERT_THAT(apples.recent(), SizeIs(2));
  EXPECT_EQ(apples.recent(0).ran_ns(), 2 * kMilli);
  EXPECT_EQ(apples.recent(1).ran_ns(), 1 * kMilli);
  EXPECT_EQ(apples.recent(0).key().key(), "apples");
  EXPECT_THAT(Recent("plums").recent(), IsEmpty());
  EXPECT_THAT(Recent("apples", "shop.v1.Counter").recent(), IsEmpty());
}

TEST_F(ObservationTest, ATenthOfTheCallsIsSampledForAllOfThem) {
  options_.hosting.sample_calls = 10;
  Start<Taking>(kService, "Add", &Taking::Add);
  Make(std::vector<AddRequest>(500, AddTo("apples")));
  const admin::v1::HotKeysOfService service = Hot().services(0);
  // All but those since the last sample, 19 at most.
  EXPECT_LE(service.calls(), 500u);
  EXPECT_GE(service.calls(), 481u);
  ASSERT_THAT(service.by_calls(), SizeIs(1));
  EXPECT_EQ(service.by_calls(0).calls(), service.calls());
}

TEST_F(ObservationTest, AKeyIsNotShownUnlessThatIsSet) {
  options_.hosting.show_keys = false;
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("ann@example.com", 7)});
  const auto texts = [&] {
    return absl::StrCat(Slow().DebugString(), Hot().DebugString(),
                        Recent("ann@example.com").DebugString());
  };
  EXPECT_THAT(texts(), Not(HasSubstr("ann")));
  const uint64_t hash = Key::FromBytes("ann@example.com").Hash(0);
  EXPECT_FALSE(Slow().slowest(0).key().has_key());
  EXPECT_EQ(Slow().slowest(0).key().hash(), hash);
  EXPECT_EQ(Slow().slowest(0).key().slot(),
            static_cast<uint32_t>(SlotOf(hash)));
  EXPECT_EQ(Hot().services(0).by_calls(0).key().hash(), hash);
  EXPECT_THAT(Recent("ann@example.com").recent(), SizeIs(1));

  HostingOptions wanted = options_.hosting;
  wanted.show_keys = true;
  ASSERT_EQ(Reload(wanted), absl::OkStatus());
  EXPECT_EQ(Slow().slowest(0).key().key(), "ann@example.com");
}

TEST_F(ObservationTest, WhatIsSampledMayChangeWhileTheServerRuns) {
  options_.hosting.sample_calls = 0;
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("apples")});
  HostingOptions wanted = options_.hosting;
  wanted.sample_calls = 1;
  ASSERT_EQ(Reload(wanted), absl::OkStatus());
  Make({AddTo("pears"), AddTo("pears")});
  EXPECT_EQ(Hot().services(0).calls(), 2u);
  EXPECT_EQ(Hot().sampled_of(), 1u);
  wanted.sample_calls = 0;
  ASSERT_EQ(Reload(wanted), absl::OkStatus());
  Make({AddTo("plums")});
  EXPECT_EQ(Hot().services(0).calls(), 2u);
}

// A key in a page or a terminal must not act there.
TEST_F(ObservationTest, AKeyIsEscaped) {
  Start<Taking>(kService, "Add", &Taking::Add);
  Make({AddTo("a\n\x1b[2J")});
  EXPECT_EQ(Slow().slowest(0).key().key(), R"(a\n\x1b[2J)");
}

TEST_F(ObservationTest, CallsThatAHandlerGetsTogetherShareItsTime) {
  KeptCall kept;
  Start<Together>(kService, "Add", &Together::Add, kept);
  const auto last = test_->Call(kAdd, AddTo("kept"));
  Make({AddTo("apples"), AddTo("bad"), AddTo("apples")});
  const admin::v1::ListSlowCallsResponse slow = Slow();
  ASSERT_THAT(slow.slowest(), SizeIs(4));
  int kept_calls = 0;
  for (const admin::v1::CallRecord& call : slow.slowest()) {
    EXPECT_EQ(call.ran_ns(), 10 * kMilli);  // As long as it ran for each.
    EXPECT_EQ(call.batch(), 4u);
    EXPECT_EQ(call.kept(), call.key().key() == "kept");
    EXPECT_EQ(call.code(), call.key().key() == "bad"
                               ? static_cast<int>(absl::StatusCode::kNotFound)
                               : 0);
    kept_calls += call.kept() ? 1 : 0;
  }
  EXPECT_EQ(kept_calls, 1);
  const admin::v1::HotKeysOfService service = Hot().services(0);
  EXPECT_EQ(service.calls(), 4u);
  EXPECT_EQ(service.ran_ns(), 10 * kMilli);
  EXPECT_EQ(service.by_time(0).key().key(), "apples");
  EXPECT_EQ(service.by_time(0).ran_ns(), 5 * kMilli);
  kept->Finish();
  EXPECT_TRUE(last.Await().ok());
}

TEST_F(ObservationTest, AStreamRanUntilItsHandlerReturned) {
  KeptStream kept;
  Start<Watching>(kKvService, "Watch", &Watching::Watch, kept);
  WatchRequest request;
  request.set_key("apples");
  const auto watch = test_->Stream(kv::kWatch, request);
  test_->RunUntilIdle();
  time_->Advance(milliseconds(500));
  ASSERT_THAT(Slow().slowest(), SizeIs(1));
  EXPECT_EQ(Slow().slowest(0).ran_ns(), 3 * kMilli);
  EXPECT_TRUE(Slow().slowest(0).kept());
  EXPECT_THAT(Recent("apples", kKvService).recent(), SizeIs(1));
  kept->Finish();
  EXPECT_EQ(watch.AwaitEnd(), absl::OkStatus());
}

TEST_F(ObservationTest, WhatIsOlderThanTenMinutesIsForgotten) {
  Start<Taking>(kService, "Add", &Taking::Add);
  const uint64_t since = Hot().services(0).since_ms();
  Make({AddTo("apples", 7)});
  time_->Advance(std::chrono::minutes(4));
  EXPECT_EQ(Hot().services(0).since_ms(), since);
  time_->Advance(std::chrono::minutes(5));
  EXPECT_THAT(Slow().slowest(), SizeIs(1));
  EXPECT_EQ(Hot().services(0).calls(), 1u);
  time_->Advance(std::chrono::minutes(1));
  EXPECT_THAT(Slow().slowest(), IsEmpty());
  EXPECT_EQ(Hot().services(0).calls(), 0u);
  EXPECT_THAT(Hot().services(0).by_calls(), IsEmpty());
  EXPECT_EQ(Hot().services(0).since_ms(), since + 300'000);
}

// For ThreadSanitizer, too: readers and workers never wait for each other.
TEST(ObservationUnderLoadTest, IsReadWhileAllWorkersNote) {
  testing::InProcessOptions options;
  options.hosting = {.workers = 2, .sample_calls = 1, .show_keys = true};
  struct Quick {
    absl::Status Add(const AddRequest&, AddResponse*) {
      return absl::OkStatus();
    }
  };
  InProcessServer test(
      [](Server& server) {
        server.Host<Quick>(kService).On("Add", &Quick::Add);
      },
      options);
  Observation& observation =
      internal::ServerForTest::runtime(test.server()).observation();
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      const auto slow = observation.ListSlowCalls({});
      for (const auto& call : slow.slowest()) {
        // No half of one call with half of another.
        ASSERT_EQ(call.key().hash(), Key::FromBytes(call.key().key()).Hash(0));
      }
      const auto hot = observation.ListHotKeys({});
      for (const auto& key : hot.services(0).by_calls()) {
        ASSERT_EQ(key.key().hash(), Key::FromBytes(key.key().key()).Hash(0));
      }
      admin::v1::ExplainKeyResponse response;
      observation.AddRecent(kService, "key 1", response);
    }
  });
  constexpr int kCalls = 3000;
  std::vector<testing::PendingCall<AddResponse>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(test.Begin(kAdd, AddTo(absl::StrCat("key ", i % 200))));
  }
  for (const auto& call : calls) EXPECT_TRUE(call.Await().ok());
  done.store(true);
  reader.join();
  EXPECT_EQ(observation.ListHotKeys({}).services(0).calls(),
            static_cast<uint64_t>(kCalls));
}

}  // namespace
}  // namespace pinion
