// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/router.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::shop::v1::AddRequest;

class RouterTest : public ::testing::Test {
 protected:
  static HostedMethod KeyedMethod() {
    return {.path = "/shop.v1.CounterService/Add",
            .key = KeyReader::Create(AddRequest::descriptor(), "name").value(),
            .handler = {}};
  }

  // How many of `keys` keys each worker gets.
  static std::vector<int> Spread(int workers, uint64_t seed, int keys) {
    const Router router(workers, seed);
    const HostedMethod method = KeyedMethod();
    std::vector<int> counts(workers);
    for (int i = 0; i < keys; ++i) {
      AddRequest request;
      request.set_name("key " + std::to_string(i));
      ++counts[router
                   .RouteKeyed(method, request.SerializeAsString(),
                               std::nullopt)
                   .value()];
    }
    return counts;
  }
};

TEST_F(RouterTest, SpreadsKeysEvenlyOverAnyNumberOfWorkers) {
  constexpr int kKeys = 100'000;
  for (int workers : {1, 2, 3, 7, 64}) {
    for (int count : Spread(workers, /*seed=*/0, kKeys)) {
      EXPECT_NEAR(count, kKeys / workers, kKeys / workers * 0.15) << workers;
    }
  }
}

TEST_F(RouterTest, MapsAlikeWithOneSeedAndOtherwiseWithAnother) {
  const HostedMethod method = KeyedMethod();
  const Router one(64, 1), same(64, 1), other(64, 2);
  int moved = 0;
  for (int i = 0; i < 100; ++i) {
    AddRequest request;
    request.set_name(std::to_string(i));
    const std::string bytes = request.SerializeAsString();
    const int worker = one.RouteKeyed(method, bytes, std::nullopt).value();
    EXPECT_EQ(same.RouteKeyed(method, bytes, std::nullopt).value(), worker);
    moved += other.RouteKeyed(method, bytes, std::nullopt).value() != worker;
  }
  EXPECT_GT(moved, 80);
}

}  // namespace
}  // namespace pinion
