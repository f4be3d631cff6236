// SPDX-License-Identifier: Apache-2.0
//
// ServerReflection: asks a server by gRPC's reflection which services it has,
//                   and for their .proto files.
//
// Threads: any thread. Ask() waits for the answer.
// Life:    it connects when it is asked, and stays connected until
//          Disconnect(), after which it may be asked again.
// Example: ServerReflection reflection("127.0.0.1:50051", {},
//                                      absl::Seconds(10));
//          auto answer = reflection.Ask(
//              {.kind = ReflectionQuestion::Kind::kListServices});
#ifndef PINION_CLIENT_CLI_SERVER_REFLECTION_H_
#define PINION_CLIENT_CLI_SERVER_REFLECTION_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/proto/wire/reflection_message.h"

namespace pinion::cli {

class ServerReflection {
 public:
  // `target` and `options` as for Client::Connect(). Calls are unary, so that
  // it may be any gRPC server. An answer may take `timeout`.
  ServerReflection(std::string target, ClientOptions options,
                   absl::Duration timeout)
      : target_(std::move(target)),
        options_(std::move(options)),
        timeout_(timeout) {
    options_.unary = true;
  }
  ServerReflection(const ServerReflection&) = delete;
  ServerReflection& operator=(const ServerReflection&) = delete;

  const std::string& target() const { return target_; }

  // UNIMPLEMENTED: the server has no reflection. NOT_FOUND: it has, and does
  // not know what was asked for. INTERNAL: the answer cannot be read.
  absl::StatusOr<ReflectionAnswer> Ask(const ReflectionQuestion& question);

  // Closes the connection, when nobody asks any more.
  void Disconnect();

 private:
  // By one version of the service.
  absl::StatusOr<ReflectionAnswer> AskBy(Client& client, const char* path,
                                         const std::string& question) const;

  // Fixed at construction.
  const std::string target_;
  ClientOptions options_;
  const absl::Duration timeout_;

  std::mutex mutex_;  // Guards the rest.
  std::shared_ptr<Client> client_;
  // The version that the server has, as far as is known.
  const char* path_ = reflection_protocol::kPath;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_SERVER_REFLECTION_H_
