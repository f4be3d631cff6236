// SPDX-License-Identifier: Apache-2.0
//
// Probes: plain HTTP for the probes of an orchestrator or a load balancer:
//         /healthz, /readyz and /startupz, and nothing else.
//
// Threads: one thread makes, starts and stops it. It answers on a thread of its
//          own, pinion-probes, which waits for no worker and no I/O thread.
// Life:    destroy it, or Stop() it, before the Hosting.
// Answers: 200 "ok" or 503 "unavailable", and no detail:
//          /startupz  200 once SetStarted() was called, and for good.
//          /readyz    200 while health (health.h) is SERVING for the whole
//                     server: not before the start, not from the first moment
//                     of a stop, and not while too few workers work.
//          /healthz   200, as long as the process can answer at all; but 503
//                     once one handler each has held all workers for kHeld,
//                     outside of a stop. One stuck handler must not cost the
//                     state of the others, so one free worker is enough.
//          404 for another path, 405 for another method than GET and HEAD.
//          docs/probes.md says how to use them.
// Example: pinion::Probes probes("127.0.0.1:8080");
//          absl::Status status = probes.Start();
//          ...                          // hosting.Start() has returned OK.
//          probes.SetStarted(hosting);
//
// Server::Run() does this if RunOptions::probe_listen is set.
#ifndef PINION_SERVER_PROBES_H_
#define PINION_SERVER_PROBES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion {

class Hosting;

class Probes {
 public:
  // How long one handler must hold each worker until /healthz reports it.
  static constexpr absl::Duration kHeld = absl::Minutes(1);

  // Will listen on `probe_listen`: "host:port" (IPv6 hosts in brackets; port 0
  // picks a free port) or "unix:/path". Any address is possible, though nothing
  // is encrypted: the answers tell strangers no more than whether the server
  // works. Use a port that only your own network reaches.
  explicit Probes(std::string probe_listen);
  ~Probes();  // Calls Stop() first.
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  // Whether `probe_listen` has one of these forms; INVALID_ARGUMENT, in one
  // line, if not.
  static absl::Status Check(absl::string_view probe_listen);

  // Listens, and answers from now on. Call it once, before the server starts,
  // so that /startupz is answered while it does. INVALID_ARGUMENT if Check()
  // finds a mistake, UNAVAILABLE if it cannot listen on the address.
  absl::Status Start();

  // The server has started: from now on the answers are those of `hosting`.
  // Call it once. Of a Server, use Server::hosting().
  void SetStarted(Hosting& hosting);

  // Closes the listener and ends the thread. You may call it more than once.
  void Stop();

  // The address that it listens on, with its real port, once it has started.
  const std::string& address() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pinion

#endif  // PINION_SERVER_PROBES_H_
