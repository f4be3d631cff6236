// SPDX-License-Identifier: Apache-2.0
//
// AdminJson: what a server said of itself as JSON for scripts: one object on
// one
//            line, with the names of the .proto and every number.
//
// Threads: plain functions; any thread.
// Safety:  what strangers named has no control character in it: each is \uXXXX.
// Example: std::puts(AdminJson(state).c_str());
#ifndef PINION_CLIENT_CLI_ADMIN_JSON_H_
#define PINION_CLIENT_CLI_ADMIN_JSON_H_

#include <google/protobuf/message.h>

#include <string>

namespace pinion::cli {

std::string AdminJson(const google::protobuf::Message& message);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_JSON_H_
