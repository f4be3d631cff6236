// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/slice.h>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
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

std::optional<v1::Timing> TimingIn(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find("pinion-timing-bin");
  v1::Timing timing;
  if (found == trailers.end() ||
      !timing.ParseFromArray(found->second.data(),
                             static_cast<int>(found->second.size()))) {
    return std::nullopt;
  }
  return timing;
}

// gRPC aborts the program for metadata that HTTP/2 cannot carry.
absl::Status CheckMetadata(const CallOptions& options) {
  for (const auto& [name, value] : options.metadata) {
    const grpc_slice name_slice =
        grpc_slice_from_static_buffer(name.data(), name.size());
    const grpc_slice value_slice =
        grpc_slice_from_static_buffer(value.data(), value.size());
    if (!grpc_header_key_is_legal(name_slice)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "metadata cannot be named \"", absl::CHexEscape(name),
          "\"; valid are lower case letters, digits, '-', '_' and '.'"));
    }
    if (!grpc_is_binary_header(name_slice) &&
        !grpc_header_nonbin_value_is_legal(value_slice)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata ", name,
                       " has a value that is not printable ASCII; name it ",
                       name, "-bin to send bytes"));
    }
  }
  return absl::OkStatus();
}

void Apply(const CallOptions& options, grpc::ClientContext& context) {
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

// What gRPC needs of one call until it is done.
struct OpenCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;

  RawReply Reply(const grpc::Status& status) {
    RawReply reply;
    if (status.ok()) {
      reply.response = ToString(response);
    } else {
      reply.response = ToAbslStatus(status);
    }
    reply.timing = TimingIn(context);
    return reply;
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

Client::~Client() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* open_calls) { return *open_calls == 0; }, &open_calls_));
}

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
  if (absl::Status valid = CheckMetadata(options); !valid.ok()) {
    done({std::move(valid), std::nullopt});
    return;
  }
  auto call = std::make_unique<OpenCall>();
  call->request = ToByteBuffer(request);
  Apply(options, call->context);
  {
    absl::MutexLock lock(&mutex_);
    ++open_calls_;
  }
  // gRPC wants a copyable function; it calls it once.
  auto shared_done =
      std::make_shared<absl::AnyInvocable<void(RawReply)>>(std::move(done));
  const auto finish = [this, shared_done](RawReply reply) {
    (*shared_done)(std::move(reply));
    *shared_done = nullptr;  // What it holds goes before the client may.
    absl::MutexLock lock(&mutex_);
    --open_calls_;
  };
  const auto begin = [&] {
    OpenCall* open = call.release();
    stub_.UnaryCall(&open->context, method, grpc::StubOptions(), &open->request,
                    &open->response,
                    [this, open, finish](const grpc::Status& status) {
                      RawReply reply = open->Reply(status);
                      delete open;
                      if (guard_ != nullptr) guard_->End();
                      finish(std::move(reply));
                    });
  };
  if (guard_ == nullptr) {
    begin();
  } else if (!guard_->Begin(begin)) {
    finish({absl::UnavailableError("the server of this channel has stopped"),
            std::nullopt});
  }
}

}  // namespace pinion
