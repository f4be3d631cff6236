// SPDX-License-Identifier: Apache-2.0
#include "server/kv/kv_shard.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace pinion::kv {
namespace {

class KvShardTest : public ::testing::Test {
 protected:
  uint64_t Put(const std::string& key, const std::string& value,
               uint64_t ttl_ms = 0) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_ttl_ms(ttl_ms);
    v1::PutResponse response;
    EXPECT_TRUE(shard_.Put(request, &response).ok());
    return response.version();
  }

  absl::Status Get(const std::string& key) {
    v1::GetRequest request;
    request.set_key(key);
    got_.Clear();
    return shard_.Get(request, &got_);
  }

  absl::Status Increment(const std::string& key, int64_t by) {
    v1::IncrementRequest request;
    request.set_key(key);
    request.set_by(by);
    return shard_.Increment(request, &incremented_);
  }

  bool Delete(const std::string& key) {
    v1::DeleteRequest request;
    request.set_key(key);
    v1::DeleteResponse response;
    EXPECT_TRUE(shard_.Delete(request, &response).ok());
    return response.deleted();
  }

  v1::CompareAndSetResponse CompareAndSet(const std::string& key,
                                          uint64_t expected,
                                          const std::string& value) {
    v1::CompareAndSetRequest request;
    request.set_key(key);
    request.set_expected_version(expected);
    request.set_value(value);
    v1::CompareAndSetResponse response;
    EXPECT_TRUE(shard_.CompareAndSet(request, &response).ok());
    return response;
  }

  void Advance(int64_t millis) { now_ns_ += millis * 1'000'000; }

  int64_t now_ns_ = 1;
  KvShard shard_{[this] { return now_ns_; }};
  v1::GetResponse got_;
  v1::IncrementResponse incremented_;
};

TEST_F(KvShardTest, GivesBackWhatWasPut) {
  const uint64_t version = Put("a", "1");
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.value(), "1");
  EXPECT_EQ(got_.version(), version);
}

TEST_F(KvShardTest, SaysThatAKeyHasNoValue) {
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
}

TEST_F(KvShardTest, DeletesAndTellsWhetherThereWasAValue) {
  Put("a", "1");
  EXPECT_TRUE(Delete("a"));
  EXPECT_FALSE(Delete("a"));
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
}

TEST_F(KvShardTest, RaisesTheVersionWithEachWriteEvenAcrossADeletion) {
  const uint64_t first = Put("a", "1");
  const uint64_t second = Put("a", "2");
  Delete("a");
  const uint64_t third = Put("a", "3");
  EXPECT_LT(0u, first);
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(KvShardTest, IncrementsFromZeroAndFromANumber) {
  ASSERT_TRUE(Increment("a", 5).ok());
  ASSERT_TRUE(Increment("a", -7).ok());
  EXPECT_EQ(incremented_.value(), -2);
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.value(), "-2");
  EXPECT_EQ(got_.version(), incremented_.version());
}

TEST_F(KvShardTest, RefusesToIncrementWhatIsNoNumberAndLeavesIt) {
  Put("a", "one");
  EXPECT_EQ(Increment("a", 1).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.value(), "one");
}

TEST_F(KvShardTest, RefusesASumOutsideTheNumbersAndLeavesTheValue) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  ASSERT_TRUE(Increment("a", kMost).ok());
  EXPECT_EQ(Increment("a", 1).code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(Increment("a", 0).ok());
  EXPECT_EQ(incremented_.value(), kMost);
}

TEST_F(KvShardTest, SetsOnlyWhatHasTheExpectedVersion) {
  const v1::CompareAndSetResponse made = CompareAndSet("a", 0, "1");
  EXPECT_TRUE(made.swapped());
  const v1::CompareAndSetResponse refused = CompareAndSet("a", 0, "2");
  EXPECT_FALSE(refused.swapped());
  EXPECT_EQ(refused.version(), made.version());
  const v1::CompareAndSetResponse changed =
      CompareAndSet("a", made.version(), "3");
  EXPECT_TRUE(changed.swapped());
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.value(), "3");
  EXPECT_EQ(got_.version(), changed.version());
}

TEST_F(KvShardTest, LetsAValueGoWhenItsTimeToLiveHasPassedAndNotBefore) {
  Put("a", "1", /*ttl_ms=*/100);
  Advance(99);
  EXPECT_TRUE(Get("a").ok());
  Advance(1);
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Delete("a"));
  EXPECT_TRUE(CompareAndSet("a", 0, "2").swapped());
}

TEST_F(KvShardTest, KeepsTheTimeToLiveAcrossAnIncrementAndDropsItWithAPut) {
  Put("a", "1", /*ttl_ms=*/100);
  ASSERT_TRUE(Increment("a", 1).ok());
  Put("b", "1", /*ttl_ms=*/100);
  Put("b", "2");
  Advance(100);
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Get("b").ok());
}

TEST_F(KvShardTest, TakesATimeToLiveBeyondTheClockAsForGood) {
  Put("a", "1", std::numeric_limits<uint64_t>::max());
  now_ns_ = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(Get("a").ok());
}

}  // namespace
}  // namespace pinion::kv
