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
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

// Adds the payloads of `status`, which are details with their type URLs, to the
// bytes of a google.rpc.Status.
void AppendPayloads(const absl::Status& status, std::string* details);

// `status` as gRPC's, with `failure` (see failure.proto) and the payloads of
// `status` in its details. `trailing` leaves with it, and the client must take
// all of it: so a long text is cut, after the payloads were left out if they
// take its place. Bytes of the text that are not UTF-8 become '?'.
grpc::Status ToGrpcStatus(
    const absl::Status& status, const v1::Failure& failure,
    absl::Span<const std::pair<std::string, std::string>> trailing = {});

// Whether a handler ran, and when to retry, for clients that do not read
// details.
void AddFailureTrailers(const v1::Failure& failure,
                        grpc::ServerContextBase& context);

}  // namespace pinion

#endif  // PINION_SERVER_IO_GRPC_STATUS_H_
