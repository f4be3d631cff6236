// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/rpc_parts.h"

#include <grpcpp/support/slice.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/failure.h"
#include "pinion/client/internal/end_status.h"
#include "pinion/proto/wire/priority_name.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion::client_internal {
namespace {

absl::Status ToAbslStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result = EndStatus(status);
  const std::string details = status.error_details();
  const auto failure = FailureFromStatusDetails(details);
  if (failure.has_value()) result = Failed(std::move(result), *failure);
  AddDetails(details, result);
  return result;
}

// Whether the call may have failed on its way, and not at the server.
bool IsOfNetwork(const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) &&
         !FailureOf(status).has_value();
}

// What the handler sent along, and the timing, which Pinion did.
void ReadTrailers(const grpc::ClientContext& context, Reply& reply) {
  for (const auto& [name, value] : context.GetServerTrailingMetadata()) {
    const absl::string_view key(name.data(), name.size());
    if (key == "pinion-timing-bin") {
      v1::Timing timing;
      if (timing.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
        reply.timing = std::move(timing);
      }
    } else if (!absl::StartsWith(key, "pinion-") &&
               !absl::StartsWith(key, "grpc-")) {
      reply.trailing.emplace_back(std::string(key),
                                  std::string(value.data(), value.size()));
    }
  }
}

}  // namespace

grpc::ByteBuffer ToByteBuffer(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

void ApplyOptions(const CallOptions& options, absl::Time deadline,
                  const std::shared_ptr<grpc::CallCredentials>& credentials,
                  grpc::ClientContext& context) {
  if (deadline < absl::InfiniteFuture()) {
    context.set_deadline(absl::ToChronoTime(deadline));
  }
  if (credentials != nullptr) context.set_credentials(credentials);
  if (options.worker.has_value()) {
    context.AddMetadata("pinion-worker", absl::StrCat(*options.worker));
  }
  if (options.priority != v1::PRIORITY_UNSPECIFIED) {
    context.AddMetadata("pinion-priority",
                        std::string(PriorityName(options.priority)));
  }
  if (options.want_timing) context.AddMetadata("pinion-timing", "1");
  for (const auto& [name, value] : options.metadata) {
    context.AddMetadata(name, value);
  }
}

Reply ReplyOf(const grpc::Status& status, const grpc::ClientContext& context,
              const ChannelSource& source) {
  Reply reply = {.status = ToAbslStatus(status)};
  if (IsOfNetwork(reply.status)) reply.status = source.Explained(reply.status);
  ReadTrailers(context, reply);
  return reply;
}

absl::Status TakesNoCalls() {
  return Failed(absl::CancelledError("the client goes; it takes no calls"),
                v1::REASON_CANCELLED, v1::EXECUTED_NO);
}

}  // namespace pinion::client_internal
