// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/running_calls.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/server/call_context.h"
#include "pinion/server/security/identity/identity.h"

namespace pinion {

std::optional<RunningCalls::Running> RunningCalls::WhatRuns(
    int worker, const Clock& clock) {
  std::optional<Running> running;
  Visit(worker, [&](const RoutedCall& call, Moment since) {
    running = {.method = call.method().path,
               .key = std::nullopt,
               .caller = {},
               .work = {},
               .age = clock.Now() - since};
    const std::optional<Key> key = CallContext(call, clock).key();
    if (key.has_value()) running->key.emplace(key->bytes());
    if (const Identity* const caller = call.identity()) {
      running->caller = caller->ToString();
    }
  });
  if (running.has_value()) return running;
  const RunningWork::Work work = work_.Look(worker);
  if (work.what == nullptr) return std::nullopt;
  return Running{.method = {},
                 .key = std::nullopt,
                 .caller = {},
                 .work = *work.what,
                 .age = clock.Now() - work.since};
}

std::string RunningCalls::Describe(
    int worker, const Clock& clock,
    absl::FunctionRef<std::string(absl::string_view key)> describe_key) {
  const std::optional<Running> running = WhatRuns(worker, clock);
  if (!running.has_value()) return "";
  const std::string age =
      absl::StrCat(", for ", DurationText(absl::FromChrono(running->age)));
  if (running->method.empty()) return absl::StrCat(running->work, age);
  return absl::StrCat(
      running->method, ", ",
      running->key.has_value() ? describe_key(*running->key) : "no key", age);
}

}  // namespace pinion
