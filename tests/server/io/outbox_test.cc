// SPDX-License-Identifier: Apache-2.0
//
// An outbox whose stream is the test's: what it writes, and when it finishes.
// With streams of gRPC's, and clients that go or take nothing:
// session_end_test, stream_test.
#include "pinion/server/io/outbox.h"

#include <grpcpp/server_builder.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Notes what is begun on it, and ends that when it is told to.
class FakeOutbox final : public Outbox {
 public:
  FakeOutbox(IoThread& io, OutboxOwner& owner)
      : Outbox(io, owner, Clock(), std::chrono::hours(1)) {}

  void EndWrite(bool ok) { End(write_, ok); }
  void EndFinish() { End(finish_, true); }
  bool finishing() const { return finish_ != nullptr; }

  std::vector<std::string> begun;

 private:
  void BeginWrite(const grpc::ByteBuffer& message, void* tag) override {
    grpc::Slice slice;
    EXPECT_TRUE(message.DumpToSingleSlice(&slice).ok());
    begun.emplace_back(reinterpret_cast<const char*>(slice.begin()),
                       slice.size());
    EXPECT_EQ(write_, nullptr) << "a second write at a time";
    EXPECT_EQ(finish_, nullptr) << "a write after the finish";
    write_ = static_cast<IoEvent*>(tag);
  }
  void BeginFinish(const grpc::Status& status, void* tag) override {
    begun.push_back("finish: " + status.error_message());
    EXPECT_EQ(write_, nullptr) << "a finish while a write is under way";
    EXPECT_EQ(finish_, nullptr) << "a second finish";
    finish_ = static_cast<IoEvent*>(tag);
  }
  static void End(IoEvent*& operation, bool ok) {
    ASSERT_NE(operation, nullptr);
    std::exchange(operation, nullptr)->OnEvent(ok);
  }

  IoEvent* write_ = nullptr;
  IoEvent* finish_ = nullptr;
};

// What it has ready goes together, as one message.
class Letters final : public OutboxOwner {
 public:
  explicit Letters(IoThread& io) : outbox(io, *this) {}

  void Add(char letter) {
    ready += letter;
    outbox.Add(1);
  }
  void EndWith(const std::string& words) {
    end = grpc::Status(grpc::StatusCode::ABORTED, words);
    outbox.FlushSoon();
  }

  std::optional<Message> NextMessage() override {
    if (ready.empty()) return std::nullopt;
    const grpc::Slice slice(ready);
    const auto added = static_cast<int64_t>(ready.size());
    ready.clear();
    return Message{.bytes = grpc::ByteBuffer(&slice, 1), .added = added};
  }
  void DropReady() override { ready.clear(); }
  std::optional<grpc::Status> TryEnd() override { return end; }
  void OnWritten(int64_t added) override { written.push_back(added); }
  void OnClosed() override { ++closed; }

  FakeOutbox outbox;
  std::string ready;
  std::optional<grpc::Status> end;
  std::vector<int64_t> written;
  int closed = 0;
};

struct LastFlush final : IoFlush {
  void Flush() override { done.Open(); }
  Gate done;
};

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() : io_(0, builder_.AddCompletionQueue()), letters_(io_) {
    io_.Start();
    // Without Expect(): no stream of gRPC's is over.
    OnIoThread([&] { outbox().Open(); });
  }
  ~OutboxTest() override {
    OnIoThread([&] { letters_.EndWith("the test is over"); });
    while (outbox().writing()) EndWrite();
    if (outbox().finishing()) OnIoThread([&] { outbox().EndFinish(); });
    AwaitClosed();
    io_.Stop();
  }

  // Runs `function` on the I/O thread, and waits until what it has ready is
  // flushed.
  void OnIoThread(absl::AnyInvocable<void()> function) {
    LastFlush last;
    io_.Post([&] {
      function();
      io_.FlushLater(last);
    });
    last.done.Pass();
  }

  // The timer of a write is cancelled by the finish, and then says so.
  void AwaitClosed() {
    while (letters_.closed == 0) {
      OnIoThread([] {});
    }
  }

  FakeOutbox& outbox() { return letters_.outbox; }
  void EndWrite(bool ok = true) {
    OnIoThread([&] { outbox().EndWrite(ok); });
  }

  grpc::ServerBuilder builder_;
  IoThread io_;
  Letters letters_;
};

