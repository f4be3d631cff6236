// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/hot_keys.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/observe/noted_key.h"
#include "pinion/server/observe/sample_steps.h"

namespace pinion {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

NotedKey Noted(absl::string_view key) {
  return NotedKey(key, Key::FromBytes(key).Hash(/*seed=*/0));
}

std::string TextOf(const HotKeysReading::Heavy& heavy) {
  return heavy.key.Name(/*show_keys=*/true).key();
}

HotKeysReading Read(const HotKeys& hot, uint64_t window) {
  HotKeysReading reading;
  hot.Read(window, /*worker=*/3, reading);
  reading.SortHeaviestFirst();
  return reading;
}

class HotKeysTest : public ::testing::Test {
 protected:
  void Add(uint64_t window, absl::string_view key, uint64_t calls,
           uint64_t ran_ns) {
    const NotedKey noted = Noted(key);
    hot_->Add(window, &noted, {.calls = calls, .ran_ns = ran_ns});
  }

  const std::unique_ptr<HotKeys> hot_ = std::make_unique<HotKeys>();
};

// A million keys that are called equally often, and one more with `share` of
// the calls. Each call takes 100 ns; one of the hot key, `hot_ns`.
HotKeysReading AmongAMillion(uint64_t seed, double share, uint64_t hot_ns) {
  constexpr int kCalls = 1'000'000;
  std::mt19937_64 random(seed);
  std::bernoulli_distribution is_hot(share);
  std::uniform_int_distribution<int> other(0, 999'999);
  SampleSteps steps(seed);
  const auto hot = std::make_unique<HotKeys>();
  uint64_t step = steps.Next(64);
  uint64_t left = step;
  for (int i = 0; i < kCalls; ++i) {
    const bool its = is_hot(random);
    const int number = other(random);
    if (--left > 0) continue;
    const NotedKey key = Noted(its ? "hot" : absl::StrCat("key ", number));
    hot->Add(/*window=*/1, &key,
             {.calls = step, .ran_ns = step * (its ? hot_ns : 100)});
    left = step = steps.Next(64);
  }
  return Read(*hot, 1);
}

TEST_F(HotKeysTest, NameAKeyWith5PercentOfTheCallsAmongAMillionKeysFirst) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const HotKeysReading reading = AmongAMillion(seed, 0.05, 100);
    ASSERT_THAT(reading.by_calls, SizeIs(HeavyKeys::kCounters));
    const HotKeysReading::Heavy& first = reading.by_calls.front();
    EXPECT_EQ(TextOf(first), "hot") << seed;
    EXPECT_EQ(first.worker, 3);
    EXPECT_NEAR(static_cast<double>(reading.calls), 1e6, 128) << seed;
    // What is sure of it is never more than it has; the samples alone may err.
    EXPECT_LT(static_cast<double>(first.weight - first.error), 5.8e4) << seed;
    EXPECT_GT(static_cast<double>(first.weight), 4.2e4) << seed;
    // Nobody else comes near it.
    const HotKeysReading::Heavy& second = reading.by_calls[1];
    EXPECT_GT(first.weight - first.error, 4 * (second.weight - second.error))
        << seed;
    EXPECT_EQ(TextOf(reading.by_time.front()), "hot") << seed;
  }
}

TEST_F(HotKeysTest, NameAKeyThatIsCalledSeldomAndTakesLongFirstByTime) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    // A hundredth of the calls, and ten elevenths of the time.
    const HotKeysReading reading = AmongAMillion(seed, 0.01, 100'000);
    EXPECT_EQ(TextOf(reading.by_time.front()), "hot") << seed;
    EXPECT_GT(static_cast<double>(reading.by_time.front().weight),
              0.8 * static_cast<double>(reading.ran_ns))
        << seed;
  }
}

