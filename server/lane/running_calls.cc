// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/running_calls.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/server/call_context.h"

namespace pinion {

namespace {

// ", for 1.2s"
std::string ForHowLong(Moment since, const Clock& clock) {
  return absl::StrCat(", for ",
                      DurationText(absl::FromChrono(clock.Now() - since)));
}

}  // namespace

std::string RunningCalls::Describe(int worker, const Clock& clock) {
  std::string text;
  Visit(worker, [&](const RoutedCall& call, Moment since) {
    const std::optional<Key> key = CallContext(call, clock).key();
    text = absl::StrCat(
        call.method().path, ", ", key.has_value() ? "key " : "no key",
        key.has_value() ? key->ToString() : "", ForHowLong(since, clock));
  });
  if (!text.empty()) return text;
  const RunningWork::Work work = work_.Look(worker);
  if (work.what == nullptr) return text;
  return absl::StrCat(*work.what, ForHowLong(work.since, clock));
}

}  // namespace pinion
