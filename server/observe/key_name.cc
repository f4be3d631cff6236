// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/key_name.h"

#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/slot.h"

namespace pinion {

admin::v1::KeyName NameKey(absl::string_view key, uint64_t key_seed,
                           bool show_keys) {
  const uint64_t hash = Key::FromBytes(key).Hash(key_seed);
  admin::v1::KeyName name;
  name.set_hash(hash);
  name.set_slot(static_cast<uint32_t>(SlotOf(hash)));
  if (show_keys) name.set_key(Escaped(key));
  return name;
}

}  // namespace pinion
