// SPDX-License-Identifier: Apache-2.0
//
// The kv service's shard beside a plain map that replays the same operations,
// in random orders, under a fake clock, with and without a bound. What goes by
// itself the shard tells; whether it had to go is for the map to say.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/server/kv/kv_shard.h"
#include "pinion/tests/server/support/shard_world.h"
#include "pinion/tests/support/seeded_runs.h"

namespace pinion::kv {
namespace {

using ::pinion::testing::SeededRuns;
using ::pinion::testing::SeededRunsOptions;
using ::pinion::testing::ShardWorld;
using std::chrono::milliseconds;

constexpr SeededRunsOptions kRuns = {.max_runs = 100'000,
                                     .time = std::chrono::seconds(10)};
constexpr int kSteps = 400;

struct OpenWorld : ShardWorld {
  OpenWorld() : ShardWorld(/*workers=*/1, /*lane_calls=*/1) { Open(); }
  const ShardInfo& info() const { return shards[0]->info; }
};

v1::PutRequest PutOf(const std::string& key, const std::string& value,
                     uint64_t ttl_ms) {
  v1::PutRequest put;
  put.set_key(key);
  put.set_value(value);
  put.set_ttl_ms(ttl_ms);
  return put;
}

v1::IncrementRequest IncrementOf(const std::string& key, int64_t by,
                                 uint64_t ttl_ms = 0) {
  v1::IncrementRequest increment;
  increment.set_key(key);
  increment.set_by(by);
  increment.set_ttl_ms(ttl_ms);
  return increment;
}

// What a value takes, put, or made by an increment.
int64_t BytesOf(const std::string& key, const std::string& value,
                bool incremented) {
  static auto& world = *new OpenWorld;
  static auto& shard = *new KvShard(world.info());
  const int64_t before = shard.bytes();
  if (incremented) {
    int64_t by = 0;
    EXPECT_TRUE(absl::SimpleAtoi(value, &by));
    v1::IncrementResponse response;
    EXPECT_TRUE(shard.Increment(IncrementOf(key, by), &response).ok());
  } else {
    v1::PutResponse response;
    EXPECT_TRUE(shard.Put(PutOf(key, value, 0), &response).ok());
  }
  const int64_t bytes = shard.bytes() - before;
  v1::DeleteRequest gone;
  gone.set_key(key);
  v1::DeleteResponse response;
  EXPECT_TRUE(shard.Delete(gone, &response).ok());
  return bytes;
}

struct Item {
  std::string value;
  uint64_t version = 0;
  std::optional<Moment> expires = {};
  int64_t bytes = 0;
  uint64_t used = 0;
};

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed) : random_(seed) {
    shard_.OnChange([this](const KvChange& change) { Hear(change); });
  }

  void Go() {
    for (int i = 0; i < kSteps; ++i) {
      Step();
      Compare();
      if (::testing::Test::HasFailure()) {
        std::cout << "after step " << i << ", " << step_ << std::endl;
        return;
      }
    }
  }

 private:
  using Items = std::map<std::string, Item>;

