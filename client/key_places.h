// SPDX-License-Identifier: Apache-2.0
//
// KeyPlaces: which of several sessions a call takes: calls of one key the same
//            one, others by turns.
//
// Threads: anyone.
// Example: KeyPlaces places(4);
//          int place = places.Of("/shop.v1.CounterService/Add", serialized);
//
// It knows the routes of services whose .proto is linked into the program; to
// it, methods of others have no key.
#ifndef PINION_CLIENT_KEY_PLACES_H_
#define PINION_CLIENT_KEY_PLACES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/mutex.h"
#include "proto/wire/key_reader.h"

namespace pinion::client_internal {

class KeyPlaces {
 public:
  explicit KeyPlaces(int places) : places_(places) {}

  // From 0 to places - 1. `request` is serialized; one whose key cannot be read
  // has any place: the server will say what is wrong with it.
  int Of(absl::string_view method, absl::string_view request);

 private:
  // Null: the method has no key.
  const KeyReader* ReaderOf(absl::string_view method);

  const int places_;
  std::atomic<uint32_t> turn_{0};

  Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<const KeyReader>> readers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_KEY_PLACES_H_
