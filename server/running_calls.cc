// SPDX-License-Identifier: Apache-2.0
#include "server/running_calls.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/call_context.h"

namespace pinion {

std::string RunningCalls::Describe(int worker, const Clock& clock) {
  std::string text;
  Visit(worker, [&](const RoutedCall& call, Moment since) {
    const absl::Duration age = absl::Trunc(
        absl::FromChrono(clock.Now() - since), absl::Milliseconds(1));
    const std::optional<Key> key = CallContext(call, clock).key();
    text = absl::StrCat(call.method->path, ", ",
                        key.has_value() ? "key " : "no key",
                        key.has_value() ? key->ToString() : "", ", for ",
                        absl::FormatDuration(age));
  });
  return text;
}

}  // namespace pinion
