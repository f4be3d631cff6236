// SPDX-License-Identifier: Apache-2.0
//
// The errors that a link of sessions makes, each with its Failure.
//
// Threads: plain functions; any thread.
// Example: End(call, ClientGone(v1::EXECUTED_NO), deferred);
#ifndef PINION_CLIENT_INTERNAL_LINK_ERRORS_H_
#define PINION_CLIENT_INTERNAL_LINK_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/failure.h"
#include "pinion/core/base/duration_text.h"
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

// The server has not said in time what happened to the call.
inline absl::Status CancelledUnheard(absl::Duration wait) {
  return Failed(
      absl::CancelledError(absl::StrCat(
          "the call was cancelled, and the server has not said within ",
          DurationText(wait), " whether a handler ran")),
      v1::REASON_CANCELLED, v1::EXECUTED_MAYBE);
}

inline absl::Status ClientGone(v1::Executed executed) {
  return Failed(
      absl::CancelledError("the client went before the call had an answer"),
      v1::REASON_CANCELLED, executed);
}

// The stream ended with `why`, after the call was given to a write.
inline absl::Status Broken(const absl::Status& why) {
  return Failed(absl::UnavailableError(absl::StrCat(
                    "the session broke before the call had an answer: ",
                    absl::StatusCodeToString(why.code()), ": ", why.message())),
                v1::REASON_UNSPECIFIED, v1::EXECUTED_MAYBE);
}

// Why a stream is given up: nothing was received for `wait`, though the server
// owed a message.
inline absl::Status Silent(absl::Duration wait) {
  return absl::UnavailableError(
      absl::StrCat("the server has said nothing for ", DurationText(wait),
                   " though it had to; its connection is taken for dead"));
}

// The same, because its announced end did not come.
inline absl::Status NotEnded(absl::Duration wait) {
  return absl::UnavailableError(
      absl::StrCat("the server has not ended the session within ",
                   DurationText(wait), " after it had to"));
}

// Whether a stream that ended with `why`, without having answered a call, will
// fail again.
inline bool IsLasting(const absl::Status& why) {
  return why.code() == absl::StatusCode::kUnimplemented ||
         why.code() == absl::StatusCode::kUnauthenticated ||
         why.code() == absl::StatusCode::kPermissionDenied;
}

// There is no stream, because of `why`.
inline absl::Status NoSession(const absl::Status& why) {
  return Failed(
      absl::Status(
          IsLasting(why) ? why.code() : absl::StatusCode::kUnavailable,
          absl::StrCat("there is no session with the server: ", why.message())),
      v1::REASON_UNSPECIFIED, v1::EXECUTED_NO);
}

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_LINK_ERRORS_H_
