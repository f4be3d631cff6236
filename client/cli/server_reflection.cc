// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/server_reflection.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace pinion::cli {

absl::StatusOr<ReflectionAnswer> ServerReflection::Ask(
    const ReflectionQuestion& question) {
  std::unique_lock lock(mutex_);
  if (client_ == nullptr) client_ = Client::Connect(target_, options_);
  const std::shared_ptr<Client> client = client_;
  const char* const path = path_;
  lock.unlock();
  const std::string bytes = EncodeReflectionQuestion(question);
  absl::StatusOr<ReflectionAnswer> answer = AskBy(*client, path, bytes);
  if (!absl::IsUnimplemented(answer.status())) return answer;
  // Pinion has this version alone, and others will drop it one day.
  absl::StatusOr<ReflectionAnswer> later =
      AskBy(*client, reflection_protocol::kPathOfV1, bytes);
  if (absl::IsUnimplemented(later.status())) return answer;
  lock.lock();
  path_ = reflection_protocol::kPathOfV1;
  return later;
}

void ServerReflection::Disconnect() {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Client> client = std::move(client_);
  lock.unlock();
}

// A stream with one question is, on the wire, what a server-streaming call is.
absl::StatusOr<ReflectionAnswer> ServerReflection::AskBy(
    Client& client, const char* path, const std::string& question) const {
  RawStreamReader stream =
      client.StreamRaw(path, question, {.timeout = timeout_});
  const std::optional<std::string> message = stream.Next();
  if (!message.has_value()) {
    if (!stream.status().ok()) return stream.status();
    return absl::InternalError("the server's reflection gave no answer");
  }
  std::optional<ReflectionAnswer> answer = ReadReflectionAnswer(*message);
  if (!answer.has_value()) {
    return absl::InternalError(
        "what the server's reflection answered is no "
        "ServerReflectionResponse");
  }
  if (answer->error_code != 0) {
    return absl::Status(static_cast<absl::StatusCode>(answer->error_code),
                        answer->error_message);
  }
  return *std::move(answer);
}

}  // namespace pinion::cli
