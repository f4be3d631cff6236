// SPDX-License-Identifier: Apache-2.0
//
// ServerMain: the main() of a program that is a server: its flags and its
//             configuration file, signals, reloads, exit codes.
//
// Threads: the main thread, before there are others.
// Example: int main(int argc, char** argv) {
//            return pinion::ServerMain(argc, argv, [](pinion::Server& server) {
//              server.Host<Carts>("shop.v1.CartService")
//                  .On("AddItem", &Carts::AddItem);
//            });
//          }
//
// Such a program has all that pinion-server has. Each option of options.h is a
// flag (--grace=20s) and a field of a YAML file (--config FILE; a flag goes
// before the file):
//
//   --help           lists the flags, with ranges, and when to change them
//   --config FILE    reads the file
//   --check FILE     tells every mistake of the file, with its line, and what
//                    will hurt; starts nothing
//   --print_config   prints what holds as YAML, with where each value is from
//   SIGTERM, SIGINT  stop the server as Server::Run() says
//   SIGHUP           reads the file again: all of what may change while the
//                    server runs changes, or nothing, and a line says why
//
// Exit codes: 0 after a stop, or if a checked file is right; 2 for a mistake in
// a flag or in the file, or if the server could not start; 3 if a handler did
// not return and the stop ended without it.
//
// A section of your own: make a message for it,
//
//   message CartsConfig {
//     // The most carts that one worker holds. Raise it when memory is free.
//     optional int64 most_carts = 1 [(pinion.config.v1.setting) = {
//       least: "1", most: "1000000", default_value: "10000"
//       help: "The most carts that one worker holds, 1 to 1000000. Raise it "
//             "when memory is free."
//     }];
//   }
//
// and name it. Its fields are then read from `services.carts` of the file and
// from flags of their names (--most_carts=500); --check, --print_config and
// --help have them:
//
//   int main(int argc, char** argv) {
//     CartsConfig carts;
//     return pinion::ServerMain(argc, argv, {
//         .usage = "Keeps the carts of the shop until SIGTERM or SIGINT.",
//         .sections = {{"carts", &carts}},
//         .host = [&](pinion::Server& server) { HostCarts(server, carts); }});
//   }
//
// The flags of Abseil's that your program declares (ABSL_FLAG) are its flags,
// too. Build it with pinion_server_binary() of server/server_binary.bzl, which
// is a cc_binary whose allocator returns memory after a load.
#ifndef PINION_SERVER_SERVER_MAIN_H_
#define PINION_SERVER_SERVER_MAIN_H_

#include <functional>
#include <utility>

#include "pinion/server/server.h"
#include "pinion/server/server_program.h"

namespace pinion {

// Runs the program. Returns the exit code for main(); ends the process itself
// after --help and --version, for a mistake in a flag, and as Server::Run()
// says.
int ServerMain(int argc, char** argv, const ServerProgram& program);

// The same for a program that has nothing but services.
inline int ServerMain(int argc, char** argv,
                      std::function<void(Server& server)> host) {
  return ServerMain(argc, argv, ServerProgram{.host = std::move(host)});
}

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_MAIN_H_
