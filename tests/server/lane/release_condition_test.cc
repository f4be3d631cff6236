// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/release_condition.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/shard_factory.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/shard_info.h"
#include "pinion/v1/failure.pb.h"
#include "tests/server/support/lanes_model_test.pb.h"

namespace pinion {
namespace {

// Fails calls with a padding.
struct Shard {
  explicit Shard(const ShardInfo&) {}
  absl::Status Handle(const test::Work& work, test::Done*) {
    if (work.padding().empty()) return absl::OkStatus();
    return absl::AbortedError(work.padding());
  }
};

// The lane of one worker, whose batches have the numbers 1, 2 and so on.
class ReleaseConditionTest : public ::testing::Test, private ReleaseCondition {
 protected:
  ReleaseConditionTest()
      : scheduler_(Scheduler::Manual({.workers = 1}, clock_.clock())),
        service_("pinion.test.LanesModelService", ShardFactory::Of<Shard>()) {
    service_.On("Urgent", &Shard::Handle).On("Bulk", &Shard::Handle);
    auto lanes = Lanes::Create(*scheduler_, service_, {.release = this},
                               running_, owners_);
    EXPECT_TRUE(lanes.ok()) << lanes.status();
    lanes_ = *std::move(lanes);
  }
  ~ReleaseConditionTest() override {
    lanes_->DestroyShards();
    EXPECT_EQ(lanes_->used(0), 0);
    EXPECT_TRUE(scheduler_->Stop().ok());
    lanes_.reset();
    EXPECT_EQ(credit_.bytes(), 0);
    EXPECT_EQ(calls_open_, 0);
  }

  class SentBuffer;
  class Call final : public RoutedCall {
   public:
    Call(ReleaseConditionTest& test, int number, std::string request)
        : number(number), test_(test), request_(std::move(request)) {
      in_session = true;
      set_request(request_);
      ++test_.calls_open_;
    }
    ~Call() override { --test_.calls_open_; }
    void Deliver() override {
      const v1::Failure* const failure = answer.failure();
      test_.alone.push_back({number, answer.status,
                             failure == nullptr ? v1::EXECUTED_UNSPECIFIED
                                                : failure->executed()});
      Unref();
    }
    const void* answered_by() const override { return &test_; }
    AnswerBuffer* MakeAnswerBuffer(uint32_t entries, uint32_t bytes,
                                   int64_t reserved) override;
    Credit& credit() const override { return test_.credit_; }

    const int number;

   private:
    ReleaseConditionTest& test_;
    const std::string request_;
  };

  // An answer that left outside a buffer.
  struct Alone {
    int number;
    absl::Status status;
    v1::Executed executed;
  };

  // Sends a call; with an `error`, which its handler returns.
  RoutedCall* Send(int number, const std::string& error = "") {
    test::Work work;
    work.set_padding(error);
    auto* call = new Call(*this, number, work.SerializeAsString());
    call->served = &lanes_->served(1);
    call->task_class = call->method().task_class;
    EXPECT_FALSE(lanes_->Admit(0, call).has_value());
    return call;
  }
  void RunBatch() {
    ++batches_;
    scheduler_->RunUntilIdle(0);
  }
  // Calls and answers, until the size of an answer is known.
  void Warm() {
    Send(0);
    RunBatch();
    lanes_->ReleaseAnswers(0, batches_);
    alone.clear();
  }
  void Release(uint64_t batches) { lanes_->ReleaseAnswers(0, batches); }
  CallCounts Counts() const { return lanes_->Snapshot(0).counts; }

  std::vector<int> sent;  // The calls whose answers left in buffers.
  std::vector<Alone> alone;
  std::unique_ptr<Lanes> lanes_;

 private:
  uint64_t AfterBatch(int) override { return batches_; }

  FakeClock clock_;
  std::unique_ptr<Scheduler> scheduler_;
  const SlotOwners owners_{1, 0};
  RunningCalls running_{1};
  ShardedService<Shard> service_;
  mutable Credit credit_{1000, 1 << 20};
  int calls_open_ = 0;
  uint64_t batches_ = 0;
};

// Is taken as soon as it tells.
class ReleaseConditionTest::SentBuffer final : public AnswerBuffer {
 public:
  SentBuffer(ReleaseConditionTest& test, std::vector<Entry> entries,
             std::vector<uint8_t> bytes, int64_t reserved)
      : AnswerBuffer(entries.data(), static_cast<uint32_t>(entries.size()),
                     bytes.data(), static_cast<uint32_t>(bytes.size()),
                     reserved),
        test_(test),
        entries_(std::move(entries)),
        bytes_(std::move(bytes)) {}
  ~SentBuffer() override { test_.credit_.Return(0, reserved()); }

