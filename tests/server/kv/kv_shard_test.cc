// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_shard.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/support/shard_world.h"
#include "pinion/tests/server/support/test_stream.h"

namespace pinion::kv {
namespace {

using ::pinion::testing::ShardWorld;
using ::pinion::testing::StreamWorld;
using ::pinion::testing::TestStream;

// How many values of a few bytes have room in so many bytes is left open; it is
// at least one, and fewer than 100.
constexpr int64_t kSmall = 4096;

class KvShardTest : public ::testing::Test {
 protected:
  KvShardTest() {
    world_.Open();
    Restart({});
  }
  ~KvShardTest() override { shard_ = nullptr; }

  void Restart(const KvOptions& options) {
    shard_ = nullptr;
    shard_ = std::make_unique<KvShard>(world_.shards[0]->info, options);
  }

  absl::Status TryPut(const std::string& key, const std::string& value,
                      uint64_t ttl_ms = 0) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_ttl_ms(ttl_ms);
    return shard_->Put(request, &put_);
  }

  uint64_t Put(const std::string& key, const std::string& value,
               uint64_t ttl_ms = 0) {
    const absl::Status status = TryPut(key, value, ttl_ms);
    EXPECT_TRUE(status.ok()) << status;
    return put_.version();
  }

  // Puts "0", "1" and so on, until one is refused, and says how many were not.
  int PutUntilRefused() {
    int put = 0;
    while (TryPut(absl::StrCat(put), "x").ok()) ++put;
    EXPECT_GT(put, 1);
    EXPECT_LT(put, 100);
    return put;
  }

  absl::Status Get(const std::string& key) {
    v1::GetRequest request;
    request.set_key(key);
    got_.Clear();
    return shard_->Get(request, &got_);
  }

  absl::Status Increment(const std::string& key, int64_t by,
                         uint64_t ttl_ms = 0) {
    v1::IncrementRequest request;
    request.set_key(key);
    request.set_by(by);
    request.set_ttl_ms(ttl_ms);
    return shard_->Increment(request, &incremented_);
  }

  bool Delete(const std::string& key) {
    v1::DeleteRequest request;
    request.set_key(key);
    v1::DeleteResponse response;
    EXPECT_TRUE(shard_->Delete(request, &response).ok());
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
    EXPECT_TRUE(shard_->CompareAndSet(request, &response).ok());
    return response;
  }

  // The timers do not run.
  void Advance(int64_t millis) {
    world_.time.Advance(std::chrono::milliseconds(millis));
  }

