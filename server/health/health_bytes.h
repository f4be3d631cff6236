// SPDX-License-Identifier: Apache-2.0
//
// The messages of grpc.health.v1.Health in gRPC's byte buffers.
//
// Threads: plain functions; any thread.
#ifndef PINION_SERVER_HEALTH_HEALTH_BYTES_H_
#define PINION_SERVER_HEALTH_HEALTH_BYTES_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/health_message.h"

namespace pinion {

// Returns the service that the request in `buffer` names; none if it is not a
// valid request. Empties the buffer.
inline std::optional<std::string> TakeHealthRequest(grpc::ByteBuffer& buffer) {
  grpc::Slice bytes;
  if (!buffer.DumpToSingleSlice(&bytes).ok()) return std::nullopt;
  buffer.Clear();
  return ServiceInHealthRequest(absl::string_view(
      reinterpret_cast<const char*>(bytes.begin()), bytes.size()));
}

// The answer to an invalid request.
inline grpc::Status BadHealthRequest() {
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                      "cannot decode the HealthCheckRequest");
}

inline grpc::ByteBuffer HealthResponse(HealthStatus status) {
  const grpc::Slice bytes(EncodeHealthResponse(status));
  return grpc::ByteBuffer(&bytes, 1);
}

}  // namespace pinion

#endif  // PINION_SERVER_HEALTH_HEALTH_BYTES_H_
