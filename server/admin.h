// SPDX-License-Identifier: Apache-2.0
//
// Admin: what an operator sees of a server: the admin socket, for the tool
//        `pinion` and other gRPC clients, and the admin page, for browsers and
//        Prometheus.
//
// Threads: one thread makes, starts and stops it. It answers on threads of its
//          own, pinion-tool and pinion-admin, which wait for no worker and no
//          I/O thread: they answer while all of them are stuck.
// Life:    destroy it, or Stop() it, before the Hosting.
// Answers: UNAVAILABLE, and 503 by HTTP, until SetStarted() was called.
//          docs/observing.md says what can be asked, and docs/security.md by
//          whom.
// Example: pinion::Admin admin({.listen = "127.0.0.1:9090"});
//          absl::Status status = admin.Start();
//          ...                         // hosting.Start() has returned OK.
//          admin.SetStarted(hosting);
//
// Server::Run() does this with RunOptions::admin.
#ifndef PINION_SERVER_ADMIN_H_
#define PINION_SERVER_ADMIN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "pinion/server/admin_options.h"

namespace pinion {

class Hosting;

class Admin {
 public:
  explicit Admin(AdminOptions options);
  ~Admin();  // Calls Stop() first.
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Whether the options can hold together, without a look at files and sockets.
  // INVALID_ARGUMENT, in one line that begins with the name of a flag, if not.
  static absl::Status Check(const AdminOptions& options);

  // Listens, and answers from now on. Call it once, before the server starts,
  // so that a mistake is found in time. INVALID_ARGUMENT if Check() finds a
  // mistake or a file is wrong, UNAVAILABLE if it cannot listen. If the socket
  // is "auto" and cannot be made, there is none: why_no_socket() says why.
  absl::Status Start();

  // The server has started: from now on the answers are those of `hosting`.
  // Call it once. Of a Server, use Server::hosting().
  void SetStarted(Hosting& hosting);

  // Closes the page and the socket, removes its file, and ends the threads. You
  // may call it more than once.
  void Stop();

  // Once it has started: the address of the page, with its real port, and the
  // path of the socket; each empty if there is none.
  const std::string& address() const;
  const std::string& socket() const;
  // One line; empty if there is a socket or none was asked for.
  const std::string& why_no_socket() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_H_
