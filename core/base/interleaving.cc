// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/interleaving.h"

#ifdef PINION_INTERLEAVING_POINTS

#include <utility>

namespace pinion {
namespace {

std::function<void(Point)>& Hook() {
  static auto* hook = new std::function<void(Point)>;
  return *hook;
}

}  // namespace

void SetInterleavingHook(std::function<void(Point)> hook) {
  Hook() = std::move(hook);
}

namespace internal {

void ReachPoint(Point point) {
  if (Hook()) Hook()(point);
}

}  // namespace internal
}  // namespace pinion

#endif