  ShardWorld world_{/*workers=*/1, /*lane_calls=*/1};
  std::unique_ptr<KvShard> shard_;
  v1::PutResponse put_;
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
  for (const char* text : {"one", "", " 5", "5 ", "+5", "05", "-0", "--5",
                           "5.0", "0x5", "5\n", "9223372036854775808"}) {
    Put("a", text);
    EXPECT_EQ(Increment("a", 1).code(), absl::StatusCode::kFailedPrecondition)
        << text;
    ASSERT_TRUE(Get("a").ok());
    EXPECT_EQ(got_.value(), text);
  }
}

TEST_F(KvShardTest, ErrorsNameAKeyInItsOwnLetters) {
  const absl::Status absent = Get("gr\u00fc\u00dfe/\u6771\u4eac");
  EXPECT_TRUE(
      absl::StrContains(absent.message(), "\"gr\u00fc\u00dfe/\u6771\u4eac\""))
      << absent;
}

TEST_F(KvShardTest, RefusesASumOutsideTheNumbersAndLeavesTheValue) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ASSERT_TRUE(Increment("a", kMax).ok());
  EXPECT_EQ(Increment("a", 1).code(), absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(Increment("a", 0).ok());
  EXPECT_EQ(incremented_.value(), kMax);
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

TEST_F(KvShardTest, AnIncrementGivesItsTimeToLiveToACounterThatItCreates) {
  ASSERT_TRUE(Increment("a", 1, /*ttl_ms=*/100).ok());
  ASSERT_TRUE(Increment("b", 1).ok());
  Advance(99);
  EXPECT_TRUE(Get("a").ok());
  Advance(1);
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Get("b").ok());
}

TEST_F(KvShardTest, AnIncrementLeavesTheTimeToLiveOfACounterThatIsThere) {
  ASSERT_TRUE(Increment("a", 1, /*ttl_ms=*/100).ok());
  ASSERT_TRUE(Increment("b", 1).ok());
  Advance(60);
  ASSERT_TRUE(Increment("a", 1, /*ttl_ms=*/100).ok());
  ASSERT_TRUE(Increment("b", 1, /*ttl_ms=*/10).ok());
  Advance(40);
  EXPECT_EQ(Get("a").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Get("b").ok());
}

TEST_F(KvShardTest, ACounterThatHasExpiredIsCreatedAnewWithItsTimeToLive) {
  ASSERT_TRUE(Increment("a", 5, /*ttl_ms=*/100).ok());
  Advance(100);  // The timers do not run, so its entry is still there.
  ASSERT_TRUE(Increment("a", 1, /*ttl_ms=*/50).ok());
  EXPECT_EQ(incremented_.value(), 1);
  Advance(49);
  EXPECT_TRUE(Get("a").ok());
  world_.Pass(std::chrono::milliseconds(1));
  EXPECT_EQ(shard_->bytes(), 0);
}

TEST_F(KvShardTest, TakesWhatGetCanReturnWhateverItsVersionToTheByte) {
  const auto most =
      static_cast<size_t>(world_.shards[0]->info.max_response_bytes());
  v1::GetResponse response;
  response.set_version(std::numeric_limits<uint64_t>::max());
  response.set_value(std::string(most, 'x'));
  response.mutable_value()->resize(most - (response.ByteSizeLong() - most));
  ASSERT_EQ(response.ByteSizeLong(), most);
  const std::string largest = response.value();
  EXPECT_TRUE(TryPut("a", largest).ok());
  const uint64_t version = put_.version();
  EXPECT_TRUE(CompareAndSet("b", 0, largest).swapped());

  const absl::Status refusal = TryPut("a", largest + "x");
  EXPECT_EQ(refusal.code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& words :
       {absl::StrCat("\"a\" has ", largest.size() + 1, " bytes"),
        absl::StrCat("up to ", most + 1), absl::StrCat("than the ", most),
        std::string("max_message_bytes")}) {
    EXPECT_TRUE(absl::StrContains(refusal.message(), words)) << refusal;
  }
  v1::CompareAndSetRequest request;
  request.set_key("a");
  request.set_expected_version(version);
  request.set_value(largest + "x");
  v1::CompareAndSetResponse set;
  EXPECT_EQ(shard_->CompareAndSet(request, &set).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.version(), version);
}

TEST_F(KvShardTest, TakesATimeToLiveOfOverAHundredYearsAsAHundred) {
  constexpr int64_t kYear = int64_t{365} * 24 * 3600 * 1000;
  Put("a", "1", std::numeric_limits<uint64_t>::max());
  Advance(100 * kYear - 1);
  EXPECT_TRUE(Get("a").ok());
  Advance(1);
  EXPECT_FALSE(Get("a").ok());
}

TEST_F(KvShardTest, AValueGoesByItselfWhenItsTimeToLiveHasPassed) {
  Put("a", "1", /*ttl_ms=*/100);
  Put("b", "1");
  const int64_t both = shard_->bytes();
  world_.Pass(std::chrono::milliseconds(99));
  EXPECT_EQ(shard_->bytes(), both);
  world_.Pass(std::chrono::milliseconds(1));
  EXPECT_EQ(shard_->bytes(), both / 2);
  EXPECT_TRUE(Get("b").ok());
}

TEST_F(KvShardTest, RaisesTheVersionAlsoAcrossAnExpiry) {
  const uint64_t first = Put("a", "1", /*ttl_ms=*/100);
  world_.Pass(std::chrono::milliseconds(100));
  ASSERT_EQ(shard_->bytes(), 0);
  EXPECT_LT(first, Put("a", "2"));
}

TEST_F(KvShardTest, RaisesTheVersionAlsoAcrossAnEviction) {
  Restart({.bytes = kSmall, .when_full = WhenFull::kEvict});
  const uint64_t first = Put("a", "1");
  uint64_t last = first;
  for (int i = 0; Get("a").ok(); ++i) {
    for (int k = 0; k < 100; ++k) last = Put(absl::StrCat(i, " ", k), "x");
  }
  const v1::CompareAndSetResponse refused = CompareAndSet("a", first, "2");
  EXPECT_FALSE(refused.swapped());
  EXPECT_EQ(refused.version(), 0u);
  EXPECT_LT(last, CompareAndSet("a", 0, "2").version());
}

TEST_F(KvShardTest, RefusesWhatDoesNotFitWithTheNumbersAndWhatToDo) {
  Restart({.bytes = kSmall});
  const int put = PutUntilRefused();
  const absl::Status refusal = TryPut("more", "x");
  EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
  for (const std::string& words :
       {std::string("the entry of \"more\" takes "),
        absl::StrCat("the other ", put, " entries"),
        absl::StrCat(shard_->bytes(), " of the 4096"),
        std::string("raise kv_bytes")}) {
    EXPECT_TRUE(absl::StrContains(refusal.message(), words)) << refusal;
  }
  EXPECT_EQ(Get("more").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Delete("0"));
  EXPECT_TRUE(TryPut("more", "x").ok());
}

TEST_F(KvShardTest, AWriteThatIsRefusedLeavesValueVersionAndTimeToLive) {
  Restart({.bytes = kSmall});
  const uint64_t version = Put("a", "1", /*ttl_ms=*/100);
  const int64_t bytes = shard_->bytes();
  const std::string large(kSmall, 'x');
  EXPECT_EQ(TryPut("a", large).code(), absl::StatusCode::kResourceExhausted);
  v1::CompareAndSetRequest request;
  request.set_key("a");
  request.set_expected_version(version);
  request.set_value(large);
  v1::CompareAndSetResponse response;
  EXPECT_EQ(shard_->CompareAndSet(request, &response).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(shard_->bytes(), bytes);
  ASSERT_TRUE(Get("a").ok());
  EXPECT_EQ(got_.value(), "1");
  EXPECT_EQ(got_.version(), version);
  Advance(100);
  EXPECT_FALSE(Get("a").ok());
}

TEST_F(KvShardTest, AFullShardStillTakesAnIncrementThatNeedsNoMoreRoom) {
  Restart({.bytes = kSmall});
  ASSERT_TRUE(Increment("n", 1).ok());
  PutUntilRefused();
  EXPECT_TRUE(Increment("n", 1).ok());
  EXPECT_EQ(Increment("m", 1).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(KvShardTest, EvictsWhatWasNotReadOrWrittenForTheLongest) {
  Restart({.bytes = kSmall});
  const int room = PutUntilRefused();
  Restart({.bytes = kSmall, .when_full = WhenFull::kEvict});
  for (int i = 0; i < room; ++i) Put(absl::StrCat(i), "x");
  ASSERT_TRUE(Get("0").ok());
  Put("1", "y");
  Put("more", "x");
  EXPECT_FALSE(Get("2").ok());
  for (const char* key : {"0", "1", "3", "more"}) {
    EXPECT_TRUE(Get(key).ok()) << key;
  }
  // What fits nowhere makes nobody go.
  EXPECT_EQ(TryPut("large", std::string(kSmall, 'x')).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Get("3").ok());
}

TEST_F(KvShardTest, TellsOfEachChangeOfAKeyAndOfNothingElse) {
  Restart({.bytes = kSmall, .when_full = WhenFull::kEvict});
  std::vector<std::string> told;
  uint64_t last_version = 0;
  shard_->OnChange([&](const KvChange& change) {
    const char* const words[] = {"written", "deleted", "expired", "evicted"};
    told.push_back(absl::StrCat(std::string(change.key), "=",
                                std::string(change.value), " ",
                                words[static_cast<int>(change.kind)]));
    EXPECT_LT(last_version, change.version);
    last_version = change.version;
  });
  Put("a", "1", /*ttl_ms=*/100);
  EXPECT_EQ(last_version, put_.version());
  ASSERT_TRUE(Increment("a", 1).ok());
  CompareAndSet("a", incremented_.version(), "3");
  CompareAndSet("a", 0, "4");
  Get("a").IgnoreError();
  Delete("a");
  Delete("a");
  Put("b", "5", /*ttl_ms=*/100);
  world_.Pass(std::chrono::milliseconds(100));
  Put("c", "6");
  EXPECT_FALSE(TryPut("d", std::string(kSmall, 'x')).ok());
  Put("e", std::string(kSmall * 3 / 4, 'x'));
  EXPECT_EQ(told.back().size(),
            kSmall * 3 / 4 + std::string("e= written").size());
  told.pop_back();
  Put("f", std::string(kSmall / 2, 'x'));
  EXPECT_TRUE(absl::EndsWith(told.back(), "x written"));
  told.pop_back();
  EXPECT_TRUE(absl::EndsWith(told.back(), "x evicted"));
  told.pop_back();
  EXPECT_EQ(told,
            (std::vector<std::string>{
                "a=1 written", "a=2 written", "a=3 written", "a=3 deleted",
                "b=5 written", "b=5 expired", "c=6 written", "c=6 evicted"}));
}

TEST_F(KvShardTest, ANewWatcherNeverHearsOfAValueThatHadPassed) {
  Put("a", "1", /*ttl_ms=*/100);
  world_.time.Advance(std::chrono::milliseconds(100));  // No timer fires yet.
  StreamWorld streams;
  TestStream<v1::WatchRequest, v1::WatchResponse> watch(streams);
  v1::WatchRequest request;
  request.set_key("a");
  streams.OnWorker([&] { shard_->Watch(request, watch.Take()); });
  world_.Run();
  ASSERT_EQ(watch.sent.size(), 1u);
  EXPECT_FALSE(watch.sent[0].has_value());
  Restart({});  // Lets go of the stream.
}

}  // namespace
}  // namespace pinion::kv
