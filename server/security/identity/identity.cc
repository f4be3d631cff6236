// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/identity.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace pinion {
namespace {

absl::string_view PrefixOf(Principal::Kind kind) {
  return kind == Principal::Kind::kX509 ? "x509:" : "jwt:";
}

}  // namespace

std::string Principal::ToString() const {
  return absl::StrCat(PrefixOf(kind), name);
}

bool Principal::Is(absl::string_view text) const {
  return absl::ConsumePrefix(&text, PrefixOf(kind)) && text == name;
}

bool Identity::Has(absl::string_view principal) const {
  return std::any_of(principals_.begin(), principals_.end(),
                     [&](const Principal& its) { return its.Is(principal); });
}

std::string Identity::ToString() const {
  if (!principals_.empty()) {
    return absl::StrJoin(
        principals_, " ", [](std::string* out, const Principal& its) {
          // So that no name looks like two.
          out->append(absl::StrReplaceAll(its.ToString(), {{" ", "%20"}}));
        });
  }
  return address_.empty() ? "nobody" : absl::StrCat("nobody at ", address_);
}

}  // namespace pinion
