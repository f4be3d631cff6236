// SPDX-License-Identifier: Apache-2.0
//
// An error of Pinion's as gRPC carries it: status, details and trailers.
//
// Threads: anyone.
// Example: AddFailureTrailers(failure, context);
//          writer.FinishWithError(ToGrpcStatus(status, failure), tag);
#ifndef PINION_SERVER_GRPC_STATUS_H_
#define PINION_SERVER_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "pinion/v1/failure.pb.h"
#include "proto/wire/status_details.h"

namespace pinion {

// Adds the payloads of `status`, which are details by their type URLs, to the
// bytes of a google.rpc.Status.
inline void AppendPayloads(const absl::Status& status, std::string* details) {
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& message) {
    AppendStatusDetail(url, std::string(message), details);
  });
}

// `status` and, in its details, `failure`, see failure.proto, and the payloads
// of `status`.
inline grpc::Status ToGrpcStatus(const absl::Status& status,
                                 const v1::Failure& failure) {
  // gRPC's clients take some 8 KiB of trailers, which have the text, too.
  constexpr size_t kMostPayloadBytes = 4096;
  const int code = static_cast<int>(status.code());
  // The failure first: clients take the first, and a payload may be another's.
  std::string details = EncodeStatusDetails(code, status.message(), failure);
  std::string payloads;
  AppendPayloads(status, &payloads);
  if (payloads.size() <= kMostPayloadBytes) details += payloads;
  return grpc::Status(static_cast<grpc::StatusCode>(code),
                      std::string(status.message()), details);
}

// Whether a handler ran, and when to retry, for clients that read no details.
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

#endif  // PINION_SERVER_GRPC_STATUS_H_
