// SPDX-License-Identifier: Apache-2.0
//
// ConnectToAdmin: a client of a server's admin socket.
//
// Threads: any thread.
// Example: const auto client = ConnectToAdmin(target);
//          const auto state = client->Call(admin::kGetState, request, ...);
//          if (!state.ok()) ExitWith(AdminError(state.status()));
#ifndef PINION_CLIENT_CLI_ADMIN_CONNECTION_H_
#define PINION_CLIENT_CLI_ADMIN_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "pinion/client/client.h"

namespace pinion::cli {

// `target`: of AdminTarget().
std::unique_ptr<Client> ConnectToAdmin(const std::string& target);

// The error of a call there, in words for people.
absl::Status AdminError(const absl::Status& status);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_CONNECTION_H_
