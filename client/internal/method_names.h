// SPDX-License-Identifier: Apache-2.0
//
// MethodNames: the indexes of method names, by which calls name their methods
//              once a stream has sent the names (OpenRequest.methods).
//
// Threads: one at a time; its owner locks it. A name never moves, so a view of
//          it is valid for as long as the MethodNames.
// Why:     a link's indexes are the same on all of its streams. Each stream
//          sends the names in their order, and counts how many it has sent.
// Example: call.method = names.IndexOf("/shop.v1.CounterService/Add");
//          while (sent < names.size()) Send(++sent, names.NameOf(sent));
#ifndef PINION_CLIENT_INTERNAL_METHOD_NAMES_H_
#define PINION_CLIENT_INTERNAL_METHOD_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion::client_internal {

// As a == b. Names of methods are a few words long; so they are compared in
// place, without a call.
inline bool SameName(absl::string_view a, absl::string_view b) {
  constexpr size_t kWord = sizeof(uint64_t);
  if (a.size() != b.size()) return false;
  if (a.size() < kWord) return a == b;
  const auto differ = [&](size_t at) {
    uint64_t words[2];
    std::memcpy(&words[0], a.data() + at, kWord);
    std::memcpy(&words[1], b.data() + at, kWord);
    return words[0] != words[1];
  };
  const size_t last = a.size() - kWord;
  for (size_t at = 0; at < last; at += kWord) {
    if (differ(at)) return false;
  }
  return !differ(last);
}

class MethodNames {
 public:
  // The name's index, from 1; 0: it has none, since as many others as a session
  // may have came before it.
  uint32_t IndexOf(absl::string_view name) {
    // Mostly it is that of the call before.
    if (last_ > 0 && SameName(NameOf(last_), name)) return last_;
    return FindOrAdd(name);
  }

  // Of an index that was given.
  const std::string& NameOf(size_t index) const { return names_[index - 1]; }

  // The highest index that was given.
  size_t size() const { return names_.size(); }

  // The index that was given last; 0: none was.
  uint32_t last() const { return last_; }

 private:
  uint32_t FindOrAdd(absl::string_view name);

  HashMap<std::string, uint32_t> indexes_;
  std::deque<std::string> names_;
  uint32_t last_ = 0;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_METHOD_NAMES_H_
