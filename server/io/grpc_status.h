// SPDX-License-Identifier: Apache-2.0
//
// Pinion's errors in gRPC's form: status, details and trailers.
//
// Threads: any thread.
// Example: AddFailureTrailers(failure, context);
//          writer.FinishWithError(ToGrpcStatus(status, failure), tag);
#ifndef PINION_SERVER_IO_GRPC_STATUS_H_
#define PINION_SERVER_IO_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

// Adds the payloads of `status`, which are details with their type URLs, to the
// bytes of a google.rpc.Status.
inline void AppendPayloads(const absl::Status& status, std::string* details) {
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& message) {
    AppendStatusDetail(url, std::string(message), details);
  });
}

// `status` as gRPC's, with `failure` (see failure.proto) and the payloads of
// `status` in its details.
inline grpc::Status ToGrpcStatus(const absl::Status& status,
                                 const v1::Failure& failure) {
  // gRPC's clients accept about 8 KiB of trailers, which contain the text, too.
  constexpr size_t kMaxPayloadBytes = 4096;
  const int code = static_cast<int>(status.code());
  // The failure comes first: clients take the first one, and a payload may be
  // one from another server.
  std::string details = EncodeStatusDetails(code, status.message(), failure);
  std::string payloads;
  AppendPayloads(status, &payloads);
  if (payloads.size() <= kMaxPayloadBytes) details += payloads;
  return grpc::Status(static_cast<grpc::StatusCode>(code),
                      std::string(status.message()), details);
}

// Whether a handler ran, and when to retry, for clients that do not read
// details.
inline void AddFailureTrailers(const v1::Failure& failure,
                               grpc::ServerContextBase& context) {
  const char* executed = failure.executed() == v1::EXECUTED_NO    ? "NO"
                         : failure.executed() == v1::EXECUTED_YES ? "YES"
                                                                  : "MAYBE";
  context.AddTrailingMetadata("pinion-executed", executed);
  if (failure.retry_after_us() > 0) {
    const uint64_t millis = (failure.retry_after_us() + 999) / 1000;
    context.AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(millis));
  }
}

}  // namespace pinion

#endif  // PINION_SERVER_IO_GRPC_STATUS_H_
