// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call/answer_buffer.h"

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/server/internal/credit.h"

namespace pinion {
namespace {

class TestCall final : public RoutedCall {
 public:
  explicit TestCall(int number) : number(number) {}
  void Deliver() override {}
  Credit& credit() const override { return credit_; }

  const int number;

 private:
  mutable Credit credit_{1, 1};
};

// Counts its notices, and says when it is deleted. Its head is one byte, '#'.
class TestBuffer final : public AnswerBuffer {
 public:
  struct Seen {
    int deleted = 0;
    int64_t left_of_room = -1;
    std::mutex mutex;
    std::condition_variable changed;
    int notices = 0;
  };

  explicit TestBuffer(Seen& seen) : TestBuffer(seen, new Storage) {}

 private:
  static constexpr uint32_t kEntries = 8;
  static constexpr uint32_t kBytes = 400;
  struct Storage {
    Entry entries[kEntries];
    uint8_t bytes[kBytes];
  };

  TestBuffer(Seen& seen, Storage* storage)
      : AnswerBuffer(storage->entries, kEntries, storage->bytes, kBytes,
                     /*reserved=*/1000),
        seen_(seen),
        storage_(storage) {}
  ~TestBuffer() override {
    ++seen_.deleted;
    seen_.left_of_room = reserved();
    delete storage_;
  }
  uint8_t* WriteHead(const RoutedCall&, size_t, uint8_t* at) const override {
    *at = '#';
    return at + 1;
  }
  void Notify() override {
    const std::lock_guard<std::mutex> lock(seen_.mutex);
    ++seen_.notices;
    seen_.changed.notify_all();
  }

  Seen& seen_;
  Storage* const storage_;
};

class AnswerBufferTest : public ::testing::Test {
 protected:
  RoutedCall& Call(int number) { return calls_.emplace_back(number); }
  static void Add(AnswerBuffer& buffer, RoutedCall& call,
                  const std::string& response) {
    std::memcpy(buffer.Add(call, response.size()), response.data(),
                response.size());
  }
  // Adds an answer and releases it.
  void Send(int number, const std::string& response) {
    Add(*buffer_, Call(number), response);
    buffer_->Release([](RoutedCall&) { return true; });
  }
  // What the I/O thread sees and takes, at most `most`: numbers and bytes.
  std::string Take(size_t most = 100) {
    std::string all;
    size_t begin = buffer_->seen_begin();
    size_t count = 0;
    for (const AnswerBuffer::Entry& entry : buffer_->seen()) {
      if (count == most) break;
      if (entry.call != nullptr) {
        all += std::to_string(static_cast<TestCall*>(entry.call)->number);
        absl::StrAppend(&all, buffer_->bytes(begin, entry.end));
      }
      begin = entry.end;
      ++count;
    }
    buffer_->Take(count);
    return all;
  }

