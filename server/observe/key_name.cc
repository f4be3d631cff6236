// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/key_name.h"

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/slot.h"

namespace pinion {

admin::v1::KeyName NameKey(absl::string_view key, uint64_t key_seed,
                           bool show_keys) {
  return NameHashedKey(key, Key::FromBytes(key).Hash(key_seed), /*cut=*/false,
                       show_keys);
}

admin::v1::KeyName NameHashedKey(absl::string_view key, uint64_t hash, bool cut,
                                 bool show_keys) {
  admin::v1::KeyName name;
  name.set_hash(hash);
  name.set_slot(static_cast<uint32_t>(SlotOf(hash)));
  if (show_keys) name.set_key(absl::StrCat(Escaped(key), cut ? "..." : ""));
  return name;
}

}  // namespace pinion
