// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/tls_options.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// By value.
constexpr absl::string_view kClientAuths[] = {"off", "optional", "required"};
constexpr absl::string_view kVersions[] = {"1.2", "1.3"};

// The index of `text` in `names`.
absl::StatusOr<size_t> Find(absl::string_view what, absl::string_view text,
                            absl::Span<const absl::string_view> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return i;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no ", what, " ", Quoted(text, 64), "; valid are ",
                   absl::StrJoin(names, ", ")));
}

}  // namespace

absl::string_view ToString(ClientAuth client_auth) {
  return kClientAuths[static_cast<size_t>(client_auth)];
}

absl::string_view ToString(TlsVersion version) {
  return kVersions[static_cast<size_t>(version)];
}

absl::StatusOr<ClientAuth> ParseClientAuth(absl::string_view text) {
  const absl::StatusOr<size_t> found = Find("client_auth", text, kClientAuths);
  if (!found.ok()) return found.status();
  return static_cast<ClientAuth>(*found);
}

absl::StatusOr<TlsVersion> ParseTlsVersion(absl::string_view text) {
  const absl::StatusOr<size_t> found = Find("TLS version", text, kVersions);
  if (!found.ok()) return found.status();
  return static_cast<TlsVersion>(*found);
}

}  // namespace pinion