  TestBuffer::Seen seen_;
  std::deque<TestCall> calls_;
  AnswerBuffer* buffer_ = new TestBuffer(seen_);
};

TEST_F(AnswerBufferTest, OneNoticeIsEnoughUntilTheIoThreadLooks) {
  Send(1, "a");
  Send(2, "bb");
  EXPECT_EQ(seen_.notices, 1);
  EXPECT_EQ(buffer_->Look(), 2u);
  EXPECT_EQ(Take(), "1#a2#bb");
  Send(3, "");
  EXPECT_EQ(seen_.notices, 2);
  EXPECT_EQ(buffer_->Look(), 1u);
  EXPECT_EQ(Take(), "3#");
  buffer_->Close();
  EXPECT_EQ(seen_.deleted, 1);
}

TEST_F(AnswerBufferTest, WhatIsReleasedAfterALookWaitsForTheNext) {
  Send(1, "a");
  EXPECT_EQ(buffer_->Look(), 1u);
  Send(2, "b");
  EXPECT_EQ(Take(), "1#a");
  EXPECT_EQ(buffer_->Look(), 1u);
  EXPECT_EQ(Take(), "2#b");
  buffer_->Close();
  EXPECT_EQ(seen_.deleted, 1);
}

TEST_F(AnswerBufferTest, AnAnswerIsNotSeenBeforeItIsReleased) {
  Add(*buffer_, Call(1), "a");
  EXPECT_TRUE(buffer_->holds());
  EXPECT_EQ(seen_.notices, 0);
  buffer_->Release([](RoutedCall&) { return true; });
  EXPECT_FALSE(buffer_->holds());
  EXPECT_EQ(seen_.notices, 1);
  buffer_->Look();
  buffer_->Close();
  EXPECT_EQ(seen_.deleted, 0);
  EXPECT_EQ(Take(), "1#a");
  EXPECT_EQ(seen_.deleted, 1);
}

TEST_F(AnswerBufferTest, WhoWasAnsweredOtherwiseIsLeftOut) {
  for (int i = 1; i <= 5; ++i) Add(*buffer_, Call(i), std::string(i, 'x'));
  std::vector<int> asked;
  buffer_->Release([&](RoutedCall& call) {
    asked.push_back(static_cast<TestCall&>(call).number);
    return asked.back() == 2 || asked.back() == 4;
  });
  EXPECT_EQ(asked, (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(buffer_->Look(), 4u) << "the last is forgotten";
  EXPECT_EQ(Take(), "2#xx4#xxxx");
  buffer_->Close();
  EXPECT_EQ(seen_.deleted, 1);
}

TEST_F(AnswerBufferTest, TellsNothingIfAllWereAnsweredOtherwise) {
  Add(*buffer_, Call(1), "a");
  buffer_->Release([](RoutedCall&) { return false; });
  EXPECT_EQ(seen_.notices, 0);
  Send(2, "b");
  EXPECT_EQ(buffer_->Look(), 1u);
  EXPECT_EQ(Take(), "2#b");
  buffer_->Close();
}

TEST_F(AnswerBufferTest, DropsWhatItHoldsAndKeepsWhatIsReleased) {
  Send(1, "a");
  Add(*buffer_, Call(2), "b");
  Add(*buffer_, Call(3), "c");
  std::vector<int> dropped;
  buffer_->Drop([&](RoutedCall& call) {
    dropped.push_back(static_cast<TestCall&>(call).number);
  });
  EXPECT_EQ(dropped, (std::vector<int>{2, 3}));
  EXPECT_FALSE(buffer_->holds());
  buffer_->Look();
  EXPECT_EQ(Take(), "1#a");
  buffer_->Close();
}

TEST_F(AnswerBufferTest, IsDeletedInCloseIfNothingWasEverReleased) {
  buffer_->Close();
  EXPECT_EQ(seen_.deleted, 1);
  EXPECT_EQ(seen_.left_of_room, 1000);
}

TEST_F(AnswerBufferTest, IsDeletedWithTheLastAnswerIfItWasClosedBefore) {
  Send(1, "a");
  Send(2, "b");
  buffer_->Close();
  buffer_->Look();
  EXPECT_EQ(Take(1), "1#a");
  EXPECT_EQ(seen_.deleted, 0);
  EXPECT_EQ(Take(), "2#b");
  EXPECT_EQ(seen_.deleted, 1);
  EXPECT_EQ(seen_.left_of_room, 1000 - 4) << "two heads and two responses";
}

TEST_F(AnswerBufferTest, HasRoomForSoManyAnswersAndSoManyBytes) {
  EXPECT_TRUE(buffer_->HasRoomFor(400 - AnswerBuffer::kMaxHead));
  EXPECT_FALSE(buffer_->HasRoomFor(401 - AnswerBuffer::kMaxHead));
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(buffer_->HasRoomFor(1));
    Send(i, "x");
  }
  EXPECT_FALSE(buffer_->HasRoomFor(0));
  buffer_->Look();
  Take();
  buffer_->Close();
}

// Buffer after buffer, while another thread takes as soon as it is told.
TEST_F(AnswerBufferTest, EachAnswerIsTakenOnceWhileTheWorkerAddsMore) {
  buffer_->Close();
  constexpr int kBuffers = 2000;
  constexpr int kAnswers = 8;
  std::deque<TestBuffer::Seen> seen(kBuffers);
  std::vector<AnswerBuffer*> buffers;
  std::deque<TestCall> calls;
  for (int i = 0; i < kBuffers; ++i) buffers.push_back(new TestBuffer(seen[i]));
  for (int i = 0; i < kAnswers; ++i) calls.emplace_back(i);
  std::thread io([&] {
    for (int i = 0; i < kBuffers; ++i) {
      size_t taken = 0;
      for (int notices = 1; taken < kAnswers; ++notices) {
        {
          std::unique_lock<std::mutex> lock(seen[i].mutex);
          seen[i].changed.wait(lock,
                               [&] { return seen[i].notices >= notices; });
        }
        const uint32_t more = buffers[i]->Look();
        for (const AnswerBuffer::Entry& entry : buffers[i]->seen()) {
          EXPECT_EQ(static_cast<TestCall*>(entry.call)->number,
                    static_cast<int>(taken));
          ++taken;
        }
        buffers[i]->Take(more);
      }
    }
  });
  for (AnswerBuffer* buffer : buffers) {
    for (TestCall& call : calls) {
      Add(*buffer, call, "response");
      buffer->Release([](RoutedCall&) { return true; });
    }
    buffer->Close();
  }
  io.join();
  for (const TestBuffer::Seen& its : seen) EXPECT_EQ(its.deleted, 1);
}

}  // namespace
}  // namespace pinion
