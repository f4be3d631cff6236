// SPDX-License-Identifier: Apache-2.0
//
// What watchers send on streams that are the test's. With real ones:
// kv_watch_test.
#include "pinion/server/kv/kv_watchers.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/support/test_stream.h"

namespace pinion::kv {
namespace {

using ::pinion::testing::StreamWorld;
using ::pinion::testing::TestStream;
using ::testing::ElementsAre;

class KvWatchersTest : public ::testing::Test {
 protected:
  KvWatchersTest() {
    world_.OnWorker(
        [this] { watchers_.Add("a", v1::WatchResponse(), watch_.Take()); });
  }

  void TellWritten(const char* value, uint64_t version) {
    watchers_.Tell({.kind = KvChange::Kind::kWritten,
                    .key = "a",
                    .value = value,
                    .version = version});
  }
  std::vector<std::string> SentValues() const {
    std::vector<std::string> values;
    for (const auto& response : watch_.sent) values.push_back(response.value());
    return values;
  }

  StreamWorld world_;
  TestStream<v1::WatchRequest, v1::WatchResponse> watch_{world_};
  KvWatchers watchers_{world_.info()};
};

TEST_F(KvWatchersTest, SendNothingOlderBehindWhatWasSent) {
  watch_.can_write = false;
  TellWritten("old", 1);
  watch_.can_write = true;  // Of which the watchers are told below.
  TellWritten("new", 2);
  watch_.TellChange();
  EXPECT_THAT(SentValues(), ElementsAre("", "new"));
}

TEST_F(KvWatchersTest, SendTheLatestOnceThereIsRoomAgain) {
  watch_.can_write = false;
  TellWritten("old", 1);
  TellWritten("new", 2);
  watch_.can_write = true;
  watch_.TellChange();
  watch_.TellChange();
  EXPECT_THAT(SentValues(), ElementsAre("", "new"));
}

}  // namespace
}  // namespace pinion::kv