  int64_t Draw(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random_);
  }
  bool OneIn(int sides) { return Draw(1, sides) == 1; }

  KvOptions DrawOptions() {
    KvOptions options;
    if (!OneIn(4)) options.bytes = Draw(1024, 6000);
    if (OneIn(2)) options.when_full = WhenFull::kEvict;
    return options;
  }
  std::string DrawValue() {
    switch (Draw(1, 4)) {
      case 1:
        return absl::StrCat(Draw(-1000, 1000));
      case 2:
        return absl::StrCat(std::numeric_limits<int64_t>::max() - Draw(0, 3));
      default:
        return std::string(static_cast<size_t>(Draw(0, OneIn(5) ? 3000 : 200)),
                           'v');
    }
  }
  uint64_t DrawTtl() {
    return OneIn(3) ? static_cast<uint64_t>(Draw(1, 200)) : 0;
  }

  void Step() {
    const auto [what, step] =
        std::vector<std::pair<const char*, void (RandomRun::*)()>>{
            {"Get", &RandomRun::Get},
            {"Get", &RandomRun::Get},
            {"Put", &RandomRun::Put},
            {"Put", &RandomRun::Put},
            {"Delete", &RandomRun::Delete},
            {"Increment", &RandomRun::Increment},
            {"CompareAndSet", &RandomRun::CompareAndSet},
            {"CompareAndSet", &RandomRun::CompareAndSet},
            {"Advance", &RandomRun::Advance},
            {"Pass", &RandomRun::Pass}}[Draw(0, 9)];
    key_ = absl::StrCat(OneIn(2) ? "k" : "a key that is longer ", Draw(0, 9));
    growth_ = 0;
    written_ = std::nullopt;
    step_ = absl::StrCat(what, " of ", key_);
    (this->*step)();
    EXPECT_FALSE(written_.has_value()) << "a write was not told of";
  }

  bool Passed(const Item& item) const {
    return item.expires.has_value() && *item.expires <= world_.time.Now();
  }
  // Null if it has none that has not passed. To look is to use.
  Item* Find() {
    const auto found = items_.find(key_);
    if (found == items_.end() || Passed(found->second)) return nullptr;
    found->second.used = ++last_use_;
    return &found->second;
  }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const auto& [key, item] : items_) sum += item.bytes;
    return sum;
  }

  // What the shard tells is what was expected, or had to be.
  void Hear(const KvChange& change) {
    EXPECT_GT(change.version, last_version_);
    last_version_ = change.version;
    const std::string key(change.key);
    if (change.kind == KvChange::Kind::kWritten) {
      ASSERT_TRUE(written_.has_value()) << key << " was written";
      EXPECT_EQ(key, key_);
      EXPECT_EQ(std::string(change.value), written_->value);
      written_->version = change.version;
      items_[key] = *written_;
      written_ = std::nullopt;
      return;
    }
    const auto gone = items_.find(key);
    ASSERT_NE(gone, items_.end()) << key << " is gone";
    EXPECT_EQ(std::string(change.value), gone->second.value);
    switch (change.kind) {
      case KvChange::Kind::kDeleted:
        EXPECT_EQ(step_, absl::StrCat("Delete of ", key));
        break;
      case KvChange::Kind::kExpired:
        EXPECT_TRUE(Passed(gone->second));
        break;
      default:
        CheckEviction(gone);
    }
    items_.erase(gone);
  }

  // There was no room, nothing was due, and none was used before.
  void CheckEviction(Items::iterator evicted) {
    EXPECT_EQ(options_.when_full, WhenFull::kEvict);
    EXPECT_NE(evicted->first, key_);
    CheckThatThereIsNoRoom();
    for (const auto& [key, item] : items_) {
      EXPECT_LE(evicted->second.used, item.used) << key;
    }
  }
  void CheckThatThereIsNoRoom() {
    EXPECT_GT(bytes() + growth_, options_.bytes);
    for (const auto& [key, item] : items_) {
      EXPECT_TRUE(key == key_ || !Passed(item)) << key;
    }
  }

  // Expects that a write does what it says, or had no room.
  void ExpectWrite(std::string value, std::optional<uint64_t> ttl_ms,
                   bool increments) {
    const Item* before = Find();
    Item after = before == nullptr ? Item() : *before;
    after.bytes = BytesOf(key_, value, increments);
    after.value = std::move(value);
    after.used = ++last_use_;
    if (ttl_ms == 0) {
      after.expires = std::nullopt;
    } else if (ttl_ms.has_value()) {
      after.expires =
          world_.time.Now() + milliseconds(static_cast<int64_t>(*ttl_ms));
    }
    growth_ = after.bytes - (before == nullptr ? 0 : before->bytes);
    written_ = after;
  }
  // After the call, with its status: whether it was written.
  bool Written(const absl::Status& status) {
    if (status.ok()) return true;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    if (!written_.has_value()) {
      ADD_FAILURE() << "an error, but it was written";
      return false;
    }
    if (written_->bytes <= options_.bytes) {
      EXPECT_EQ(options_.when_full, WhenFull::kRefuse);
      CheckThatThereIsNoRoom();
    }
    written_ = std::nullopt;
    return false;
  }

  void Get() {
    v1::GetRequest request;
    request.set_key(key_);
    v1::GetResponse response;
    const absl::Status status = shard_.Get(request, &response);
    const Item* item = Find();
    ASSERT_EQ(status.ok(), item != nullptr) << status;
    if (item == nullptr) {
      EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
      return;
    }
    EXPECT_EQ(response.value(), item->value);
    EXPECT_EQ(response.version(), item->version);
  }

  void Put() {
    const v1::PutRequest request = PutOf(key_, DrawValue(), DrawTtl());
    ExpectWrite(request.value(), request.ttl_ms(), /*increments=*/false);
    v1::PutResponse response;
    if (!Written(shard_.Put(request, &response))) return;
    EXPECT_EQ(response.version(), items_[key_].version);
  }

  void Delete() {
    v1::DeleteRequest request;
    request.set_key(key_);
    v1::DeleteResponse response;
    const bool expected = Find() != nullptr;
    EXPECT_TRUE(shard_.Delete(request, &response).ok());
    EXPECT_EQ(response.deleted(), expected);
    EXPECT_EQ(Find(), nullptr);
  }

  void Increment() {
    const v1::IncrementRequest request =
        IncrementOf(key_, Draw(-2, 2), DrawTtl());
    v1::IncrementResponse response;
    const Item* item = Find();
    int64_t value = 0;
    if (item != nullptr && !absl::SimpleAtoi(item->value, &value)) {
      EXPECT_EQ(shard_.Increment(request, &response).code(),
                absl::StatusCode::kFailedPrecondition);
      return;
    }
    if (__builtin_add_overflow(value, request.by(), &value)) {
      EXPECT_EQ(shard_.Increment(request, &response).code(),
                absl::StatusCode::kOutOfRange);
      return;
    }
    // The time to live is that of a new value alone.
    ExpectWrite(
        absl::StrCat(value),
        item == nullptr ? std::optional(request.ttl_ms()) : std::nullopt,
        /*increments=*/true);
    if (!Written(shard_.Increment(request, &response))) return;
    EXPECT_EQ(response.value(), value);
    EXPECT_EQ(response.version(), items_[key_].version);
  }

  void CompareAndSet() {
    const Item* item = Find();
    const uint64_t present = item == nullptr ? 0 : item->version;
    v1::CompareAndSetRequest request;
    request.set_key(key_);
    request.set_expected_version(OneIn(3) ? static_cast<uint64_t>(Draw(0, 100))
                                          : present);
    request.set_value(DrawValue());
    request.set_ttl_ms(DrawTtl());
    v1::CompareAndSetResponse response;
    if (request.expected_version() != present) {
      EXPECT_TRUE(shard_.CompareAndSet(request, &response).ok());
      EXPECT_FALSE(response.swapped());
      EXPECT_EQ(response.version(), present);
      return;
    }
    ExpectWrite(request.value(), request.ttl_ms(), /*increments=*/false);
    if (!Written(shard_.CompareAndSet(request, &response))) return;
    EXPECT_TRUE(response.swapped());
    EXPECT_EQ(response.version(), items_[key_].version);
  }

  // The timers do not run.
  void Advance() { world_.time.Advance(milliseconds(Draw(0, 50))); }

  // They do, and leave none that has passed.
  void Pass() {
    world_.Pass(milliseconds(Draw(0, 50)));
    for (const auto& [key, item] : items_) EXPECT_FALSE(Passed(item)) << key;
  }

  void Compare() {
    EXPECT_EQ(shard_.bytes(), bytes());
    EXPECT_LE(shard_.bytes(), options_.bytes);
  }

  std::mt19937_64 random_;
  OpenWorld world_;
  const KvOptions options_ = DrawOptions();
  KvShard shard_{world_.info(), options_};

  Items items_;
  uint64_t last_use_ = 0;
  uint64_t last_version_ = 0;

  // Of the present step.
  std::string step_;
  std::string key_;
  std::optional<Item> written_;  // What is to be told of as written.
  int64_t growth_ = 0;           // How many bytes more it takes.
};

TEST(KvModelTest, WhateverIsDoneTheShardAnswersAsAPlainMapWould) {
  SeededRuns runs(kRuns);
  while (!HasFailure() && runs.Next()) RandomRun(runs.seed()).Go();
}

}  // namespace
}  // namespace pinion::kv
