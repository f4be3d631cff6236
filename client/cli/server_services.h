// SPDX-License-Identifier: Apache-2.0
//
// ServerServices: the services of a server, as its reflection tells of them.
//
// Threads: any thread; a call may ask the server, and wait for it.
// Life:    what it returned lives as long as it does.
// Example: ServerServices services("127.0.0.1:50051");
//          auto service = services.Find("shop.v1.CartService");
#ifndef PINION_CLIENT_CLI_SERVER_SERVICES_H_
#define PINION_CLIENT_CLI_SERVER_SERVICES_H_

#include <google/protobuf/descriptor.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/cli/server_descriptors.h"
#include "pinion/client/cli/server_reflection.h"
#include "pinion/client/client.h"

namespace pinion::cli {

class ServerServices {
 public:
  // `target` and `options` as for Client::Connect(); calls are unary.
  explicit ServerServices(std::string target, ClientOptions options = {})
      : reflection_(std::move(target), std::move(options), kTimeout) {}
  ServerServices(const ServerServices&) = delete;
  ServerServices& operator=(const ServerServices&) = delete;

  // The service with this full name. What the server does not have, it is asked
  // for once.
  //   INVALID_ARGUMENT  the server does not have it, or has no reflection; the
  //                     message names what it has, and says what else to do
  //   any other         the server could not be asked, or answered nonsense
  absl::StatusOr<const google::protobuf::ServiceDescriptor*> Find(
      const std::string& name);

  // The names of all services; the same errors.
  absl::StatusOr<std::vector<std::string>> List();

  // The .proto text of a service, method, message or enum; the same errors.
  absl::StatusOr<std::string> Text(const std::string& symbol);

  // Closes the connection to the server, until it is asked once more.
  void Disconnect() { reflection_.Disconnect(); }

 private:
  // For each answer. Only a server that is frozen, or far, takes that long.
  static constexpr absl::Duration kTimeout = absl::Seconds(10);

  using Found = absl::StatusOr<const google::protobuf::ServiceDescriptor*>;

  // With the lock held.
  absl::StatusOr<std::vector<std::string>> AskForNames();
  // An error in words for people. `wanted`: the full name that was looked for;
  // empty: none.
  absl::Status Explain(const absl::Status& status, const std::string& wanted);
  std::string WhatThereIs(const std::string& wanted);

  ServerReflection reflection_;

  std::mutex mutex_;  // Guards the rest; held while the server is asked.
  std::vector<std::unique_ptr<ServerDescriptors>> descriptors_;
  std::map<std::string, Found> found_;  // What need not be asked again.
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_SERVER_SERVICES_H_
