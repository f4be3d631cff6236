// SPDX-License-Identifier: Apache-2.0
//
// What followers are sent on streams that are the test's. With real ones:
// stream_test, kv_watch_test.
#include "pinion/server/followers.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/support/test_stream.h"
#include "pinion/tests/support/seeded_runs.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::SeededRuns;
using ::pinion::testing::StreamWorld;
using ::pinion::testing::TestStream;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using ThingStream = TestStream<Thing, Thing>;

// As many as are told at once, and as many messages as may be under way.
constexpr int kPortion = 64;
constexpr int kMaxNews = 8;

Thing Numbered(int number) {
  Thing thing;
  thing.set_size(number);
  return thing;
}

std::vector<int> NumbersOf(const ThingStream& stream) {
  std::vector<int> numbers;
  for (const Thing& thing : stream.sent) {
    numbers.push_back(static_cast<int>(thing.size()));
  }
  return numbers;
}

class FollowersTest : public ::testing::Test {
 protected:
  void Start(const FollowersOptions& options = {}) {
    followers_ = std::make_unique<Followers<Thing>>(world_.info(), options);
  }
  // On the worker.
  ThingStream& Follow(const std::string& topic = "a") {
    ThingStream& stream = streams_.emplace_back(world_);
    stream.on_send = [this] {
      ++sends_;
      world_.time.Advance(send_takes_);
    };
    followers_->Add(topic, stream.Take());
    return stream;
  }
  void FollowAll(int count) {
    world_.OnWorker([&] {
      for (int i = 0; i < count; ++i) Follow();
    });
  }
  void Publish(int number, const std::string& topic = "a") {
    followers_->Publish(topic, Numbered(number));
  }
  int sends() const { return sends_; }

  StreamWorld world_;
  std::deque<ThingStream> streams_;
  int sends_ = 0;
  std::chrono::nanoseconds send_takes_{0};
  std::unique_ptr<Followers<Thing>> followers_;  // Goes first.
};

TEST_F(FollowersTest, EachIsSentWhatIsPublishedOnItsTopicSinceItWasAdded) {
  Start();
  world_.OnWorker([&] {
    Publish(0);
    Follow("a");
    Follow("b");
    Publish(1, "a");
    Publish(2, "b");
    Follow("a");
    Publish(3, "a");
  });
  EXPECT_THAT(NumbersOf(streams_[0]), ElementsAre(1, 3));
  EXPECT_THAT(NumbersOf(streams_[1]), ElementsAre(2));
  EXPECT_THAT(NumbersOf(streams_[2]), ElementsAre(3));
  EXPECT_TRUE(followers_->Follows("b"));
  EXPECT_FALSE(followers_->Follows("c"));
  EXPECT_EQ(followers_->size(), 3u);
}

TEST_F(FollowersTest, OneMessageIsThereOnceForAllOfThem) {
  Start();
  FollowAll(500);
  world_.OnWorker([&] { Publish(1); });
  std::set<const char*> bytes;
  for (const ThingStream& stream : streams_) {
    ASSERT_THAT(stream.shared, SizeIs(1));
    bytes.insert(stream.shared[0]);
  }
  EXPECT_THAT(bytes, SizeIs(1));
}

// A call that comes when 500 are to be told waits for those that are told in
// one run of the lane's background work (500 us), and not for all.
TEST_F(FollowersTest, ManyAreToldInPortionsWithOtherCallsInBetween) {
  Start();
  FollowAll(500);
  send_takes_ = std::chrono::microseconds(10);
  world_.OnlyOnWorker([&] {
    Publish(1);
    EXPECT_EQ(sends(), kPortion) << "the others follow";
  });
  int portions = 1;
  while (sends() < 500) {
    const int before = sends();
    bool ran = false;
    world_.Begin([&] { ran = true; });
    while (!ran) world_.Step();
    while (sends() == before && world_.Step()) {
    }
    EXPECT_LE(sends() - before, 2 * kPortion) << "in between two calls";
    ++portions;
  }
  EXPECT_GE(portions, 4);
  EXPECT_LE(portions, 1 + 500 / kPortion + 1);
}

TEST_F(FollowersTest, EachIsSentAllInOrderHoweverManyAreUnderWay) {
  Start();
  FollowAll(3 * kPortion);
  world_.OnWorker([&] {
    for (int i = 1; i <= 3; ++i) Publish(i);
    EXPECT_EQ(sends(), kPortion) << "the others follow";
  });
  for (const ThingStream& stream : streams_) {
    EXPECT_THAT(NumbersOf(stream), ElementsAre(1, 2, 3));
  }
}

TEST_F(FollowersTest, OneThatComesMeanwhileIsToldOfNothingOlder) {
  Start();
  FollowAll(3 * kPortion);
  world_.OnWorker([&] {
    Publish(1);
    Follow();
    Publish(2);
  });
  EXPECT_THAT(NumbersOf(streams_.front()), ElementsAre(1, 2));
  EXPECT_THAT(NumbersOf(streams_.back()), ElementsAre(2));
}

