// SPDX-License-Identifier: Apache-2.0
//
// SystemdNotifier: tells systemd how this service is (Type=notify): that it
//                  serves, reloads or stops, and, with WatchdogSec, that its
//                  workers get on.
//
// Threads: any thread may call it, but for the workers'. Nothing waits for
//          systemd: a thread, pinion-systemd, sends the messages.
// Life:    the Hosting must outlive it.
// Without systemd (no NOTIFY_SOCKET in the environment) it does nothing, and
//          has no thread.
// Watchdog: systemd ends a service that gives no sign of life (WATCHDOG=1) for
//          WatchdogSec. The sign comes through the workers: each is asked to
//          run a small task, four times within WatchdogSec, and one that does
//          is enough. So one stuck handler does not cost the state of all keys.
//          During a stop, which ends by itself, the sign comes in any case.
// Example: pinion::SystemdNotifier systemd;
//          ...                              // hosting.Start() has returned OK.
//          systemd.Started(hosting, "serving on 127.0.0.1:50051");
//          ...
//          systemd.Stopping();
//          hosting.Drain();
//
// Server::Run() does this. docs/systemd.md has a unit file.
#ifndef PINION_SERVER_SYSTEMD_H_
#define PINION_SERVER_SYSTEMD_H_

#include <memory>

#include "absl/strings/string_view.h"

namespace pinion {

class Hosting;
class NotifyLoop;

class SystemdNotifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. A mistake in them is
  // one line on standard error; the server runs without what they ask for.
  SystemdNotifier();
  // Ends the thread. Messages that systemd has no room for are lost.
  ~SystemdNotifier();
  SystemdNotifier(const SystemdNotifier&) = delete;
  SystemdNotifier& operator=(const SystemdNotifier&) = delete;

  // READY=1: the server has started, and systemd starts what waits for it. From
  // now on the watchdog gets its signs of life. `status` is the line that
  // "systemctl status" shows.
  void Started(Hosting& hosting, absl::string_view status);

  // RELOADING=1: a reload has begun. Call Reloaded() at its end, whether it
  // succeeded or not; `status` says so.
  void Reloading();
  void Reloaded(absl::string_view status);

  // STOPPING=1: the stop begins.
  void Stopping();

  // The line that "systemctl status" shows. A line end in it becomes a space.
  void SetStatus(absl::string_view status);

 private:
  const std::unique_ptr<NotifyLoop> loop_;  // Null without systemd.
};

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_H_
