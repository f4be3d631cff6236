// SPDX-License-Identifier: Apache-2.0
//
// FileKind: what a path is, in words for an error.
//
// Threads: any thread.
// Example: absl::StrCat(path, " is ", FileKind(status.st_mode))
#ifndef PINION_CORE_BASE_FILE_KIND_H_
#define PINION_CORE_BASE_FILE_KIND_H_

#include <sys/stat.h>

#include "absl/strings/string_view.h"

namespace pinion {

// `mode` is the st_mode of stat() or lstat().
inline absl::string_view FileKind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a plain file";
    case S_IFDIR:
      return "a directory";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

}  // namespace pinion

#endif  // PINION_CORE_BASE_FILE_KIND_H_
