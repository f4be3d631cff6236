// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/slow_calls.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace pinion {

int64_t SlowCalls::Longest::Put(int64_t span, const SlowCall& call) {
  size_t at = used;
  if (used < kPlaces) {
    ++used;
  } else {
    at = std::min_element(spans.begin(), spans.end()) - spans.begin();
  }
  spans[at] = span;
  calls[at].Set(call);
  return used < kPlaces ? -1 : *std::min_element(spans.begin(), spans.end());
}

void SlowCalls::StartLists(uint64_t window) {
  window_ = window;
  OfWindow& its = windows_[window % 2];
  its.took.used = 0;
  its.ran.used = 0;
  least_took_ = -1;
  least_ran_ = -1;
}

void SlowCalls::Add(const CallNote& note, const NotedKey& key) {
  const SlowCall call = {.note = note, .key = key, .window = window_};
  OfWindow& its = windows_[window_ % 2];
  if (note.took_ns() > least_took_) {
    least_took_ = its.took.Put(note.took_ns(), call);
  }
  if (note.ran_ns > least_ran_) least_ran_ = its.ran.Put(note.ran_ns, call);
}

void SlowCalls::Read(uint64_t window, std::vector<SlowCall>& calls) const {
  for (const OfWindow& its : windows_) {
    for (const Longest* longest : {&its.took, &its.ran}) {
      for (const Published<SlowCall>& published : longest->calls) {
        const std::optional<SlowCall> call = published.Get();
        // The lists of a new window overwrite an old one's only as they fill.
        if (!call.has_value() || call->window + 1 < window) continue;
        calls.push_back(*call);
      }
    }
  }
}

std::vector<SlowCall> SlowestOf(std::vector<SlowCall> calls, size_t limit) {
  const auto name = [](const SlowCall& call) {
    return std::tuple(call.note.worker, call.note.number);
  };
  std::sort(
      calls.begin(), calls.end(),
      [&](const SlowCall& a, const SlowCall& b) { return name(a) < name(b); });
  calls.erase(std::unique(calls.begin(), calls.end(),
                          [&](const SlowCall& a, const SlowCall& b) {
                            return name(a) == name(b);
                          }),
              calls.end());
  const auto took_longer = [&](const SlowCall& a, const SlowCall& b) {
    return std::tuple(-a.note.took_ns(), name(a)) <
           std::tuple(-b.note.took_ns(), name(b));
  };
  if (calls.size() > limit) {
    const auto half = calls.begin() + static_cast<std::ptrdiff_t>(limit / 2);
    const auto end = calls.begin() + static_cast<std::ptrdiff_t>(limit);
    std::sort(calls.begin(), calls.end(),
              [&](const SlowCall& a, const SlowCall& b) {
                return std::tuple(-a.note.ran_ns, name(a)) <
                       std::tuple(-b.note.ran_ns, name(b));
              });
    std::partial_sort(half, end, calls.end(), took_longer);
    calls.erase(end, calls.end());
  }
  std::sort(calls.begin(), calls.end(), took_longer);
  return calls;
}

}  // namespace pinion
