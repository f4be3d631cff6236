// SPDX-License-Identifier: Apache-2.0
//
// The files of the live page (server/admin/page/), as the build put them into
// the program.
//
// Threads: constant; any thread.
// Example: return {.text = PageHtml(), .type = "text/html"};
#ifndef PINION_SERVER_ADMIN_PAGE_TEXTS_H_
#define PINION_SERVER_ADMIN_PAGE_TEXTS_H_

#include "absl/strings/string_view.h"

namespace pinion {

absl::string_view PageHtml();
absl::string_view PageScript();
absl::string_view PageStyle();

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_PAGE_TEXTS_H_
