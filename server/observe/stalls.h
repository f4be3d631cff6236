// SPDX-License-Identifier: Apache-2.0
//
// Stalls: the last handlers that have held a worker for too long, for the
//         operator to ask.
//
// Threads: any thread.
// Memory:  the last 64, each with at most 32 functions of its stack and 256
//          bytes of each: at most 1 MiB.
// Example: stalls.Add({.worker = 3, .run = {.begun = report.begun}, ...});
//          stalls.SetEnded(3);
//          return stalls.List(request.limit(), options.show_keys);
#ifndef PINION_SERVER_OBSERVE_STALLS_H_
#define PINION_SERVER_OBSERVE_STALLS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"

namespace pinion {

// One report of a handler that holds its worker.
struct SeenStall {
  // What tells it from others of its worker: the run of the worker's task, and
  // the call or other work within it.
  struct Run {
    uint64_t begun = 0;
    uint64_t call_begun = 0;
    uint64_t work_begun = 0;
    friend bool operator==(const Run&, const Run&) = default;
  };

  int worker = 0;
  Run run = {};
  absl::Time reported = absl::UnixEpoch();
  std::chrono::nanoseconds ran{0};
  std::chrono::nanoseconds had_cpu{0};
  bool blocked = false;
  // What runs, as RunningCalls::Running has it. All empty if that is not known.
  std::string method = {};
  std::optional<std::string> key = {};
  std::string caller = {};
  std::string work = {};
  std::chrono::nanoseconds age{0};
  // The calls that waited behind it.
  int64_t waiting = 0;
  // The innermost function first; or why there is none.
  std::vector<std::string> stack = {};
  std::string no_stack = {};
};

class Stalls {
 public:
  static constexpr size_t kKept = 64;
  static constexpr size_t kMaxFrames = 32;
  static constexpr size_t kMaxFrameBytes = 256;

  // Of the hash that maps keys to slots.
  explicit Stalls(uint64_t key_seed) : key_seed_(key_seed) {}
  Stalls(const Stalls&) = delete;
  Stalls& operator=(const Stalls&) = delete;

  // Keeps a report: in the place of an earlier one of the same run, whose stack
  // stays if this one has none. Earlier runs of the worker have ended.
  void Add(SeenStall stall);

  // What `worker` ran has ended.
  void SetEnded(int worker);

  // The `limit` last ones, the one that was reported last first; as
  // ListStallsRequest says. What strangers can name is escaped; keys are named
  // if `show_keys`.
  admin::v1::ListStallsResponse List(uint32_t limit, bool show_keys) const;

 private:
  struct Kept {
    SeenStall stall;
    bool ended = false;
  };

  admin::v1::Stall MessageOf(const Kept& kept, bool show_keys) const;

  const uint64_t key_seed_;
  mutable Mutex mutex_;
  // In the order of their last report.
  std::deque<Kept> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_STALLS_H_
