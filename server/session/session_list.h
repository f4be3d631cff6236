// SPDX-License-Identifier: Apache-2.0
//
// SessionList: the open sessions of a server, for the operator to see.
//
// Threads: a session's I/O thread makes its entry, writes its numbers and
//          destroys it. Any thread may call List() and open(); it waits for no
//          I/O thread, and an I/O thread waits only to add or remove an entry,
//          or to name its client.
// Cost:    a few plain stores for each message of a session, and one for each
//          answer or buffer of answers.
// Example: SessionList::Entry entry(list, {.peer = peer}, bytes);
//          entry.open_calls.Set(3);
#ifndef PINION_SERVER_SESSION_SESSION_LIST_H_
#define PINION_SERVER_SESSION_SESSION_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/linked_list.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/tally.h"

namespace pinion {

class SessionList {
 public:
  // Bytes that a session's calls take, their bookkeeping included.
  using Memory = std::shared_ptr<const std::atomic<int64_t>>;

  // So much of what a client says of itself is kept.
  static constexpr size_t kMaxNameBytes = 128;

  // `now` is for tests.
  explicit SessionList(std::function<absl::Time()> now =
                           [] { return absl::Now(); })
      : now_(std::move(now)) {}
  SessionList(const SessionList&) = delete;
  SessionList& operator=(const SessionList&) = delete;

  // What stays the same.
  struct Fixed {
    std::string peer;
    int io_thread = 0;
  };

  // A session, which is in the list while this exists.
  class Entry : public ListHook<Entry> {
   public:
    Entry(SessionList& list, Fixed fixed, Memory memory);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    // What the client says of itself, and who it has proven to be.
    void SetClient(absl::string_view name);
    void SetPrincipal(absl::string_view principal);

    // Written by its I/O thread.
    Tally open_calls;    // Those without an answer, or whose answer is in no
                         // message yet.
    Tally unsent_bytes;  // Of answers that have not left.
    Tally calls;         // Received so far.

   private:
    friend class SessionList;

    int64_t HeldBytes() const;

    SessionList& list_;
    // Fixed at construction, within the list.
    const Fixed fixed_;
    const Memory memory_;
    const absl::Time opened_;
    uint64_t id_ = 0;
    // Of the list's lock. Escaped.
    std::string client_;
    std::string principal_;
  };

  // The most sessions that are listed.
  static constexpr uint32_t kMostListed = 1000;

  // The `limit` sessions that hold the most bytes, the one with the most first;
  // as ListSessionsRequest says. What strangers can name is escaped.
  admin::v1::ListSessionsResponse List(uint32_t limit) const;
  // How many are open.
  int64_t open() const;

 private:
  // A copy of what a session shows.
  struct Shown {
    uint64_t id;
    Fixed fixed;
    std::string client;
    std::string principal;
    absl::Time opened;
    int64_t held_bytes;
    int64_t open_calls;
    int64_t unsent_bytes;
    uint64_t calls;
  };
  // The `limit` that hold the most bytes, and how many are open.
  std::vector<Shown> Heaviest(size_t limit, int64_t& open) const;

  const std::function<absl::Time()> now_;
  mutable Mutex mutex_;
  LinkedList<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  int64_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_LIST_H_
