// SPDX-License-Identifier: Apache-2.0
//
// AdminHttp: the admin page of a server, and what it shows as text and JSON, on
//            a listener of its own.
//
// Threads: the owner starts and stops it. It answers on its own thread,
//          pinion-admin, which waits for no worker and no I/O thread: it
//          answers while all of them are stuck.
// Life:    stop it before the AdminSource ends.
// Paths:   docs/observing.md lists them, and says what a stranger may do.
// Example: AdminHttp page({.listen = "127.0.0.1:9090"}, source);
//          absl::Status status = page.Start();
#ifndef PINION_SERVER_ADMIN_ADMIN_HTTP_H_
#define PINION_SERVER_ADMIN_ADMIN_HTTP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pinion/core/clock.h"
#include "pinion/server/admin/admin_source.h"

namespace pinion {

struct AdminHttpOptions {
  // Where it listens: "host:port" (IPv6 hosts in brackets; port 0 picks a free
  // port) or "unix:/path". An address that other machines reach needs a
  // certificate and a token.
  std::string listen = {};

  // The file with the token, 16 to 1024 printable characters without spaces; a
  // line end after it is ignored. Whoever changes a setting must have the
  // token. Where other machines reach the listener, so must whoever reads.
  // Empty: there is no token, and nothing can be changed.
  std::string token_file = {};

  // The files with the listener's certificate and its key, in PEM form. Both or
  // none. They are read once, at the start.
  std::string certificate = {};
  std::string key = {};

  // Further names by which browsers may ask: "ops.example" with any port, or
  // "ops.example:9090". Set it if the page is reached by a name other than
  // `listen`'s, localhost, 127.0.0.1 and [::1].
  std::vector<std::string> hosts = {};
};

class AdminHttp {
 public:
  // `source` outlives it. `clock` is for tests.
  AdminHttp(AdminHttpOptions options, AdminSource& source,
            const Clock& clock = {});
  ~AdminHttp();  // Calls Stop() first.
  AdminHttp(const AdminHttp&) = delete;
  AdminHttp& operator=(const AdminHttp&) = delete;

  // Whether the options can hold together, without a look at files and
  // sockets. INVALID_ARGUMENT, in one line, if not.
  static absl::Status Check(const AdminHttpOptions& options);

  // Listens, and answers from now on. Call it once. INVALID_ARGUMENT if Check()
  // finds a mistake or a file is wrong, UNAVAILABLE if it cannot listen.
  absl::Status Start();

  // Closes the listener and all connections, and ends the thread. You may call
  // it more than once.
  void Stop();

  // The address that it listens on, with its real port, once it has started.
  const std::string& address() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_HTTP_H_
