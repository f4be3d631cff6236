// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/lane_observer.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/internal/hosted_method.h"
#include "pinion/server/observe/call_note.h"
#include "pinion/server/observe/noted_key.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/slot.h"

namespace pinion {
namespace {

NotedKey KeyOf(const RoutedCall& call, uint64_t key_seed) {
  const HostedMethod& method = call.method();
  if (!method.key.has_value()) return {};
  // It was read when the call was routed, so it can be read.
  const absl::StatusOr<Key> key = method.key->Read(call.request());
  if (!key.ok()) return {};
  return NotedKey(key->bytes(), key->Hash(key_seed));
}

}  // namespace

void LaneObserver::StartSampling(uint64_t of) {
  of_ = of;
  left_ = step_ = of == 0 ? 0 : steps_.Next(of);
}

void LaneObserver::Note(const RoutedCall& call, const ObservedRun& run) {
  const NotedKey key = KeyOf(call, shared_.key_seed);
  const bool has_key = key.size > 0;
  const int64_t ran = std::max<int64_t>((run.ended - run.claimed).count(), 0);
  CallNote note = {
      .method = &call.method(),
      .number = ++notes_.notes,
      .ended = run.ended.nanos(),
      // An I/O thread's clock accepted it, which may be a little ahead.
      .waited_ns = std::max<int64_t>((run.claimed - call.accepted).count(), 0),
      .ran_ns = ran,
      .key_hash = key.hash,
      .worker = worker,
      .code = static_cast<int32_t>(run.code),
      .batch = static_cast<uint32_t>(run.batch),
      .kept = run.kept,
      .is_of_key = has_key};
  if (const Identity* const identity = call.identity()) {
    note.SetPrincipal(identity->ToString());
  }
  notes_.slow.Add(note, key);
  if (left_ != 0 || of_ == 0) return;
  const uint64_t calls = step_;
  left_ = step_ = steps_.Next(of_);
  OwnHotKeys().Add(
      shared_.windows.At(run.ended), has_key ? &key : nullptr,
      {.calls = calls,
       .ran_ns = calls * static_cast<uint64_t>(ran) / run.shared_by});
  if (has_key) shared_.recent.Add(SlotOf(key.hash), note);
}

HotKeys& LaneObserver::OwnHotKeys() {
  HotKeys* its = hot_keys_.load(std::memory_order_relaxed);
  if (its == nullptr) {
    its = new HotKeys;
    hot_keys_.store(its, std::memory_order_release);
  }
  return *its;
}

}  // namespace pinion
