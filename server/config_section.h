// SPDX-License-Identifier: Apache-2.0
//
// ConfigSection: a section of a program's own in the server's configuration
//                file: `services.NAME`.
//
// Threads: plain data.
// Example: CartsConfig carts;  // A message; setting.proto says how it is made.
//          ConfigSection section = {.name = "carts", .message = &carts};
//
// The file of this example:
//
//   services:
//     carts:
//       most_carts: 5000
#ifndef PINION_SERVER_CONFIG_SECTION_H_
#define PINION_SERVER_CONFIG_SECTION_H_

#include <string>

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace pinion {

struct ConfigSection {
  std::string name;
  // Receives what the file has; of any type. Its fields say with
  // pinion.config.v1.setting how people write them, what is valid, and what
  // holds without them (proto/pinion/config/v1/setting.proto).
  google::protobuf::Message* message;
};

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_SECTION_H_