 private:
  uint8_t* WriteHead(const RoutedCall&, size_t, uint8_t* at) const override {
    return at;
  }
  void Notify() override {
    const uint32_t more = Look();
    const std::vector<Entry> taken(seen().begin(), seen().end());
    test_.credit_.Return(0, Take(more));
    for (const Entry& entry : taken) {
      if (entry.call == nullptr) continue;
      test_.sent.push_back(static_cast<Call*>(entry.call)->number);
      entry.call->Unref();
      entry.call->Unref();
    }
  }

  ReleaseConditionTest& test_;
  std::vector<Entry> entries_;
  std::vector<uint8_t> bytes_;
};

AnswerBuffer* ReleaseConditionTest::Call::MakeAnswerBuffer(uint32_t entries,
                                                           uint32_t bytes,
                                                           int64_t reserved) {
  return new SentBuffer(test_, std::vector<AnswerBuffer::Entry>(entries),
                        std::vector<uint8_t>(bytes), reserved);
}

TEST_F(ReleaseConditionTest, AnswersWaitUntilTheConditionIsReached) {
  Warm();
  Send(1);
  Send(2);
  RunBatch();
  EXPECT_EQ(sent, std::vector<int>());
  EXPECT_EQ(Counts().running, 2u);
  Release(1);
  EXPECT_EQ(sent, std::vector<int>());
  Release(2);
  EXPECT_EQ(sent, (std::vector<int>{1, 2}));
  EXPECT_EQ(Counts().running, 0u);
  EXPECT_EQ(Counts().ok, 3u);
}

TEST_F(ReleaseConditionTest, ReleasesTheBatchesThatItHasReachedAndNoOthers) {
  Warm();
  for (int i = 1; i <= 3; ++i) {
    Send(i);
    RunBatch();
  }
  Release(3);
  EXPECT_EQ(sent, (std::vector<int>{1, 2}));
  Release(4);
  EXPECT_EQ(sent, (std::vector<int>{1, 2, 3}));
}

TEST_F(ReleaseConditionTest, ErrorsWaitAsWell) {
  Warm();
  Send(1, "no");
  RunBatch();
  EXPECT_TRUE(alone.empty());
  Release(2);
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0].status, absl::AbortedError("no"));
}

TEST_F(ReleaseConditionTest, AWaitingCallCanBeAnsweredOtherwiseAndThenIsNot) {
  for (const RevokeReason reason :
       {RevokeReason::kExpired, RevokeReason::kCancelled,
        RevokeReason::kStopped}) {
    Warm();
    sent.clear();
    Send(1);
    RoutedCall* const revoked = Send(2);
    Send(3);
    RoutedCall* const failed = Send(4, "no");
    RunBatch();
    lanes_->Revoke(*revoked, reason);
    lanes_->Revoke(*failed, reason);
    ASSERT_EQ(alone.size(), 2u);
    for (const Alone& its : alone) {
      EXPECT_FALSE(its.status.ok());
      EXPECT_EQ(its.executed, v1::EXECUTED_MAYBE) << its.number;
    }
    Release(UINT64_MAX);
    EXPECT_EQ(sent, (std::vector<int>{1, 3}));
    EXPECT_EQ(alone.size(), 2u);
  }
}

TEST_F(ReleaseConditionTest, WhatIsNeverReleasedIsDroppedOnceAllIsAnswered) {
  Warm();
  RoutedCall* const one = Send(1);
  RoutedCall* const other = Send(2, "no");
  RunBatch();
  lanes_->Revoke(*one, RevokeReason::kStopped);
  lanes_->Revoke(*other, RevokeReason::kStopped);
  lanes_->DestroyShards();
  EXPECT_EQ(sent, std::vector<int>());
  EXPECT_EQ(alone.size(), 2u);
}

}  // namespace
}  // namespace pinion
