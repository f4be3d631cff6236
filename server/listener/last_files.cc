// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/last_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace pinion {

int64_t MaxFiles() {
  constexpr int64_t kNoBound = std::numeric_limits<int>::max();
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return kNoBound;
  return files.rlim_cur > kNoBound ? kNoBound
                                   : static_cast<int64_t>(files.rlim_cur);
}

bool IsAmongLastFiles(int descriptor) {
  const int64_t most = MaxFiles();
  return descriptor >= most - std::min<int64_t>(16, most / 8);
}

bool OnlyLastFilesAreFree(int any) {
  const int lowest = fcntl(any, F_DUPFD_CLOEXEC, 0);
  if (lowest < 0) return true;
  close(lowest);
  return IsAmongLastFiles(lowest);
}

}  // namespace pinion
