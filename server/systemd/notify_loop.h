// SPDX-License-Identifier: Apache-2.0
//
// NotifyLoop: the messages of a service on their way to systemd, and its beats,
//             sent by a thread of its own.
//
// Threads: any thread may Say(), BeatWhile() and BeatAlways(). The loop's
//          thread, pinion-systemd, sends, and asks for the beats; it takes no
//          signals and never waits for the receiver.
// Order:   messages arrive in the order in which they were said. One for which
//          the receiver has no room is sent again soon, so no state is lost.
//          Beats are sent once or not at all.
// Errors:  one line to the log, once, if nobody receives.
// Example: NotifyLoop loop(*std::move(socket), {.watchdog = watchdog_time});
//          loop.Start();
//          loop.Say("READY=1");
//          loop.BeatWhile([&] { return beat.Count() > 0; });
#ifndef PINION_SERVER_SYSTEMD_NOTIFY_LOOP_H_
#define PINION_SERVER_SYSTEMD_NOTIFY_LOOP_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/log.h"
#include "pinion/server/systemd/notify_socket.h"

namespace pinion {

struct NotifyOptions {
  // After how long without a beat systemd ends the service; none: it waits for
  // no beats, and none are sent.
  std::optional<std::chrono::microseconds> watchdog = std::nullopt;
  LogSink log = {};
  Clock clock = {};  // For tests.
};

class NotifyLoop {
 public:
  // How many beats are due within the watchdog's time. A task that holds all
  // workers for less than three quarters of that time costs the service
  // nothing, and one for more than five quarters ends it.
  static constexpr int kBeats = 4;

  // The most messages that wait for room. The oldest are dropped.
  static constexpr size_t kMostWaiting = 64;

  NotifyLoop(NotifySocket socket, const NotifyOptions& options)
      : socket_(std::move(socket)), options_(options) {}
  // Ends the thread; what still waits is sent if there is room at once.
  ~NotifyLoop();
  NotifyLoop(const NotifyLoop&) = delete;
  NotifyLoop& operator=(const NotifyLoop&) = delete;

  // Starts the thread. Call it once.
  void Start();

  // Sends `message`, soon.
  void Say(std::string message);

  // From now on a beat is sent each time one is due and `alive` returns true.
  // It is called on the loop's thread with no lock held, and once for each
  // beat that is due.
  void BeatWhile(std::function<bool()> alive);

  // From now on each beat that is due is sent. `alive` is not called again,
  // except for a call that has begun.
  void BeatAlways();

  // Sends what is due, and returns when to call it again at the latest; none:
  // when something was said. The loop's thread calls it. A test that does not
  // call Start() calls it itself.
  std::optional<Moment> Turn();

 private:
  void Loop();
  // False if there is no room for all that waits.
  bool SendWaiting();
  // Returns when the next beat is due; none: no beats are.
  std::optional<Moment> BeatIfDue(Moment now);
  // False if there is no room for it now.
  bool Send(absl::string_view message);

  // Fixed at construction.
  const NotifySocket socket_;
  const NotifyOptions options_;

  // Shared.
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  std::function<bool()> alive_ ABSL_GUARDED_BY(mutex_);
  bool turn_is_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  // Of whoever turns.
  std::optional<Moment> next_beat_;
  bool told_trouble_ = false;

  // The owner's only.
  std::thread thread_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_NOTIFY_LOOP_H_
