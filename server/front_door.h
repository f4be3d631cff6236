// SPDX-License-Identifier: Apache-2.0
//
// FrontDoor: where an arrived call is routed and admitted, or refused; and the
//            count of those inside.
//
// Threads: anyone; made before calls arrive.
// Example: if (auto refusal = door.Enter(lanes, asked, call)) Send(*refusal);
//          ...                              // When its answer has left:
//          if (call->inside) door.Leave();
#ifndef PINION_SERVER_FRONT_DOOR_H_
#define PINION_SERVER_FRONT_DOOR_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/mutex.h"
#include "server/answer.h"
#include "server/credit.h"
#include "server/lanes.h"
#include "server/routed_call.h"
#include "server/router.h"

namespace pinion {

struct FrontDoorOptions {
  // How many calls, with how many bytes of requests and answers, the server
  // holds at most; see Credit for the ranges.
  int64_t most_calls = 1'000'000;
  int64_t most_bytes = int64_t{1} << 30;
  // For calls that come without a deadline; none: they have as long as it
  // takes.
  std::optional<std::chrono::nanoseconds> default_timeout = std::nullopt;
};

// What the metadata of a call asks for, as it stands there.
struct Wishes {
  std::optional<absl::string_view> worker;    // pinion-worker
  std::optional<absl::string_view> priority;  // pinion-priority
};

// A call at the door, the lanes of its method, and what it asks for.
struct Entrant {
  RoutedCall* call;
  Lanes* lanes;
  Wishes wishes;
};

class FrontDoor {
 public:
  FrontDoor(const Router& router, const Clock& clock,
            const FrontDoorOptions& options)
      : router_(router),
        clock_(clock),
        options_(options),
        credit_(options.most_calls, options.most_bytes) {}

  // Gives each call to the lane its route leads to, those of one lane in their
  // order: from then on it is answered by whoever wins its fate. Or hands it to
  // `refuse`, and the caller answers it so. Unless the door is closed they are
  // inside from now on, refused or not.
  void EnterAll(
      absl::Span<const Entrant> entrants,
      absl::FunctionRef<void(RoutedCall& call, Answer refusal)> refuse);

  // The same for one call: returns the refusal.
  std::optional<Answer> Enter(Lanes& lanes, const Wishes& wishes,
                              RoutedCall* call);

  // Says that the answers of calls that were inside have left. Once for each.
  void Leave(int64_t calls = 1);

  // Refuses all calls from now on.
  void Close();

  // Waits until no call is inside, or `timeout` has passed, or it is told to
  // give up; after Close(). Returns whether none is.
  bool AwaitEmpty(absl::Duration timeout);

  // Has AwaitEmpty() wait no longer, now and later. Anyone.
  void GiveUpWaiting();

  // What the server holds now, of accepted calls.
  const Credit& credit() const { return credit_; }
  // For its calls.
  Credit& credit() { return credit_; }

 private:
  // The word: whether the door is closed (1 bit), and how many are inside.
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;

  bool Empty() const {
    return word_.load(std::memory_order_acquire) == kClosed;
  }

  // Calls that go to one lane, and in it to one list.
  struct Party {
    Lanes* lanes;
    int worker;
    TaskClass task_class;
    std::vector<RoutedCall*> calls;
  };
  // The parties of calls that came together.
  class Parties;

  // Where the call is to go; an error if that cannot be told.
  absl::StatusOr<int> Route(const Entrant& entrant) const;
  // Takes the server's places for it; or why not.
  std::optional<Answer> Reserve(const Entrant& entrant, int worker);

  const Router& router_;
  const Clock clock_;
  const FrontDoorOptions options_;
  std::atomic<uint64_t> word_{0};
  Credit credit_;

  // Held to tell the one who waits.
  Mutex mutex_;
  CondVar changed_;
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_FRONT_DOOR_H_