TEST_F(HotKeysTest, AreNeverTooLowAndTooHighByTheErrorAtMost) {
  std::mt19937_64 random(1);
  std::geometric_distribution<int> keys(0.01);  // Some 500 of them.
  std::map<std::string, uint64_t> calls, nanos;
  // Over two windows, whose sums count.
  for (const uint64_t window : {1, 2}) {
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = absl::StrCat("key ", keys(random));
      const uint64_t ran = random() % 1000;
      Add(window, key, 1, ran);
      calls[key] += 1;
      nanos[key] += ran;
    }
  }
  const HotKeysReading reading = Read(*hot_, 2);
  EXPECT_EQ(reading.calls, 40'000u);
  ASSERT_GE(reading.by_calls.size(), HeavyKeys::kCounters);
  for (const HotKeysReading::Heavy& heavy : reading.by_calls) {
    EXPECT_GE(heavy.weight, calls[TextOf(heavy)]);
    EXPECT_LE(heavy.weight - heavy.error, calls[TextOf(heavy)]);
    EXPECT_LE(heavy.beside, nanos[TextOf(heavy)]);
  }
  for (const HotKeysReading::Heavy& heavy : reading.by_time) {
    EXPECT_GE(heavy.weight, nanos[TextOf(heavy)]);
    EXPECT_LE(heavy.weight - heavy.error, nanos[TextOf(heavy)]);
    EXPECT_LE(heavy.beside, calls[TextOf(heavy)]);
  }
}

TEST_F(HotKeysTest, AreExactWhileThereAreFewKeys) {
  Add(1, "a", 10, 5);
  Add(1, "b", 1, 500);
  Add(2, "b", 2, 300);
  const HotKeysReading reading = Read(*hot_, 2);
  ASSERT_THAT(reading.by_calls, SizeIs(2));
  EXPECT_EQ(TextOf(reading.by_calls[0]), "a");
  EXPECT_EQ(reading.by_calls[0].weight, 10u);
  EXPECT_EQ(reading.by_calls[0].beside, 5u);
  EXPECT_EQ(reading.by_calls[1].weight, 3u);
  EXPECT_EQ(reading.by_calls[1].error, 0u);
  ASSERT_THAT(reading.by_time, SizeIs(2));
  EXPECT_EQ(TextOf(reading.by_time[0]), "b");
  EXPECT_EQ(reading.by_time[0].weight, 800u);
  EXPECT_EQ(reading.by_time[0].beside, 3u);
}

TEST_F(HotKeysTest, ForgetAKeyThatWasHotTwoWindowsAgo) {
  Add(1, "hot", 1'000'000, 1'000'000);
  Add(2, "warm", 10, 10);
  EXPECT_EQ(TextOf(Read(*hot_, 2).by_calls.front()), "hot");
  // Without a call since, too.
  EXPECT_EQ(TextOf(Read(*hot_, 3).by_calls.front()), "warm");
  EXPECT_EQ(Read(*hot_, 3).calls, 10u);
  EXPECT_THAT(Read(*hot_, 4).by_calls, IsEmpty());
  EXPECT_EQ(Read(*hot_, 4).calls, 0u);
  Add(3, "new", 1, 1);
  const HotKeysReading reading = Read(*hot_, 3);
  ASSERT_THAT(reading.by_calls, SizeIs(2));
  EXPECT_EQ(TextOf(reading.by_calls[0]), "warm");
  EXPECT_EQ(TextOf(reading.by_calls[1]), "new");
}

TEST_F(HotKeysTest, CountACallWithoutAKeyAmongAll) {
  hot_->Add(1, nullptr, {.calls = 5, .ran_ns = 50});
  const HotKeysReading reading = Read(*hot_, 1);
  EXPECT_EQ(reading.calls, 5u);
  EXPECT_EQ(reading.ran_ns, 50u);
  EXPECT_THAT(reading.by_calls, IsEmpty());
}

TEST_F(HotKeysTest, TellLongKeysWithOneBeginningApart) {
  const std::string beginning(NotedKey::kMostBytes, 'x');
  Add(1, beginning + "1", 2, 1);
  Add(1, beginning + "2", 1, 1);
  const HotKeysReading reading = Read(*hot_, 1);
  ASSERT_THAT(reading.by_calls, SizeIs(2));
  EXPECT_EQ(TextOf(reading.by_calls[0]), beginning + "...");
  EXPECT_EQ(reading.by_calls[0].key.hash,
            Key::FromBytes(beginning + "1").Hash(0));
}

}  // namespace
}  // namespace pinion
