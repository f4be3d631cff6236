// SPDX-License-Identifier: Apache-2.0
//
// Opens /dev/null in place of each closed standard descriptor before anything
// else of the program runs: libraries open files in their initializers, which
// would get those numbers (hosting/process_setup.h).
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// A sanitizer's own initializer has not run by then either.
__attribute__((no_sanitize("address", "thread", "undefined"))) void
OpenDescriptorsFirst(int, char**, char**) {
  for (long i = STDIN_FILENO; i <= STDERR_FILENO; ++i) {
    if (syscall(SYS_fcntl, i, F_GETFD) < 0) {
      syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    }
  }
}

__attribute__((section(".preinit_array"),
               used)) void (*const kFirst)(int, char**,
                                           char**) = OpenDescriptorsFirst;

}  // namespace
