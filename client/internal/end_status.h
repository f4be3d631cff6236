// SPDX-License-Identifier: Apache-2.0
//
// EndStatus(): how a call or a stream of gRPC's ended, with the server's own
// reason where a proxy has replaced it.
//
// Threads: a plain function; any thread.
// Why:     if a server ends a stream before its client has closed its side, as
//          with each session that ends early, HAProxy 2.6 passes the server's
//          trailers on and then resets the stream. gRPC then reports CANCELLED,
//          but still has the status details among the trailers.
// Example: void OnDone(const grpc::Status& status) override {
//            link_.StreamEnded(*this, EndStatus(status));
//          }
#ifndef PINION_CLIENT_INTERNAL_END_STATUS_H_
#define PINION_CLIENT_INTERNAL_END_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace pinion::client_internal {

// The code and the message; not the details.
absl::Status EndStatus(const grpc::Status& status);

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_END_STATUS_H_