TEST_F(FollowersTest, WhoPublishesMoreThanIsUnderWayTellsTheOldestItself) {
  Start();
  const int count = 3 * kPortion;
  FollowAll(count);
  world_.OnWorker([&] {
    for (int i = 0; i < 100; ++i) Publish(i);
    EXPECT_GE(sends(), (100 - kMaxNews) * count);
  });
  for (const ThingStream& stream : streams_) {
    EXPECT_THAT(stream.sent, SizeIs(100));
  }
}

TEST_F(FollowersTest, OneWhoseClientIsGoneIsLetGoOfThoughNothingIsPublished) {
  Start();
  FollowAll(3);
  for (ThingStream& stream : streams_) {
    EXPECT_FALSE(stream.finished());
    stream.Cancel();
    stream.TellChange();
    EXPECT_TRUE(stream.finished());
  }
  EXPECT_EQ(followers_->size(), 0u);
  EXPECT_FALSE(followers_->Follows("a"));
}

TEST_F(FollowersTest, EndWhenTheStopBegins) {
  Start();
  FollowAll(1);
  streams_[0].is_stopping = true;
  streams_[0].TellChange();
  EXPECT_TRUE(streams_[0].finished());
  EXPECT_EQ(followers_->size(), 0u);
}

TEST_F(FollowersTest, OneThatIsTooSlowEndsIfNothingMayBeMissing) {
  Start({.when_slow = WhenSlow::kEnd});
  FollowAll(2);
  streams_[0].send_status = absl::ResourceExhaustedError("full");
  world_.OnWorker([&] { Publish(1); });
  EXPECT_TRUE(streams_[0].finished());
  EXPECT_THAT(NumbersOf(streams_[1]), ElementsAre(1));
  EXPECT_EQ(followers_->size(), 1u);
}

TEST_F(FollowersTest, OneThatIsTooSlowIsSentTheLatestIfItMaySkip) {
  Start({.when_slow = WhenSlow::kSkipToLatest});
  FollowAll(2);
  streams_[0].can_write = false;
  world_.OnWorker([&] {
    for (int i = 1; i <= 3; ++i) Publish(i);
  });
  EXPECT_THAT(NumbersOf(streams_[0]), IsEmpty());
  streams_[0].can_write = true;
  streams_[0].TellChange();
  streams_[0].TellChange();
  EXPECT_THAT(NumbersOf(streams_[0]), ElementsAre(3));
  EXPECT_THAT(NumbersOf(streams_[1]), ElementsAre(1, 2, 3));
}

// Whatever comes, goes and is published in between: each stream has all that
// was published on its topic from its add until it went, in order.
class FollowersStory {
 public:
  explicit FollowersStory(uint64_t seed) : random_(seed) {}

  void Play() {
    for (int act = 0; act < 60; ++act) {
      switch (Draw(8)) {
        case 0:
          world_.OnlyOnWorker([&] { Come(Draw(120)); });
          break;
        case 1:
          Go(Draw(60));
          break;
        case 2:
        case 3:
          world_.OnlyOnWorker([&] { Publish(1 + Draw(12)); });
          break;
        default:
          world_.Step();
      }
    }
    world_.Run();
    for (const auto& follower : all_) {
      if (!follower->gone) Compare(*follower);
    }
  }

 private:
  struct Follower {
    explicit Follower(StreamWorld& world) : stream(world) {}
    ThingStream stream;
    std::string topic;
    std::vector<int> expected;
    bool gone = false;
  };

  int Draw(int below) {
    return static_cast<int>(random_() % static_cast<unsigned>(below));
  }
  std::string DrawTopic() { return absl::StrCat(Draw(2)); }

  void Come(int count) {
    for (int i = 0; i < count; ++i) {
      auto& follower = *all_.emplace_back(std::make_unique<Follower>(world_));
      follower.topic = DrawTopic();
      followers_.Add(follower.topic, follower.stream.Take());
    }
  }
  void Go(int count) {
    for (int i = 0; i < count && !all_.empty(); ++i) {
      Follower& follower = *all_[Draw(static_cast<int>(all_.size()))];
      if (follower.gone) continue;
      follower.gone = true;
      follower.stream.Cancel();
      follower.stream.TellChange();
      EXPECT_TRUE(follower.stream.finished());
      // It was sent a first part of what was published.
      follower.expected.resize(follower.stream.sent.size());
      Compare(follower);
    }
  }
  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string topic = DrawTopic();
      followers_.Publish(topic, Numbered(++published_));
      for (auto& follower : all_) {
        if (follower->topic != topic || follower->gone) continue;
        follower->expected.push_back(published_);
      }
    }
  }
  static void Compare(const Follower& follower) {
    EXPECT_EQ(NumbersOf(follower.stream), follower.expected);
  }

  std::mt19937_64 random_;
  StreamWorld world_;
  std::vector<std::unique_ptr<Follower>> all_;
  int published_ = 0;
  Followers<Thing> followers_{world_.info()};
};

TEST(FollowersStoryTest, EachIsSentAllOfItsTopicInOrderWhateverComesAndGoes) {
  SeededRuns runs({.max_runs = 500, .time = std::chrono::seconds(10)});
  while (!::testing::Test::HasFailure() && runs.Next()) {
    FollowersStory(runs.seed()).Play();
  }
}

}  // namespace
}  // namespace pinion
