// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_list.h"

#include <algorithm>
#include <cstddef>

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

std::vector<SessionList::Shown> SessionList::Heaviest(size_t limit,
                                                      int64_t& open) const {
  struct Held {
    int64_t bytes;
    const Entry* entry;
  };
  std::vector<Held> held;
  std::vector<Shown> shown;
  shown.reserve(limit);
  // I/O threads wait for it: only copies are made.
  MutexLock lock(mutex_);
  open = open_;
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
    shown.push_back({.id = entry.id_,
                     .fixed = entry.fixed_,
                     .client = entry.client_,
                     .principal = entry.principal_,
                     .opened = entry.opened_,
                     .held_bytes = it->bytes,
                     .open_calls = Signed(entry.open_calls),
                     .unsent_bytes = Signed(entry.unsent_bytes),
                     .calls = entry.calls.value()});
  }
  return shown;
}

admin::v1::ListSessionsResponse SessionList::List(uint32_t limit) const {
  if (limit == 0) limit = kListed;
  int64_t open = 0;
  const std::vector<Shown> heaviest =
      Heaviest(std::min(limit, kMostListed), open);
  admin::v1::ListSessionsResponse response;
  for (const Shown& session : heaviest) {
    admin::v1::SessionState& state = *response.add_sessions();
    state.set_id(session.id);
    state.set_peer(session.fixed.peer);
    state.set_client(session.client);
    state.set_principal(session.principal);
    state.set_io_thread(static_cast<uint32_t>(session.fixed.io_thread));
    state.set_opened_ms(
        static_cast<uint64_t>(absl::ToUnixMillis(session.opened)));
    state.set_open_calls(session.open_calls);
    state.set_held_bytes(session.held_bytes);
    state.set_unsent_bytes(session.unsent_bytes);
    state.set_calls(session.calls);
  }
  response.set_open(open);
  return response;
}

int64_t SessionList::open() const {
  MutexLock lock(mutex_);
  return open_;
}

}  // namespace pinion
