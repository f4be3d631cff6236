// SPDX-License-Identifier: Apache-2.0
//
// Supervision: what the supervisors of a program see of its server: probes over
//              HTTP, the notifications of systemd, and what its operator asks.
//
// Threads: the owner's, as Server::Run() says; nothing here waits.
// Life:    the Hosting must outlive it.
// Example: Supervision supervision(options);
//          absl::Status status = supervision.Begin();
//          if (status.ok()) status = server.Start();
//          if (!status.ok()) return supervision.CannotStart(status.message());
//          supervision.Started(server.hosting(), server.address());
//          ...
//          supervision.Stopping();
#ifndef PINION_SERVER_HOSTING_SUPERVISION_H_
#define PINION_SERVER_HOSTING_SUPERVISION_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/admin.h"
#include "pinion/server/hosting.h"
#include "pinion/server/probes.h"
#include "pinion/server/run_options.h"
#include "pinion/server/systemd.h"

namespace pinion::internal {

class Supervision {
 public:
  // Before there are threads: it reads the environment, and changes it.
  explicit Supervision(const RunOptions& options);

  // Listens for probes and for the operator, if the options say so. Before the
  // server starts: they see that it is not ready yet. The error is that of
  // Probes::Start() or Admin::Start().
  absl::Status Begin();

  // The server has not started, and the program will end.
  void CannotStart(absl::string_view why);

  // The server has started, at `address`.
  void Started(Hosting& hosting, absl::string_view address);

  // A reload begins; it ends, well or not, as `status` says in one line.
  void Reloading() { systemd_.Reloading(); }
  void Reloaded(absl::string_view status) { systemd_.Reloaded(status); }

  // The stop begins. Before that the readiness probe sees nothing of it.
  void Stopping() { systemd_.Stopping(); }

  // The stop is over: nothing is answered any more.
  void Stopped();

  // Where probes and the operator are answered, for people: a line each, with
  // its end, or nothing.
  std::string Describe() const;

 private:
  SystemdNotifier systemd_;
  std::optional<Probes> probes_;
  Admin admin_;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_SUPERVISION_H_
