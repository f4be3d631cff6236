// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/worker_rest.h"

namespace pinion {
namespace {

// Lets the other hardware thread of a core go first for a moment.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

WorkerRest::WorkerRest(const SpinOptions& options, const Clock& clock,
                       const ThreadRole& worker_thread)
    : worker_thread_(worker_thread),
      clock_(clock),
      spin_ticks_(clock.TicksOf(options.limit)),
      spin_(options.policy) {}

uint64_t WorkerRest::AwaitWork(uint64_t now, std::optional<Moment> timer) {
  worker_thread_.Assert();
  idle_since_ = now;
  if (!Spin(timer) && AnnounceSleep()) {
    inbox_.Sleep(timer);
    PINION_POINT(kAwake);
  }
  awake_ = clock_.Ticks();
  tallies_.idle_ticks.Add(awake_ - now);
  // What has come tells itself when it came; a timer does so now.
  if (inbox_.empty()) LearnFromWaitFor(awake_, /*was_woken=*/false);
  return awake_;
}

bool WorkerRest::Spin(std::optional<Moment> timer) {
  if (!spin_.worthwhile()) return false;
  // The counter is read now and then only: reading it takes longer than a look.
  constexpr int kLooks = 16;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (!inbox_.empty()) {
        tallies_.spins_paid.Add(1);
        return true;
      }
      Pause();
    }
    if (timer.has_value() && *timer <= clock_.Now()) return true;
  } while (clock_.Ticks() - *idle_since_ < spin_ticks_);
  tallies_.spins_unpaid.Add(1);
  return false;
}

bool WorkerRest::AnnounceSleep() {
  worker_thread_.Assert();
  PINION_POINT(kIdle);
  if (!inbox_.TrySleep()) return false;
  announced_ = true;
  tallies_.sleeps.Add(1);
  PINION_POINT(kAnnounced);
  return true;
}

void WorkerRest::Learn(uint64_t arrival, bool was_woken) {
  const auto waited = static_cast<int64_t>(arrival - *idle_since_);
  spin_.Learn(waited < static_cast<int64_t>(spin_ticks_));
  if (was_woken) {
    last_wake_ = WakeTimes::Within(*idle_since_, arrival, awake_);
  }
  idle_since_.reset();
}

}  // namespace pinion