TEST_F(OutboxTest, WritesNothingUntilSomethingIsReady) {
  EXPECT_THAT(outbox().begun, IsEmpty());
  EXPECT_FALSE(outbox().closed());
}

TEST_F(OutboxTest, WhatBecomesReadyTogetherIsAskedForOnce) {
  OnIoThread([&] {
    for (const char letter : {'a', 'b', 'c'}) letters_.Add(letter);
    EXPECT_THAT(outbox().begun, IsEmpty());
  });
  EXPECT_THAT(outbox().begun, ElementsAre("abc"));
  EXPECT_EQ(outbox().pending_bytes(), 3);
  EndWrite();
  EXPECT_EQ(outbox().pending_bytes(), 0);
  EXPECT_THAT(letters_.written, ElementsAre(3));
}

TEST_F(OutboxTest, WhatGathersDuringAWriteGoesWithTheNext) {
  OnIoThread([&] { letters_.Add('a'); });
  for (const char letter : {'b', 'c'}) {
    OnIoThread([&] { letters_.Add(letter); });
  }
  EXPECT_THAT(outbox().begun, ElementsAre("a"));
  EXPECT_TRUE(outbox().writing());
  EXPECT_EQ(outbox().pending_bytes(), 3);
  EndWrite();
  EXPECT_THAT(outbox().begun, ElementsAre("a", "bc"));
  EXPECT_EQ(outbox().pending_bytes(), 2);
}

TEST_F(OutboxTest, FinishesOnlyWhenAllThatIsReadyHasLeft) {
  OnIoThread([&] { letters_.Add('a'); });
  OnIoThread([&] {
    letters_.EndWith("enough");
    letters_.Add('b');
  });
  EXPECT_THAT(outbox().begun, ElementsAre("a"));
  EndWrite();
  EXPECT_THAT(outbox().begun, ElementsAre("a", "b"));
  EXPECT_FALSE(outbox().finish_begun());
  EndWrite();
  EXPECT_THAT(outbox().begun, ElementsAre("a", "b", "finish: enough"));
  EXPECT_TRUE(outbox().finish_begun());
}

TEST_F(OutboxTest, BeginsNothingAfterTheFinish) {
  OnIoThread([&] { letters_.EndWith("enough"); });
  OnIoThread([&] { letters_.Add('a'); });
  OnIoThread([&] { letters_.EndWith("more than that"); });
  EXPECT_THAT(outbox().begun, ElementsAre("finish: enough"));
  OnIoThread([&] { outbox().EndFinish(); });
  EXPECT_THAT(outbox().begun, ElementsAre("finish: enough"));
}

TEST_F(OutboxTest, DropsWhatIsReadyAfterAWriteThatFailed) {
  OnIoThread([&] { letters_.Add('a'); });
  OnIoThread([&] { letters_.Add('b'); });
  EndWrite(/*ok=*/false);
  EXPECT_TRUE(outbox().broken());
  EXPECT_EQ(letters_.ready, "");
  EXPECT_EQ(outbox().pending_bytes(), 0);
  // It still waits for the owner to be done with it.
  OnIoThread([&] { letters_.Add('c'); });
  EXPECT_EQ(letters_.ready, "");
  EXPECT_THAT(outbox().begun, ElementsAre("a"));
  OnIoThread([&] { letters_.EndWith("gone"); });
  EXPECT_THAT(outbox().begun, ElementsAre("a", "finish: gone"));
}

TEST_F(OutboxTest, IsClosedWhenNothingOfItIsUnderWay) {
  OnIoThread([&] {
    letters_.Add('a');
    letters_.EndWith("enough");
  });
  EndWrite();
  EXPECT_FALSE(outbox().closed());
  EXPECT_EQ(letters_.closed, 0);
  OnIoThread([&] { outbox().EndFinish(); });
  AwaitClosed();
  EXPECT_TRUE(outbox().closed());
}

}  // namespace
}  // namespace pinion
