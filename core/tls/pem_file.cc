// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/tls/pem_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/file_kind.h"

namespace pinion {
namespace {

absl::Status Unread(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" ", why));
}

absl::Status UnreadByKernel(const std::string& path, int error) {
  return Unread(path, absl::StrCat("cannot be read: ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  // Nonblocking: nobody may ever write to a pipe.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return UnreadByKernel(path, errno);
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat status;
  if (fstat(file, &status) != 0) return UnreadByKernel(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return Unread(path, absl::StrCat("is ", FileKind(status.st_mode),
                                     ", not a plain file"));
  }
  std::string text;
  char part[16384];
  for (;;) {
    const ssize_t size = read(file, part, sizeof(part));
    if (size == 0) return text;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return UnreadByKernel(path, errno);
    text.append(part, static_cast<size_t>(size));
    if (text.size() > kMaxPemBytes) {
      return Unread(path, absl::StrCat("has more than ", kMaxPemBytes,
                                       " bytes; certificates have less"));
    }
  }
}

}  // namespace pinion
