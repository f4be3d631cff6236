// SPDX-License-Identifier: Apache-2.0
//
// The status details of a failed unary call: a serialized google.rpc.Status
// with a pinion.v1.Failure, as gRPC's `grpc-status-details-bin` carries it.
//
// Threads: plain functions; any thread.
// Example: std::string details = EncodeStatusDetails(8, "full", failure);
//          std::optional<v1::Failure> back =
//              FailureFromStatusDetails(details);
//
// Written by hand: generated code of google/rpc/status.proto would collide with
// the same code in a program that links Pinion.
#ifndef PINION_PROTO_WIRE_STATUS_DETAILS_H_
#define PINION_PROTO_WIRE_STATUS_DETAILS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

// The bytes of a google.rpc.Status. `code` is a gRPC status code. Bytes of
// `message` that are not UTF-8 become '?'.
std::string EncodeStatus(int code, absl::string_view message);

// Adds a detail to those bytes: a message's type URL and the serialized
// message.
void AppendStatusDetail(absl::string_view type_url, absl::string_view message,
                        std::string* status);

// `code` is a gRPC status code. If the failure has retry advice, adds it as a
// google.rpc.RetryInfo, too, which any gRPC client understands.
std::string EncodeStatusDetails(int code, absl::string_view message,
                                const v1::Failure& failure);

// The code and the message of those bytes, without their details. OK if the
// bytes are not a google.rpc.Status.
absl::Status StatusFromDetails(absl::string_view serialized);

// The first Failure among the details; skips other details. None if there is no
// Failure, or if the bytes are not a google.rpc.Status.
std::optional<v1::Failure> FailureFromStatusDetails(
    absl::string_view serialized);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_STATUS_DETAILS_H_
