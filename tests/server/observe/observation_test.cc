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
using ::testing::IsEmpty;
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

// Takes `by` milliseconds, and fails if that is more than a second.
struct Taking {
  absl::Status Add(const AddRequest& request, AddResponse*) {
    time->Advance(milliseconds(request.by()));
    if (request.by() > 1000) return absl::ResourceExhaustedError("too much");
    return absl::OkStatus();
  }
  FakeClock* time;
};

// Gets its calls together, and takes 10 ms for them. Keeps the first one named
// "kept", and answers the others: "bad" with an error.
struct Together {
  void Add(absl::Span<Call<AddRequest, AddResponse>> calls) {
    time->Advance(milliseconds(10));
    for (auto& call : calls) {
      if (call.request().name() == "kept") {
        *kept = std::move(call);
      } else if (call.request().name() == "bad") {
        call.Finish(absl::NotFoundError("no such"));
      } else {
        call.Finish(absl::OkStatus());
      }
    }
  }
  FakeClock* time;
  std::optional<Call<AddRequest, AddResponse>>* kept;
};

struct Watching {
  void Watch(const WatchRequest&, Stream<WatchResponse> stream) {
    time->Advance(milliseconds(3));
    kept->emplace(std::move(stream));
  }
  FakeClock* time;
  std::optional<Stream<WatchResponse>>* kept;
};

class ObservationTest : public ::testing::Test {
 protected:
  testing::ManualOptions Options() {
    testing::ManualOptions options;
    options.hosting.workers = 1;
    options.hosting.sample_calls = 1;
    options.hosting.show_keys = true;
    return options;
  }
  // The factories run on the workers, before `test_` is there.
  template <typename Shard>
  void Start(std::string service, std::string method, auto handler,
             const testing::ManualOptions& options, auto... rest) {
    FakeClock** const time = &time_;
    test_ = std::make_unique<ManualServer>(
        [&](Server& server) {
          server
              .Host<Shard>(service,
                           [time, rest...] {
                             return std::make_unique<Shard>(
                                 Shard{*time, rest...});
                           })
              .On(method, handler);
        },
        options);
    time_ = &test_->time();
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

  FakeClock* time_ = nullptr;
  std::unique_ptr<ManualServer> test_;
};

}  // namespace
}  // namespace pinion
