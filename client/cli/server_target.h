// SPDX-License-Identifier: Apache-2.0
//
// ServerTarget: sends a load's calls to one method of a server.
//
// Threads: any thread.
// Example: ServerTarget target(*client, method, options);
//          LoadGenerator load(load_options, requests, target, clock);
#ifndef PINION_CLIENT_CLI_SERVER_TARGET_H_
#define PINION_CLIENT_CLI_SERVER_TARGET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/cli/load_target.h"
#include "pinion/client/client.h"

namespace pinion::cli {

// The kind of an error; none if it is OK.
inline std::optional<ErrorKind> ErrorKindOf(const absl::Status& status) {
  if (status.ok()) return std::nullopt;
  const auto failure = FailureOf(status);
  return ErrorKind{
      .code = status.raw_code(),
      .reason = failure.has_value() ? static_cast<int>(failure->reason()) : 0};
}

class ServerTarget final : public LoadTarget {
 public:
  // `client` must outlive it.
  ServerTarget(Client& client, std::string method, CallOptions options)
      : client_(client),
        method_(std::move(method)),
        options_(std::move(options)) {}

  void Send(absl::string_view request, uint32_t call,
            AnswerReceiver& receiver) override {
    // Small enough to be stored without allocating.
    client_.StartRaw(method_, request, options_,
                     [&receiver, call](const Reply& reply) {
                       receiver.Answered(call, ErrorKindOf(reply.status));
                     });
  }

 private:
  Client& client_;
  const std::string method_;
  const CallOptions options_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_SERVER_TARGET_H_
