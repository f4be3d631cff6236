// SPDX-License-Identifier: Apache-2.0
//
// Methods: the methods that can be called: those of a pool, and beyond these
//          those that the server tells of.
//
// Threads: any thread; a look-up of a method that the pool does not have may
//          ask the server, and wait for it.
// Example: Methods methods(descriptor_pool, &server_services);
//          auto method = methods.Find("/pinion.kv.v1.KvService/Get");
#ifndef PINION_CLIENT_CLI_METHODS_H_
#define PINION_CLIENT_CLI_METHODS_H_

#include <google/protobuf/descriptor.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/client/cli/server_services.h"

namespace pinion::cli {

class Methods {
 public:
  // Both must outlive it. `server`: null if no server is asked.
  explicit Methods(const google::protobuf::DescriptorPool& pool,
                   ServerServices* server = nullptr)
      : pool_(pool), server_(server) {}

  // The method "/package.Service/Method".
  //   INVALID_ARGUMENT  the name has another form; there is no such method; it
  //                     takes a stream of requests
  //   any other         the server could not be asked
  absl::StatusOr<const google::protobuf::MethodDescriptor*> Find(
      absl::string_view method) const;

  // See ServerServices::Disconnect().
  void Disconnect() const {
    if (server_ != nullptr) server_->Disconnect();
  }

 private:
  const google::protobuf::DescriptorPool& pool_;
  ServerServices* const server_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_METHODS_H_
