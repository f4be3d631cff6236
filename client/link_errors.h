// SPDX-License-Identifier: Apache-2.0
//
// The errors that a link of sessions gives by itself, each with its Failure.
//
// Threads: plain functions; any thread.
// Example: End(call, ClientGone(v1::EXECUTED_NO), todo);
#ifndef PINION_CLIENT_LINK_ERRORS_H_
#define PINION_CLIENT_LINK_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/failure.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::client_internal {

inline absl::Status Expired(absl::string_view when, v1::Executed executed) {
  return Failed(absl::DeadlineExceededError(
                    absl::StrCat("the call's deadline passed ", when)),
                v1::REASON_EXPIRED, executed);
}

inline absl::Status Cancelled() {
  return Failed(absl::CancelledError("the call was cancelled"),
                v1::REASON_CANCELLED, v1::EXECUTED_NO);
}

inline absl::Status ClientGone(v1::Executed executed) {
  return Failed(
      absl::CancelledError("the client went before the call had an answer"),
      v1::REASON_CANCELLED, executed);
}

// The stream ended so, and the call had been given to a write.
inline absl::Status Broken(const absl::Status& why) {
  return Failed(absl::UnavailableError(absl::StrCat(
                    "the session broke before the call had an answer: ",
                    absl::StatusCodeToString(why.code()), ": ", why.message())),
                v1::REASON_UNSPECIFIED, v1::EXECUTED_MAYBE);
}

// Whether a stream that ended so, without having answered a call, will not do
// better the next time.
inline bool IsLasting(const absl::Status& why) {
  return why.code() == absl::StatusCode::kUnimplemented ||
         why.code() == absl::StatusCode::kUnauthenticated ||
         why.code() == absl::StatusCode::kPermissionDenied;
}

// There is no stream, for that reason.
inline absl::Status NoSession(const absl::Status& why) {
  return Failed(
      absl::Status(
          IsLasting(why) ? why.code() : absl::StatusCode::kUnavailable,
          absl::StrCat("there is no session with the server: ", why.message())),
      v1::REASON_UNSPECIFIED, v1::EXECUTED_NO);
}

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_LINK_ERRORS_H_
