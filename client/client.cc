// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/slice.h>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "proto/wire/status_details.h"

namespace pinion {
namespace {

constexpr char kFailureUrl[] = "type.googleapis.com/pinion.v1.Failure";

grpc::ByteBuffer ToByteBuffer(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok()) return "";
  return std::string(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
}

absl::Status ToAbslStatus(const grpc::Status& status) {
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  const auto failure = FailureFromStatusDetails(status.error_details());
  if (failure.has_value()) {
    result.SetPayload(kFailureUrl, absl::Cord(failure->SerializeAsString()));
  }
  return result;
}

// What one call needs until it is done.
struct OpenCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  absl::AnyInvocable<void(RawReply)> done;

  void Apply(const CallOptions& options) {
    if (options.timeout < absl::InfiniteDuration()) {
      context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
    }
    if (options.worker.has_value()) {
      context.AddMetadata("pinion-worker", absl::StrCat(*options.worker));
    }
    if (options.want_timing) context.AddMetadata("pinion-timing", "1");
    for (const auto& [name, value] : options.metadata) {
      context.AddMetadata(name, value);
    }
  }

  void Finish(const grpc::Status& status) {
    RawReply reply;
    if (status.ok()) {
      reply.response = ToString(response);
    } else {
      reply.response = ToAbslStatus(status);
    }
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto timing = trailers.find("pinion-timing-bin");
    if (timing != trailers.end()) {
      reply.timing.emplace();
      if (!reply.timing->ParseFromArray(
              timing->second.data(), static_cast<int>(timing->second.size()))) {
        reply.timing.reset();
      }
    }
    done(std::move(reply));
  }
};

}  // namespace

std::optional<v1::Failure> FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFailureUrl);
  v1::Failure failure;
  if (!payload.has_value() || !failure.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return failure;
}

Client::Client(std::shared_ptr<grpc::Channel> channel,
               std::shared_ptr<ChannelGuard> guard)
    : stub_(std::move(channel)), guard_(std::move(guard)) {}

RawReply Client::CallRaw(const std::string& method, absl::string_view request,
                         const CallOptions& options) {
  RawReply result;
  absl::Notification done;
  CallRaw(method, request, options, [&](RawReply reply) {
    result = std::move(reply);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

void Client::CallRaw(const std::string& method, absl::string_view request,
                     const CallOptions& options,
                     absl::AnyInvocable<void(RawReply)> done) {
  auto call = std::make_shared<OpenCall>();
  call->request = ToByteBuffer(request);
  call->done = std::move(done);
  call->Apply(options);
  const auto begin = [&] {
    stub_.UnaryCall(&call->context, method, grpc::StubOptions(), &call->request,
                    &call->response, [call](const grpc::Status& status) {
                      call->Finish(status);
                    });
  };
  if (guard_ == nullptr) {
    begin();
  } else if (!guard_->Begin(begin)) {
    call->done(
        {absl::UnavailableError("the server of this channel has stopped"),
         std::nullopt});
  }
}

}  // namespace pinion
