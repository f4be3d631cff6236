// SPDX-License-Identifier: Apache-2.0
//
// gRPC's reflection in a server to which hosted services are attached.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <condition_variable>
#include <mutex>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/open_call.h"

namespace pinion {
namespace {

using ::pinion::testing::Attached;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::kAddItem;
using ::pinion::testing::kCart;
using ::pinion::testing::SyncOffers;
using ::testing::HasSubstr;

// One question to grpc.reflection.v1alpha and its answer, in wire bytes: its
// .proto comes with no package that this builds with.
class Question final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Question(const GuardedChannel& channel, const std::string& request)
      : stub_(channel.channel) {
    const grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    stub_.PrepareBidiStreamingCall(
        &context_,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        grpc::StubOptions(), this);
    StartRead(&response_);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartCall();
  }

  std::string Await() {
    std::unique_lock lock(mutex_);
    done_changed_.wait(lock, [this] { return done_; });
    grpc::Slice slice;
    if (!response_.DumpToSingleSlice(&slice).ok()) return "";
    return std::string(reinterpret_cast<const char*>(slice.begin()),
                       slice.size());
  }

 private:
  void OnDone(const grpc::Status& status) override {
    EXPECT_TRUE(status.ok()) << status.error_message();
    const std::lock_guard lock(mutex_);
    done_ = true;
    done_changed_.notify_all();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::mutex mutex_;
  std::condition_variable done_changed_;
  bool done_ = false;
};

std::string ListServices(Attached& test) {
  return Question(test.channel(), std::string("\x3a\x00", 2)).Await();
}

// The file that has `symbol`.
std::string FileOf(Attached& test, const std::string& symbol) {
  return Question(test.channel(), std::string("\x22") +
                                      static_cast<char>(symbol.size()) + symbol)
      .Await();
}

TEST(AttachReflectionTest, ListsWhatIsHostedAndDescribesIt) {
  Attached test;
  test.Start();
  const std::string services = ListServices(test);
  EXPECT_THAT(services, HasSubstr(kCart));
  EXPECT_THAT(services, HasSubstr("pinion.v1.SessionService"));
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
  EXPECT_THAT(FileOf(test, kCart), HasSubstr("AddItemRequest"));
  EXPECT_TRUE(test.AddItem("ann").ok());
  test.Stop();
}

TEST(AttachReflectionTest, ListsAServiceOfWhichTheUserHasAPart) {
  Attached test;
  SyncOffers offers;
  test.builder().RegisterService(&offers);
  test.Start();
  EXPECT_THAT(ListServices(test), HasSubstr(kCart));
  test.Stop();
}

}  // namespace
}  // namespace pinion
