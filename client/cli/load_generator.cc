// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/load_generator.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pinion::cli {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

// How long Run() sleeps at most before it looks whether to stop.
constexpr int64_t kLongestSleep = 10 * kMillisecond;

// How often a due call looks for a place. Nobody is woken for one, so that an
// answer costs no system call.
constexpr int64_t kLookForPlace = kMillisecond / 10;

// The call that this thread is just sending, of whichever generator.
thread_local const void* being_sent = nullptr;

constexpr absl::Duration kPatienceWhenStopped = absl::Seconds(1);

}  // namespace

LoadGenerator::LoadGenerator(const LoadOptions& options,
                             const RequestMaker& requests, LoadTarget& target,
                             Clock& clock)
    : options_(options), requests_(requests), target_(target), clock_(clock) {
  // Seeds that are drawn, for neighbours of one sequence would be each other's
  // continuation.
  Random seeds(options_.seed);
  places_.reserve(static_cast<size_t>(options_.in_flight));
  for (int i = 0; i < options_.in_flight; ++i) {
    places_.emplace_back(seeds.Next());
  }
  if (!open_loop()) return;
  for (Place& place : places_) PutFree(place);
}

void LoadGenerator::Run() {
  first_due_ns_ = clock_.Now();
  const int64_t start =
      first_due_ns_ + absl::ToInt64Nanoseconds(options_.warm_up);
  start_ns_.store(start, std::memory_order_relaxed);
  end_ns_.store(start + absl::ToInt64Nanoseconds(options_.duration),
                std::memory_order_relaxed);
  if (open_loop()) {
    SendAll();
  } else {
    RunPlaces();
  }
  AwaitAnswers();
  // Pairs with the acquire in Look(), which then reads the figures of Run().
  over_.store(true, std::memory_order_release);
}

void LoadGenerator::RunPlaces() {
  for (Place& place : places_) {
    const int64_t now = clock_.Now();
    if (EndsNow(now)) {
      PutFree(place);
    } else {
      Send(place, place.random, now);
    }
  }
  for (int64_t now = clock_.Now(); !EndsNow(now); now = clock_.Now()) {
    // Those that were free by now; some may be so again at once.
    TakeAllFree();
    while (free_taken_ != nullptr) {
      Place* place = TakeFree();
      Send(*place, place->random, clock_.Now());
    }
    clock_.SleepUntil(
        std::min(end_ns_.load(std::memory_order_relaxed), now + kLongestSleep));
  }
}

void LoadGenerator::SendAll() {
  Random random(options_.seed);
  bool waits = false;
  while (true) {
    const int64_t now = clock_.Now();
    const bool ends = EndsNow(now);
    const int64_t end = end_ns_.load(std::memory_order_relaxed);
    const int64_t due = DueOf(sent_);
    if (due >= end) return;
    if (due > now) {
      clock_.SleepUntil(std::min(due, now + kLongestSleep));
      continue;
    }
    Place* place = TakeFree();
    if (place == nullptr) {
      if (ends) break;
      if (!std::exchange(waits, true)) ++waited_for_place_;
      clock_.SleepUntil(now + kLookForPlace);
      continue;
    }
    waits = false;
    send_delay_.Record(now - due);
    ++sent_;
    Send(*place, random, due);
  }
  const int64_t end = end_ns_.load(std::memory_order_relaxed);
  const auto due = static_cast<uint64_t>(std::ceil(
      static_cast<double>(end - first_due_ns_) * options_.rate / 1e9));
  unsent_ = due - std::min(due, sent_);
}

void LoadGenerator::Send(Place& place, Random& random, int64_t due_ns) {
  place.due_ns = due_ns;
  const absl::string_view request = requests_.Next(random, place.buffer);
  const void* const before = std::exchange(being_sent, &place);
  target_.Send(request, static_cast<uint32_t>(&place - places_.data()), *this);
  being_sent = before;
}

