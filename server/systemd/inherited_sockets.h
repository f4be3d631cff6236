// SPDX-License-Identifier: Apache-2.0
//
// Inherited sockets: the listening sockets that systemd, or another parent,
//                    hands over to this process (LISTEN_FDS).
//
// Threads: one at a time. Call the first of these before there are threads that
//          look at the environment: it removes the variables.
// Life:    a socket that nobody takes stays open, and is closed in programs
//          that this one starts.
// Example: auto descriptors = TakeInheritedSockets("grpc");
//          if (!descriptors.ok()) return descriptors.status();
//          auto sockets = ListeningSockets::Adopt(*descriptors, {});
#ifndef PINION_SERVER_SYSTEMD_INHERITED_SOCKETS_H_
#define PINION_SERVER_SYSTEMD_INHERITED_SOCKETS_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

struct InheritedSocket {
  int descriptor;
  std::string name;  // FileDescriptorName of its unit; systemd always sets one.
};

// What the environment says.
struct InheritedEnvironment {
  // The values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; null if not set.
  const char* pid;
  const char* count;
  const char* names;
};

// The sockets that `environment` hands over to the process `self`. None if
// there are none or they are for another process. INVALID_ARGUMENT if it does
// not make sense.
absl::StatusOr<std::vector<InheritedSocket>> ReadInherited(
    const InheritedEnvironment& environment, pid_t self);

// Reads the environment of this process, and removes the variables: a program
// that this one starts must not take the sockets for its own. Only the first
// call does anything; the functions below begin with it.
void ReadInheritedSockets();

// The descriptors that were handed over with this name, or all if it is empty,
// that were not taken before. They belong to the caller. INVALID_ARGUMENT if
// there are none, with what was handed over instead.
absl::StatusOr<std::vector<int>> TakeInheritedSockets(absl::string_view name);

// The sockets that nobody has taken.
std::vector<InheritedSocket> LeftInheritedSockets();

}  // namespace pinion

#endif  // PINION_SERVER_SYSTEMD_INHERITED_SOCKETS_H_
