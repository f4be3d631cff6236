// SPDX-License-Identifier: Apache-2.0
//
// CallNote: what is kept of one call that a handler has run, in a bounded
//           number of bytes.
//
// Threads: plain data. `method` lives as long as the server.
// Example: CallNote note = {.method = &call.method(), .waited_ns = waited};
//          note.SetPrincipal("x509:spiffe://shop/cart");
#ifndef PINION_SERVER_OBSERVE_CALL_NOTE_H_
#define PINION_SERVER_OBSERVE_CALL_NOTE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {

struct HostedMethod;

struct CallNote {
  // Of a longer one the beginning is kept.
  static constexpr size_t kMostPrincipalBytes = 80;

  void SetPrincipal(absl::string_view text) {
    const absl::string_view beginning = BeginningOf(text, kMostPrincipalBytes);
    principal_size = static_cast<uint16_t>(beginning.size());
    principal_is_cut = beginning.size() < text.size() ? 1 : 0;
    std::memcpy(principal, beginning.data(), beginning.size());
  }
  std::string Principal() const {
    return absl::StrCat(absl::string_view(principal, principal_size),
                        principal_is_cut != 0 ? "..." : "");
  }
  int64_t took_ns() const { return waited_ns + ran_ns; }

  const HostedMethod* method = nullptr;
  uint64_t number = 0;  // Its position among the notes of its worker.
  uint64_t ended = 0;   // Moment::nanos()
  int64_t waited_ns = 0;
  int64_t ran_ns = 0;
  uint64_t key_hash = 0;  // 0 if it has no key.
  int32_t worker = 0;
  int32_t code = 0;
  uint32_t batch = 0;
  uint32_t kept = 0;  // 1: its handler has kept it, and `code` is not known.
  uint32_t is_of_key = 0;
  uint16_t principal_size = 0;  // Of what is kept; 0: nobody has asked.
  uint16_t principal_is_cut = 0;
  char principal[kMostPrincipalBytes] = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_CALL_NOTE_H_
