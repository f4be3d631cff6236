// SPDX-License-Identifier: Apache-2.0
//
// OpenCallsOf: the open calls of one session, by the ids that its client gave.
//
// Threads: its session's I/O thread only.
// Cost:    our clients' ids are small, since they are indexes (session.proto),
//          and lead to a place without a hash. Other ids are hashed.
// Memory:  the places take at most 16 bytes for each call that the session may
//          have open, whatever ids the client chooses, and nothing for places
//          that are far from all open calls.
// Example: OpenCallsOf<SessionCall> open(limits.max_calls);
//          if (!open.Insert(call)) RefuseIdIsOpen();
//          Call* call = open.Find(id);
//          open.Erase(id);
#ifndef PINION_SERVER_SESSION_OPEN_CALLS_H_
#define PINION_SERVER_SESSION_OPEN_CALLS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "pinion/proto/wire/process_hash.h"

namespace pinion {

// A Call has an id().
template <typename Call>
class OpenCallsOf {
 public:
  // For at most `max_calls` calls.
  explicit OpenCallsOf(int64_t max_calls)
      : places_end_(2 * static_cast<uint64_t>(max_calls)) {}

  // False if a call with its id is open; then nothing changes.
  bool Insert(Call* call) {
    const uint64_t id = call->id();
    if (id >= places_end_) {
      if (!others_.emplace(id, call).second) return false;
    } else {
      Group& group = GroupFor(id);
      Call*& place = group.calls[id % kGroup];
      if (place != nullptr) return false;
      place = call;
      ++group.open;
    }
    ++size_;
    return true;
  }
  // Null if there is none.
  Call* Find(uint64_t id) const {
    if (id < places_end_) {
      const size_t index = id / kGroup;
      if (index >= groups_.size() || groups_[index] == nullptr) return nullptr;
      return groups_[index]->calls[id % kGroup];
    }
    const auto found = others_.find(id);
    return found == others_.end() ? nullptr : found->second;
  }
  // Removes the call of that id, which must be open.
  void Erase(uint64_t id) {
    --size_;
    if (id >= places_end_) {
      others_.erase(id);
      return;
    }
    std::unique_ptr<Group>& group = groups_[id / kGroup];
    group->calls[id % kGroup] = nullptr;
    // One is kept for the next calls.
    if (--group->open == 0) spare_ = std::move(group);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Calls `function(call)` for each call; it must not change them.
  template <typename Function>
  void ForEach(const Function& function) const {
    for (const auto& group : groups_) {
      if (group == nullptr) continue;
      for (const Call* call : group->calls) {
        if (call != nullptr) function(*call);
      }
    }
    for (const auto& [id, call] : others_) function(*call);
  }

 private:
  static constexpr size_t kGroup = 64;
  struct Group {
    std::array<Call*, kGroup> calls = {};
    size_t open = 0;
  };

  Group& GroupFor(uint64_t id) {
    const size_t index = id / kGroup;
    if (index >= groups_.size()) groups_.resize(index + 1);
    std::unique_ptr<Group>& group = groups_[index];
    if (group == nullptr) {
      group = spare_ != nullptr ? std::move(spare_) : std::make_unique<Group>();
    }
    return *group;
  }

  const uint64_t places_end_;                   // The ids below it have places.
  std::vector<std::unique_ptr<Group>> groups_;  // Null: none of it is open.
  std::unique_ptr<Group> spare_;                // None of it is open.
  HashMap<uint64_t, Call*> others_;
  size_t size_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_OPEN_CALLS_H_
