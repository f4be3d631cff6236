// SPDX-License-Identifier: Apache-2.0
//
// A message that is being sent when the whole server goes.
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/server/server.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::Gate;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestServer;

// A Thing whose size is counted when a gate opens: in the midst of a Send().
class HeldThing final : public google::protobuf::Message {
 public:
  explicit HeldThing(Gate& gate) : gate_(gate) {}
  static const google::protobuf::Descriptor* descriptor() {
    return Thing::descriptor();
  }
  HeldThing* New(google::protobuf::Arena*) const override {
    return new HeldThing(gate_);
  }
  google::protobuf::Metadata GetMetadata() const override {
    return thing_.GetMetadata();
  }
  size_t ByteSizeLong() const override {
    gate_.Pass();
    return thing_.ByteSizeLong();
  }
  int GetCachedSize() const override { return thing_.GetCachedSize(); }
  void Clear() override {}
  bool IsInitialized() const override { return true; }
  uint8_t* _InternalSerialize(
      uint8_t* to,
      google::protobuf::io::EpsCopyOutputStream* stream) const override {
    return thing_._InternalSerialize(to, stream);
  }

 private:
  Gate& gate_;
  Thing thing_;
};

struct KeepingShard {
  void Keep(const Thing&, Stream<HeldThing> stream) { keep(std::move(stream)); }
  std::function<void(Stream<HeldThing>)> keep;
};

TEST(StreamLateSendTest, IsRefusedIfTheServerHasGoneMeanwhile) {
  std::optional<Stream<HeldThing>> stream;
  Gate kept, counted;
  auto test = std::make_unique<TestServer>(
      HostingOptions{.workers = 1, .grace = absl::ZeroDuration()});
  const auto keep = [&](Stream<HeldThing> given) {
    stream.emplace(std::move(given));
    kept.Open();
  };
  test->server()
      .Host<KeepingShard>(
          "pinion.test.GoodService",
          [&] { return std::make_unique<KeepingShard>(KeepingShard{keep}); })
      .On("Streaming", &KeepingShard::Keep);
  test->Start();
  Thing request;
  request.set_name("a");
  StreamClient client(test->TcpChannel(), "/pinion.test.GoodService/Streaming",
                      request.SerializeAsString());
  kept.Pass();
  std::thread sender([&] {
    EXPECT_EQ(stream->Send(HeldThing(counted)).code(),
              absl::StatusCode::kUnavailable);
    stream->Finish();
  });
  counted.AwaitArrivals(1);
  test = nullptr;
  counted.Open();
  sender.join();
}

}  // namespace
}  // namespace pinion
