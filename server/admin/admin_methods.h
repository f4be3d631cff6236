// SPDX-License-Identifier: Apache-2.0
//
// AdminMethods: the methods of the admin socket, by their gRPC paths: those of
//               pinion.admin.v1.AdminService, and those of
//               grpc.channelz.v1.Channelz.
//
// Threads: as the AdminSource: any, and nothing waits for a worker.
// Errors:  UNIMPLEMENTED for an unknown path, INVALID_ARGUMENT for a request
//          that cannot be decoded, UNAVAILABLE before the server has started.
// Example: AdminMethods methods(source);
//          const auto response = methods.Call(
//              "/pinion.admin.v1.AdminService/GetState", "", "uid 0 (pid 1)");
#ifndef PINION_SERVER_ADMIN_ADMIN_METHODS_H_
#define PINION_SERVER_ADMIN_ADMIN_METHODS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/server/admin/admin_source.h"

namespace pinion {

class AdminMethods {
 public:
  // `source` outlives it.
  explicit AdminMethods(AdminSource& source) : source_(source) {}

  // Answers `request`, a serialized message, with a serialized message. `who`
  // asks.
  absl::StatusOr<std::string> Call(absl::string_view path,
                                   absl::string_view request,
                                   absl::string_view who);

 private:
  AdminSource& source_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_METHODS_H_
