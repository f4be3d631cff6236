// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/token_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pinion {
namespace {

// As much as a server reads.
constexpr size_t kMaxBytes = 8192;

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::array<char, kMaxBytes + 1> bytes;
  file.read(bytes.data(), bytes.size());
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  }
  const auto size = static_cast<size_t>(file.gcount());
  if (size > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more than the ", kMaxBytes,
                     " bytes that a token may have"));
  }
  const absl::string_view token =
      absl::StripAsciiWhitespace(absl::string_view(bytes.data(), size));
  if (token.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
  }
  return std::string(token);
}

}  // namespace

TokenSource TokenFile(std::string path) {
  return [path = std::move(path)] { return ReadToken(path); };
}

}  // namespace pinion
