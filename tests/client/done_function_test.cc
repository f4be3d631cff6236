// SPDX-License-Identifier: Apache-2.0
//
// This program counts what memory is taken.
#include "pinion/client/done_function.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/client/call_options.h"
#include "pinion/tests/support/counted_allocations.h"

namespace pinion::client_internal {
namespace {

using ::pinion::testing::CountedAllocations;

const Reply& SomeReply() {
  static const auto* const reply =
      new Reply{.status = absl::OkStatus(), .response = "some"};
  return *reply;
}

TEST(DoneFunctionTest, CallsWhatItHoldsWithTheReply) {
  std::string got;
  DoneFunction done = [&](const Reply& reply) {
    got = std::string(reply.response);
  };
  EXPECT_TRUE(static_cast<bool>(done));
  done(SomeReply());
  EXPECT_EQ(got, "some");
}

TEST(DoneFunctionTest, IsEmptyUntilItHoldsSomethingAndAfterItsMove) {
  DoneFunction done;
  EXPECT_FALSE(static_cast<bool>(done));
  done = [](const Reply&) {};
  DoneFunction moved = std::move(done);
  EXPECT_FALSE(static_cast<bool>(done));
  EXPECT_TRUE(static_cast<bool>(moved));
  moved = nullptr;
  EXPECT_FALSE(static_cast<bool>(moved));
}

TEST(DoneFunctionTest, TakesNoMemoryForFortyBytes) {
  int sum = 0;
  struct Captured {
    int* sum;
    std::array<int64_t, 4> more;
  };
  const Captured captured = {&sum, {1, 2, 3, 4}};
  auto owned = std::make_unique<int>(5);
  const uint64_t before = CountedAllocations();
  DoneFunction pointers = [captured](const Reply&) {
    *captured.sum += static_cast<int>(captured.more[3]);
  };
  DoneFunction owner = [owned = std::move(owned), &sum](const Reply&) {
    sum += *owned;
  };
  DoneFunction moved = std::move(pointers);
  pointers = std::move(owner);
  moved(SomeReply());
  pointers(SomeReply());
  EXPECT_EQ(CountedAllocations(), before);
  EXPECT_EQ(sum, 9);
}

TEST(DoneFunctionTest, HoldsMoreThanThatToo) {
  std::array<int64_t, 6> numbers = {1, 2, 3, 4, 5, 6};
  int64_t sum = 0;
  DoneFunction done = [numbers, &sum](const Reply&) {
    for (const int64_t number : numbers) sum += number;
  };
  DoneFunction moved = std::move(done);
  moved(SomeReply());
  EXPECT_EQ(sum, 21);
}

// Counts its copies that live.
class Counted {
 public:
  explicit Counted(int* alive) : alive_(alive) { ++*alive_; }
  Counted(Counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  ~Counted() { --*alive_; }

 private:
  int* alive_;
};

TEST(DoneFunctionTest, DestroysWhatItHeldOnce) {
  int alive = 0;
  {
    DoneFunction small = [held = Counted(&alive)](const Reply&) {};
    DoneFunction large = [held = Counted(&alive),
                          more = std::array<int64_t, 9>()](const Reply&) {
      EXPECT_EQ(more.size(), 9u);
    };
    EXPECT_EQ(alive, 2);
    DoneFunction moved = std::move(small);
    EXPECT_EQ(alive, 2);
    moved = std::move(large);
    EXPECT_EQ(alive, 1);
    moved = nullptr;
    EXPECT_EQ(alive, 0);
    small = [held = Counted(&alive)](const Reply&) {};
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(DoneFunctionTest, DestroysWhatItHeldAfterItIsEmpty) {
  struct Last {
    DoneFunction* self;
    bool* was_empty;
    Last(DoneFunction* self, bool* was_empty)
        : self(self), was_empty(was_empty) {}
    Last(Last&& other) noexcept
        : self(std::exchange(other.self, nullptr)),
          was_empty(other.was_empty) {}
    ~Last() {
      if (self != nullptr) *was_empty = !static_cast<bool>(*self);
    }
  };
  bool was_empty = false;
  DoneFunction done;
  done = [last = Last(&done, &was_empty)](const Reply&) {};
  done = nullptr;
  EXPECT_TRUE(was_empty);
}

TEST(DoneFunctionTest, HoldsOtherFunctionsAndChangesThem) {
  int calls = 0;
  DoneFunction of_std =
      std::function<void(const Reply&)>([&](const Reply&) { ++calls; });
  DoneFunction of_absl =
      absl::AnyInvocable<void(const Reply&)>([&](const Reply&) { ++calls; });
  int last = 0;
  DoneFunction changing = [n = 0, &last](const Reply&) mutable { last = ++n; };
  of_std(SomeReply());
  of_absl(SomeReply());
  changing(SomeReply());
  changing(SomeReply());
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(last, 2);
}

}  // namespace
}  // namespace pinion::client_internal
