// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/config_mistake.h"

#include "absl/strings/str_cat.h"

namespace pinion {

std::string ConfigMistake::ToString() const {
  std::string said = file;
  if (place.line != 0) {
    absl::StrAppend(&said, ":", place.line, ":", place.column);
  }
  if (!said.empty()) absl::StrAppend(&said, ": ");
  if (!path.empty()) absl::StrAppend(&said, path, ": ");
  return absl::StrCat(said, text);
}

}  // namespace pinion
