// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/health.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// A product such as 0.3 * 10 may lie a little above the number that is meant.
constexpr double kRounding = 1e-9;

int FewestServing(double share, int workers) {
  return std::max(1, static_cast<int>(std::ceil(share * workers - kRounding)));
}

}  // namespace

Health::Health(const std::vector<std::string>& services, int workers,
               double healthy_share)
    : names_(services),
      fewest_serving_(FewestServing(healthy_share, workers)),
      stalled_(static_cast<size_t>(workers)),
      times_stalled_(static_cast<size_t>(workers)) {
  worker_of_[""] = kAllWorkers;
  for (const std::string& service : services) {
    worker_of_[service] = kAllWorkers;
  }
  for (int i = 0; i < workers; ++i) {
    names_.push_back(absl::StrCat("pinion.worker.", i));
    worker_of_[names_.back()] = i;
  }
}

void Health::AddObserver(std::function<void()> observer) {
  observers_.push_back(std::move(observer));
}

void Health::SetStarted() { SetPhase(Phase::kStarted); }

void Health::SetStopping() { SetPhase(Phase::kStopping); }

bool Health::stopping() const {
  MutexLock lock(mutex_);
  return phase_ == Phase::kStopping;
}

void Health::SetPhase(Phase phase) {
  {
    MutexLock lock(mutex_);
    if (phase <= phase_) return;  // There is no way back.
    phase_ = phase;
  }
  TellObservers();
}

void Health::SetStalled(int worker, bool stalled) {
  {
    MutexLock lock(mutex_);
    if (stalled_[worker] == stalled) return;
    stalled_[worker] = stalled;
    if (stalled) ++times_stalled_[worker];
    if (phase_ != Phase::kStarted) return;  // Nothing that can be seen.
  }
  TellObservers();
}

bool Health::IsStalled(int worker) const {
  MutexLock lock(mutex_);
  return stalled_[worker];
}

uint64_t Health::TimesStalled(int worker) const {
  MutexLock lock(mutex_);
  return times_stalled_[worker];
}

void Health::SetHealthyShare(double healthy_share) {
  {
    MutexLock lock(mutex_);
    fewest_serving_ =
        FewestServing(healthy_share, static_cast<int>(stalled_.size()));
    if (phase_ != Phase::kStarted) return;  // Nothing that can be seen.
  }
  TellObservers();
}

HealthStatus Health::Of(absl::string_view name) const {
  const auto found = worker_of_.find(name);
  if (found == worker_of_.end()) return HealthStatus::kServiceUnknown;
  MutexLock lock(mutex_);
  return phase_ == Phase::kStarted && Serves(found->second)
             ? HealthStatus::kServing
             : HealthStatus::kNotServing;
}

bool Health::Serves(int worker) const {
  if (worker != kAllWorkers) return !stalled_[worker];
  return std::count(stalled_.begin(), stalled_.end(), false) >= fewest_serving_;
}

void Health::TellObservers() const {
  for (const auto& observer : observers_) observer();
}

}  // namespace pinion
