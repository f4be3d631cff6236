// SPDX-License-Identifier: Apache-2.0
//
// The details of a failed call: the reason, whether a handler ran, and the
// handler's own details.
//
// Threads: plain functions; any thread.
// Example: if (auto failure = FailureOf(value.status());
//              failure && failure->executed() == v1::EXECUTED_NO) Repeat();
#ifndef PINION_CLIENT_FAILURE_H_
#define PINION_CLIENT_FAILURE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

// Why a call failed. None: nothing is known, and a handler may have run.
std::optional<v1::Failure> FailureOf(const absl::Status& status);

// Whether no handler has run for a failed call or ever will: a retry is safe.
bool NotExecuted(const absl::Status& status);

// The serialized google.rpc.Status of an error; empty if it has none.
std::string DetailsOf(const absl::Status& status);

namespace client_internal {

// Makes an error that carries `failure`.
absl::Status Failed(absl::Status status, const v1::Failure& failure);
absl::Status Failed(absl::Status status, v1::Reason reason,
                    v1::Executed executed);

// Adds a serialized google.rpc.Status; does nothing if `details` is empty.
void AddDetails(absl::string_view details, absl::Status& status);

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_FAILURE_H_
