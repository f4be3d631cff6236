// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/policy_in_force.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// Each name comes with its length, so that no two sets look the same.
void AppendKey(const Identity& identity, std::string* key) {
  for (const Principal& principal : identity.principals()) {
    absl::StrAppend(key, static_cast<int>(principal.kind), ":",
                    principal.name.size(), ":", principal.name);
  }
}

}  // namespace

void PolicyInForce::Set(std::optional<PolicyRules> rules, bool dry_run) {
  std::shared_ptr<const PolicyState> before;
  {
    MutexLock lock(mutex_);
    before = state_;
  }
  std::shared_ptr<const PolicyState> state;
  if (rules.has_value()) {
    state = std::make_shared<PolicyState>(*std::move(rules), dry_run, clock_,
                                          log_, before.get());
  }
  HashMap<std::string, std::shared_ptr<Verdicts>> forgotten;
  MutexLock lock(mutex_);
  exists_.store(state != nullptr, std::memory_order_relaxed);
  state_ = std::move(state);
  verdicts_.swap(forgotten);
  // Release, with the acquire in generation().
  generation_.fetch_add(1, std::memory_order_release);
}

void PolicyInForce::SetDryRun(bool dry_run) {
  std::shared_ptr<const PolicyState> state;
  {
    MutexLock lock(mutex_);
    state = state_;
  }
  Set(state != nullptr ? std::optional(state->rules()) : std::nullopt, dry_run);
}

std::shared_ptr<Verdicts> PolicyInForce::For(const Identity& identity) {
  if (!exists()) return nullptr;
  thread_local std::string key;
  key.clear();
  AppendKey(identity, &key);
  std::shared_ptr<const PolicyState> state;
  {
    MutexLock lock(mutex_);
    const auto found = verdicts_.find(key);
    if (found != verdicts_.end()) return found->second;
    state = state_;
  }
  if (state == nullptr) return nullptr;
  // Without the lock: it looks at each rule.
  auto made = std::make_shared<Verdicts>(state, identity, methods_);
  MutexLock lock(mutex_);
  if (state != state_) return made;  // It was right when the call came.
  if (verdicts_.size() >= kMaxClients) verdicts_.clear();
  return verdicts_.emplace(key, std::move(made)).first->second;
}

std::optional<PolicySnapshot> PolicyInForce::Snapshot() const {
  std::shared_ptr<const PolicyState> state;
  {
    MutexLock lock(mutex_);
    state = state_;
  }
  if (state == nullptr) return std::nullopt;
  return state->Snapshot();
}

}  // namespace pinion
