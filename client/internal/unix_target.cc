// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/unix_target.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/file_kind.h"

namespace pinion::client_internal {
namespace {

// A path ends with a zero; an abstract name begins with one.
constexpr size_t kMaxBytes = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Check(absl::string_view what, absl::string_view name) {
  if (name.size() <= kMaxBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " of a Unix socket has at most ", kMaxBytes,
                   " bytes, and this has ", name.size()));
}

// "unix:path" or "unix:///absolute/path".
absl::string_view PathOf(absl::string_view target) {
  absl::ConsumePrefix(&target, "unix:");
  absl::ConsumePrefix(&target, "//");
  return target;
}

}  // namespace

absl::Status CheckUnixTarget(absl::string_view target) {
  if (absl::StartsWith(target, "unix:")) {
    return Check("the path", PathOf(target));
  }
  if (absl::ConsumePrefix(&target, "unix-abstract:")) {
    return Check("the abstract name", target);
  }
  return absl::OkStatus();
}

std::string WhyNoSocket(absl::string_view target) {
  if (!absl::StartsWith(target, "unix:")) return "";
  const std::string path(PathOf(target));
  struct stat file;
  if (stat(path.c_str(), &file) != 0 || S_ISSOCK(file.st_mode)) return "";
  return absl::StrCat(path, " is ", FileKind(file.st_mode), ", not a socket");
}

}  // namespace pinion::client_internal
