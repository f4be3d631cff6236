// SPDX-License-Identifier: Apache-2.0
//
// NameKey(): a call's key as an operator may see it.
//
// Threads: a plain function; any thread.
// Example: *record.mutable_key() =
//              NameKey(key.bytes(), options.key_seed, options.show_keys);
#ifndef PINION_SERVER_OBSERVE_KEY_NAME_H_
#define PINION_SERVER_OBSERVE_KEY_NAME_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion {

// Names the key with these Key::bytes(), whose slot is found with `key_seed`.
// Has the hash and the slot, and the escaped text if `show_keys`.
admin::v1::KeyName NameKey(absl::string_view key, uint64_t key_seed,
                           bool show_keys);

// The same for a key of which the hash is known, and the beginning: `cut` says
// that it is longer, and the text then ends with "...".
admin::v1::KeyName NameHashedKey(absl::string_view key, uint64_t hash, bool cut,
                                 bool show_keys);

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_KEY_NAME_H_