void LoadGenerator::Answered(uint32_t call,
                             const std::optional<ErrorKind>& error) {
  Place& place = places_[call];
  const int64_t now = clock_.Now();
  Count(place.due_ns, now, error);
  // What failed at once would do so again, within this very call: Run() sends
  // the next when it looks again.
  const bool at_once = being_sent == &place;
  if (!open_loop() && !at_once &&
      now < end_ns_.load(std::memory_order_relaxed) &&
      !stop_.load(std::memory_order_relaxed)) {
    Send(place, place.random, now);
  } else {
    PutFree(place);
  }
}

void LoadGenerator::Received(uint32_t call, bool first) {
  const int64_t due = places_[call].due_ns;
  const int64_t now = clock_.Now();
  const int64_t start = start_ns_.load(std::memory_order_relaxed);
  const int64_t end = end_ns_.load(std::memory_order_relaxed);
  if (now >= start && now < end) counts_.MessageWithinTime();
  if (first && due >= start && due < end) counts_.FirstMessage(now - due);
}

void LoadGenerator::Count(int64_t due_ns, int64_t now_ns,
                          const std::optional<ErrorKind>& error) {
  const int64_t start = start_ns_.load(std::memory_order_relaxed);
  const int64_t end = end_ns_.load(std::memory_order_relaxed);
  if (!error.has_value() && now_ns >= start && now_ns < end) {
    counts_.WithinTime();
  }
  if (due_ns < start || due_ns >= end) return;
  if (error.has_value()) {
    counts_.Failed(now_ns - due_ns, *error);
  } else {
    counts_.Succeeded(now_ns - due_ns);
  }
}

bool LoadGenerator::EndsNow(int64_t now_ns) {
  const int64_t end = end_ns_.load(std::memory_order_relaxed);
  if (now_ns >= end) return true;
  if (!stop_.load(std::memory_order_relaxed)) return false;
  end_ns_.store(now_ns, std::memory_order_relaxed);
  return true;
}

int64_t LoadGenerator::DueOf(uint64_t call) const {
  return first_due_ns_ +
         std::llround(static_cast<double>(call) * 1e9 / options_.rate);
}

void LoadGenerator::AwaitAnswers() {
  const auto patience = [&] {
    return absl::ToInt64Nanoseconds(
        stop_.load(std::memory_order_relaxed)
            ? std::min(kPatienceWhenStopped, options_.patience)
            : options_.patience);
  };
  // Each place is out until it is found among the free.
  open_ = places_.size();
  const int64_t from = clock_.Now();
  for (int64_t now = from; now < from + patience(); now = clock_.Now()) {
    while (TakeFree() != nullptr) --open_;
    if (open_ == 0) return;
    clock_.SleepUntil(now + kMillisecond);
  }
}

void LoadGenerator::PutFree(Place& place) {
  place.next_free = free_.load(std::memory_order_relaxed);
  // Pairs with the acquire in TakeAllFree(): who takes the place has all that
  // its last call left in it. Places are taken all at once, so that one which
  // comes back meanwhile is no trap.
  while (!free_.compare_exchange_weak(place.next_free, &place,
                                      std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
}

void LoadGenerator::TakeAllFree() {
  free_taken_ = free_.exchange(nullptr, std::memory_order_acquire);
}

LoadGenerator::Place* LoadGenerator::TakeFree() {
  if (free_taken_ == nullptr) TakeAllFree();
  Place* place = free_taken_;
  if (place != nullptr) free_taken_ = place->next_free;
  return place;
}

LoadGenerator::State LoadGenerator::Look() {
  State state;
  const bool over = over_.load(std::memory_order_acquire);
  state.answers = counts_.Look();
  const int64_t start = start_ns_.load(std::memory_order_relaxed);
  const int64_t end = end_ns_.load(std::memory_order_relaxed);
  if (start != 0) {
    state.measured = absl::Nanoseconds(
        std::max<int64_t>(0, std::min(clock_.Now(), end) - start));
  }
  if (over) {
    state.open = open_;
    state.send_delay = send_delay_;
    state.waited_for_place = waited_for_place_;
    state.unsent = unsent_;
  }
  return state;
}

}  // namespace pinion::cli
