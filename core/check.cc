// SPDX-License-Identifier: Apache-2.0
#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace pinion::internal {

void CheckFailed(const char* file, int line, const char* condition,
                 const std::string& message) {
  std::fprintf(stderr, "%s:%d: broken promise: %s (%s)\n", file, line,
               message.c_str(), condition);
  std::abort();
}

}  // namespace pinion::internal
