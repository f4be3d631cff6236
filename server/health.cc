// SPDX-License-Identifier: Apache-2.0
#include "server/health.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

constexpr int kAllWorkers = -1;

}  // namespace

Health::Health(const std::vector<std::string>& services, int workers)
    : stalled_(static_cast<size_t>(workers)) {
  worker_of_[""] = kAllWorkers;
  for (const std::string& service : services) {
    worker_of_[service] = kAllWorkers;
  }
  for (int i = 0; i < workers; ++i) {
    worker_of_[absl::StrCat("pinion.worker.", i)] = i;
  }
}

void Health::AddObserver(std::function<void()> observer) {
  observers_.push_back(std::move(observer));
}

void Health::SetStarted() { SetPhase(Phase::kStarted); }

void Health::SetStopping() { SetPhase(Phase::kStopping); }

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
    if (phase_ != Phase::kStarted) return;  // Nothing that can be seen.
  }
  TellObservers();
}

HealthStatus Health::Of(absl::string_view name) const {
  const auto found = worker_of_.find(name);
  if (found == worker_of_.end()) return HealthStatus::kServiceUnknown;
  const int worker = found->second;
  MutexLock lock(mutex_);
  const bool stalled =
      worker == kAllWorkers
          ? std::find(stalled_.begin(), stalled_.end(), true) != stalled_.end()
          : stalled_[worker];
  return phase_ == Phase::kStarted && !stalled ? HealthStatus::kServing
                                               : HealthStatus::kNotServing;
}

void Health::TellObservers() const {
  for (const auto& observer : observers_) observer();
}

}  // namespace pinion
