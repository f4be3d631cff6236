// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_list.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

constexpr uint32_t kListed = 50;  // If the request does not say how many.

int64_t Signed(const Tally& tally) {
  return static_cast<int64_t>(tally.value());
}

}  // namespace

SessionList::Entry::Entry(SessionList& list, Fixed fixed, Memory memory)
    : list_(list),
      fixed_({.peer = OneLine(fixed.peer), .io_thread = fixed.io_thread}),
      memory_(std::move(memory)),
      opened_(list.now_()) {
  MutexLock lock(list_.mutex_);
  id_ = ++list_.last_id_;
  ++list_.open_;
  list_.entries_.PushFront(*this);
}

SessionList::Entry::~Entry() {
  MutexLock lock(list_.mutex_);
  --list_.open_;
  LinkedList<Entry>::Remove(*this);
}

void SessionList::Entry::SetClient(absl::string_view name) {
  std::string escaped = OneLine(BeginningOf(name, kMaxNameBytes));
  MutexLock lock(list_.mutex_);
  client_ = std::move(escaped);
}

void SessionList::Entry::SetPrincipal(absl::string_view principal) {
  std::string escaped = OneLine(principal);
  MutexLock lock(list_.mutex_);
  principal_ = std::move(escaped);
}

int64_t SessionList::Entry::HeldBytes() const {
  // Relaxed: the number is all there is.
  return memory_->load(std::memory_order_relaxed) + Signed(unsent_bytes);
}

admin::v1::ListSessionsResponse SessionList::List(uint32_t limit) const {
  if (limit == 0) limit = kListed;
  struct Held {
    int64_t bytes;
    const Entry* entry;
  };
  std::vector<Held> held;
  admin::v1::ListSessionsResponse response;
  MutexLock lock(mutex_);
  held.reserve(static_cast<size_t>(open_));
  for (Entry* entry = entries_.front(); entry != nullptr;
       entry = LinkedList<Entry>::Next(*entry)) {
    held.push_back({.bytes = entry->HeldBytes(), .entry = entry});
  }
  const auto end = held.begin() +
                   static_cast<ptrdiff_t>(std::min<size_t>(limit, held.size()));
  std::partial_sort(held.begin(), end, held.end(),
                    [](const Held& a, const Held& b) {
                      if (a.bytes != b.bytes) return a.bytes > b.bytes;
                      return a.entry->id_ < b.entry->id_;
                    });
  for (auto it = held.begin(); it != end; ++it) {
    const Entry& entry = *it->entry;
    admin::v1::SessionState& state = *response.add_sessions();
    state.set_id(entry.id_);
    state.set_peer(entry.fixed_.peer);
    state.set_client(entry.client_);
    state.set_principal(entry.principal_);
    state.set_io_thread(static_cast<uint32_t>(entry.fixed_.io_thread));
    state.set_opened_ms(
        static_cast<uint64_t>(absl::ToUnixMillis(entry.opened_)));
    state.set_open_calls(Signed(entry.open_calls));
    state.set_held_bytes(it->bytes);
    state.set_unsent_bytes(Signed(entry.unsent_bytes));
    state.set_calls(entry.calls.value());
  }
  response.set_open(open_);
  return response;
}

int64_t SessionList::open() const {
  MutexLock lock(mutex_);
  return open_;
}

}  // namespace pinion
