// SPDX-License-Identifier: Apache-2.0
//
// OpenCall: a unary call that is under way, with all that gRPC shows of it.
//
// Threads: anyone; the answer comes on a thread of gRPC's.
// Life:    it waits for its answer before it goes.
// Example: OpenCall add(channel, kAdd, request.SerializeAsString());
//          add.Cancel();
//          EXPECT_EQ(add.Await().code(), absl::StatusCode::kCancelled);
//
// A Client shows neither the trailers of a call nor lets it be cancelled.
#ifndef PINION_TESTS_SUPPORT_OPEN_CALL_H_
#define PINION_TESTS_SUPPORT_OPEN_CALL_H_

#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/channel_guard.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::testing {

// Where calls go.
struct GuardedChannel {
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<ChannelGuard> guard;  // If it is in-process.
};

struct OpenCallOptions {
  absl::Duration timeout = absl::InfiniteDuration();
  // As gRPC has it, instead of the timeout.
  std::optional<gpr_timespec> deadline = std::nullopt;
  std::vector<std::pair<std::string, std::string>> metadata = {};
  // Where the call arrives if it fails; an open gate, if many may: gRPC has two
  // threads for what they do then.
  Gate* failed = nullptr;
};

class OpenCall {
 public:
  OpenCall(const GuardedChannel& channel, const std::string& method,
           absl::string_view request, const OpenCallOptions& options = {})
      : stub_(channel.channel),
        guard_(channel.guard),
        request_(ToByteBuffer(request)),
        failed_(options.failed) {
    Apply(options);
    OrderAsGrpcDoes();
    const auto begin = [&] {
      stub_.UnaryCall(&context_, method, grpc::StubOptions(), &request_,
                      &response_,
                      [this](const grpc::Status& status) { End(status); });
    };
    if (guard_ == nullptr) {
      begin();
    } else if (!guard_->Begin(begin)) {
      guard_ = nullptr;
      End({grpc::StatusCode::UNAVAILABLE, "the server has stopped"});
    }
  }
  ~OpenCall() { Await(); }
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;

  // Takes the call back; nothing happens if it has its answer.
  void Cancel() { context_.TryCancel(); }

  // Waits for the answer. The rest is for afterwards.
  const absl::Status& Await() {
    answered_.Pass();
    return status_;
  }

  std::chrono::steady_clock::time_point answered_at() const {
    return answered_at_;
  }

  std::string response() const {
    grpc::Slice slice;
    if (!response_.DumpToSingleSlice(&slice).ok()) return "";
    return std::string(reinterpret_cast<const char*>(slice.begin()),
                       slice.size());
  }

  // What the server said of an error; all unspecified if it said nothing.
  v1::Failure failure() const {
    return FailureFromStatusDetails(details()).value_or(v1::Failure());
  }
  const std::string& details() const { return details_; }

  // Empty if it is not there.
  std::string trailer(const char* name) const {
    const auto& trailers = context_.GetServerTrailingMetadata();
    const auto found = trailers.find(name);
    if (found == trailers.end()) return "";
    return std::string(found->second.data(), found->second.size());
  }

 private:
  static grpc::ByteBuffer ToByteBuffer(absl::string_view bytes) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    return grpc::ByteBuffer(&slice, 1);
  }

  void Apply(const OpenCallOptions& options) {
    if (options.deadline.has_value()) {
      context_.set_deadline(*options.deadline);
    } else if (options.timeout < absl::InfiniteDuration()) {
      context_.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
    }
    for (const auto& [name, value] : options.metadata) {
      context_.AddMetadata(name, value);
    }
  }

  void End(const grpc::Status& status) {
    answered_at_ = std::chrono::steady_clock::now();
    OrderAsGrpcDoes();
    status_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                           status.error_message());
    details_ = status.error_details();
    if (guard_ != nullptr) guard_->End();
    if (failed_ != nullptr && !status_.ok()) failed_->Pass();
    answered_.Open();
  }

  grpc::GenericStub stub_;
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  mutable grpc::ByteBuffer response_;
  Gate* const failed_;
  absl::Status status_;
  std::string details_;
  std::chrono::steady_clock::time_point answered_at_;
  Gate answered_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_OPEN_CALL_H_
