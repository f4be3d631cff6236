// SPDX-License-Identifier: Apache-2.0
//
// KeyLinks: which of several sessions a call uses: calls of one key always the
//           same one, other calls in turn.
//
// Threads: any thread.
// Example: KeyLinks links(4);
//          int link = links.Of("/shop.v1.CounterService/Add", serialized);
//
// It knows the routes of services whose .proto is linked into the program.
// Methods of other services have no key for it. It remembers a number of
// methods; all calls of any further method use one session, so that those of a
// key keep their order.
#ifndef PINION_CLIENT_INTERNAL_KEY_LINKS_H_
#define PINION_CLIENT_INTERNAL_KEY_LINKS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion::client_internal {

class KeyLinks {
 public:
  explicit KeyLinks(int links) : links_(links) {}

  // From 0 to links - 1. If the key of the serialized `request` cannot be
  // read, any link will do: the server will report the mistake.
  int Of(absl::string_view method, absl::string_view request) {
    return links_ == 1 ? 0 : OfSeveral(method, request);
  }

 private:
  // A method; its reader is null if it has no key.
  struct Known {
    std::string method;
    std::unique_ptr<const KeyReader> reader;
  };
  using Methods = HashMap<absl::string_view, std::unique_ptr<const Known>>;

  // Protobuf, too, remembers each name that it was asked for.
  static constexpr size_t kMaxMethods = 1024;

  int OfSeveral(absl::string_view method, absl::string_view request);
  // Null: it is not remembered.
  const Known* Find(absl::string_view method);
  const Known* FindUnderLock(absl::string_view method);

  const int links_;
  std::atomic<uint32_t> turn_{0};

  Mutex mutex_;
  Methods methods_ ABSL_GUARDED_BY(mutex_);  // By their names.
  // The one that was asked for last, mostly; it stays. Null: none was.
  std::atomic<const Known*> last_{nullptr};
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_KEY_LINKS_H_
