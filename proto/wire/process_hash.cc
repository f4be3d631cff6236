// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/process_hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include <cstdio>
#include <cstdlib>
#include <type_traits>

namespace pinion::internal {

// Needs no file descriptor, and waits until the machine has enough entropy.
HashSecret HashSecret::Draw() {
  static_assert(std::is_trivially_copyable_v<HashSecret>);
  HashSecret secret;
  char* const bytes = reinterpret_cast<char*>(&secret);
  size_t drawn = 0;
  while (drawn < sizeof(secret)) {
    const ssize_t got =
        getrandom(bytes + drawn, sizeof(secret) - drawn, /*flags=*/0);
    if (got >= 0) {
      drawn += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      std::fprintf(stderr,
                   "getrandom() failed (%s); without a secret the tables of "
                   "this process could be attacked, so it stops. Is the system "
                   "call forbidden by a seccomp profile?\n",
                   strerror(errno));
      std::abort();
    }
  }
  return secret;
}

}  // namespace pinion::internal
