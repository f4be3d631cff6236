// SPDX-License-Identifier: Apache-2.0
//
// AdminOptions: where an operator asks a server what it does: a Unix socket for
//               the tool `pinion`, and a page for browsers.
//
// Threads: plain data.
// Example: RunOptions run;
//          run.admin.listen = "127.0.0.1:9090";
#ifndef PINION_SERVER_ADMIN_OPTIONS_H_
#define PINION_SERVER_ADMIN_OPTIONS_H_

#include <string>

#include "pinion/third_party/cpp20.h"

namespace pinion {

struct AdminOptions {
  // The address of the page, of /metrics, and of what they show as JSON:
  // "host:port" (IPv6 hosts in brackets; port 0 picks a free port) or
  // "unix:/path". An address that other machines reach needs `certificate`,
  // `key` and `token_file`. Empty: there is no page. Set it to look at the
  // server with a browser, or to have Prometheus scrape it.
  std::string listen = {};

  // The path of the Unix socket for the tool `pinion`, which speaks gRPC. Only
  // this process's user and root may use it. "auto": PID.admin in a folder
  // where the tool looks for it: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/pinion or
  // /tmp/pinion-UID; if none of them can be used, the server starts without,
  // and says why. "off": there is none. Set it to a path when the tool runs
  // where it does not see these folders, for example in another container.
  std::string socket = "auto";

  // The file with the page's token: 16 to 1024 printable characters without
  // spaces. A browser that has it may change settings; where other machines
  // reach the page, it must have it to read, too. Empty: nothing can be changed
  // by the page. Set it when the page should change settings, or be reached
  // from other machines.
  std::string token_file = {};

  // The files with the page's certificate and its key, in PEM form; both or
  // none. They are read once, at the start. Set them when other machines reach
  // the page.
  std::string certificate = {};
  std::string key = {};

  // Further names, with commas between them, by which browsers may ask for the
  // page: "ops.example" with any port, or "ops.example:9090". Set it when the
  // page is reached by a name other than that in `listen`, localhost,
  // 127.0.0.1 and [::1].
  std::string hosts = {};

  friend bool operator==(const AdminOptions&, const AdminOptions&) = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_OPTIONS_H_
