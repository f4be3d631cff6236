// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/token_target.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/internal/proxy.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::client_internal {
namespace {

constexpr size_t kMostShown = 200;

// Of "dns://SERVER/host", the server that resolves the host.
bool HasNameServer(absl::string_view target) {
  return absl::StrContains(target, "://") && !absl::StrContains(target, ":///");
}

}  // namespace

bool MayCarryToken(absl::string_view target, bool encrypted) {
  if (encrypted) return true;
  if (absl::StartsWith(target, "unix:") ||
      absl::StartsWith(target, "unix-abstract:")) {
    return true;
  }
  // Of several addresses, and of names below "localhost", which a resolver may
  // send anywhere, IsOnThisMachine() does not know enough.
  return !absl::StrContains(target, ',') && !HasNameServer(target) &&
         !absl::StrContains(absl::AsciiStrToLower(target), ".localhost") &&
         IsOnThisMachine(target);
}

absl::Status TokenInClear(absl::string_view target) {
  return absl::InvalidArgumentError(absl::StrCat(
      "a token would be sent to ", Quoted(target, kMostShown),
      " in the clear, where others can read and use it; set ClientOptions::tls "
      "(--tls), or call a loopback address"));
}

}  // namespace pinion::client_internal
