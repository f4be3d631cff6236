// SPDX-License-Identifier: Apache-2.0
//
// The messages of grpc.health.v1.Health as bytes: the request, and the status
// in the response.
//
// Threads: plain functions; any thread.
// Example: std::optional<std::string> service =
//              ServiceInHealthRequest(request);
//          std::string response = EncodeHealthResponse(HealthStatus::kServing);
//
// Written by hand: generated code of grpc/health/v1/health.proto would collide
// with the same code in a program that links Pinion.
#ifndef PINION_PROTO_WIRE_HEALTH_MESSAGE_H_
#define PINION_PROTO_WIRE_HEALTH_MESSAGE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

// HealthCheckResponse.ServingStatus, with its numbers.
enum class HealthStatus { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

// The service that a HealthCheckRequest names; empty means the whole server.
// None if the bytes are not a HealthCheckRequest.
std::optional<std::string> ServiceInHealthRequest(absl::string_view serialized);

// A serialized HealthCheckResponse.
std::string EncodeHealthResponse(HealthStatus status);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_HEALTH_MESSAGE_H_
